package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
    name = "replace",
    description = {
      "Let another node take the place of one that is gone for good, and wait for it. The place goes"
          + " to a spare, if there is one; if not, to the next machine that joins.",
    },
    footer = {"%nExample:", "  ./meridian replace n1a2b3c4d"})
final class ReplaceCommand implements Runnable {
  private static final Duration PATIENCE = Duration.ofMinutes(10);
  private static final Duration LOOK_EVERY = Duration.ofMillis(500);

  @Parameters(paramLabel = "NODE", description = "The id of the node that is gone, from 'status'.")
  String node = "";

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  ReplaceCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    try (MeridianClient client = server.connectAdmin(console)) {
      long wanted = replicas(cluster(client));
      client.call("DELETE", "/nodes/" + node + "?gone", null);
      console.note("waiting for others to take over what " + Failures.oneLine(node) + " held");
      JsonNode now = awaitGone(client);
      long left = replicas(now);
      console.note(
          Failures.oneLine(node)
              + " is out of the cluster; the data has "
              + left
              + " replicas now");
      if (left < wanted) {
        console.note(
            "no other node could take its place: start one with './meridian up --join' and a token"
                + " from './meridian token', and it will");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CliException(ExitCode.INTERRUPTED, "interrupted; the cluster goes on by itself");
    }
  }

  private JsonNode awaitGone(MeridianClient client) throws InterruptedException {
    long until = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      JsonNode now = cluster(client);
      if (!isIn(now)) {
        return now;
      }
      if (System.nanoTime() - until > 0) {
        throw new CliException(
            ExitCode.FAILED,
            "after "
                + PATIENCE.toMinutes()
                + " minutes "
                + node
                + " still has its place; the cluster goes on trying. Are a majority of the others"
                + " up? See './meridian status'");
      }
      TimeUnit.MILLISECONDS.sleep(LOOK_EVERY.toMillis());
    }
  }

  private static JsonNode cluster(MeridianClient client) {
    return JsonText.MAPPER.readTree(client.call("GET", "/status", null)).path("cluster");
  }

  private boolean isIn(JsonNode cluster) {
    for (JsonNode known : cluster.path("nodes")) {
      if (known.path("id").asString("").equals(node)) {
        return true;
      }
    }
    return false;
  }

  private static long replicas(JsonNode cluster) {
    return cluster.path("members").asLong(0);
  }
}
