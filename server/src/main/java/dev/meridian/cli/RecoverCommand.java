package dev.meridian.cli;

import dev.meridian.replica.Recovery;
import dev.meridian.shard.ClusterRecovery;
import dev.meridian.shard.Member;
import dev.meridian.store.Engine;
import dev.meridian.store.LogIndex;
import dev.meridian.store.RocksStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "recover",
    description = {
      "Go on with one node's data when most nodes of a cluster are lost for good. What only they had"
          + " is lost with them: this is the last resort. While a majority is there, or comes back,"
          + " nothing need be recovered.",
      "",
      "The node must not run. The command checks what it has, says what may be missing, and asks."
          + " Then the node is the only one of a new cluster, and others join it with empty data"
          + " folders. The nodes given up must never be started with their old data again."
    },
    footer = {
      "%nExamples:",
      "  ./meridian recover --from-this-replica --data /var/lib/meridian",
      "  ./meridian recover --from-this-replica --yes     without a question: read --help first",
      "%nIf several nodes are left, run it on each, answer no, and recover the one whose log ends"
          + " last."
    })
final class RecoverCommand implements Callable<Integer> {
  @Option(
      names = "--from-this-replica",
      required = true,
      description = "What this node has is to be the data, whatever the others had.")
  boolean fromThisReplica;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      defaultValue = "data",
      description = "The node's data folder (default: ./${DEFAULT-VALUE}).")
  Path data = Path.of("data");

  @Option(names = "--yes", description = "Do not ask.")
  boolean yes;

  private final Console console;

  RecoverCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (ClusterRecovery.finish(data)) {
      console.out().println("A recovery that had been cut off is finished now.");
      sayHowToGoOn();
      return ExitCode.OK;
    }
    try (Engine engine = new Engine();
        ClusterRecovery recovery = ClusterRecovery.open(data, RocksStore.Options.of(engine))) {
      say(recovery);
      console.out().flush();
      if (!yes && !console.inIsTerminal()) {
        throw new CliException(
            ExitCode.USAGE,
            "nothing was changed: there is no terminal to ask; with --yes it goes on without a"
                + " question");
      }
      if (!yes && !isAgreed()) {
        throw new CliException(ExitCode.FAILED, "nothing was changed");
      }
      recovery.run(Instant.now());
      console
          .out()
          .println(
              "This node is now "
                  + recovery.after().node()
                  + ", the only node of cluster "
                  + recovery.after().cluster()
                  + ".");
    }
    sayHowToGoOn();
    return ExitCode.OK;
  }

  private void say(ClusterRecovery recovery) {
    PrintStream out = console.out();
    out.println(
        "Node "
            + recovery.before().node()
            + " of cluster "
            + recovery.before().cluster()
            + " is to be a new cluster, with what is in "
            + data
            + ":");
    out.println();
    Table has = new Table(console, "GROUP", "KNOWN TO BE COMMITTED", "LOG ENDS AT", "DOCUMENTS");
    long doubtful = 0;
    Instant newest = Instant.EPOCH;
    for (Recovery.Replica replica : recovery.replicas()) {
      has.row(
          replica.group(),
          text(replica.committed(), replica.committedTime()),
          text(replica.end(), replica.endTime()),
          Meter.count(replica.documents()));
      doubtful += replica.doubtful();
      newest = newest.isBefore(replica.endTime()) ? replica.endTime() : newest;
    }
    has.print();
    out.println();
    out.println(
        "Checked: every document and every table of this replica was read, and they agree.");
    out.println(
        "Kept: all of the log"
            + (doubtful == 0
                ? "."
                : ", "
                    + Meter.count(doubtful)
                    + " entries not known to be committed too: they may have been acknowledged."));
    out.println(
        "Missing, maybe: whatever the other nodes acknowledged after the ends above, so writes after "
            + newest
            + ", and earlier ones if this node was cut off from the others before.");
    for (Recovery.Replica replica : recovery.replicas()) {
      if (!replica.members().containsKey(recovery.before().node())) {
        out.println(
            "Beware: by its log this node is no member of "
                + replica.group()
                + " any more, or not yet: the others went on without it.");
      }
    }
    out.println(
        "Void: join tokens, and positions of change feeds; those who follow changes are told to"
            + " begin anew.");
    out.println();
    Table lost = new Table(console, "GIVEN UP", "ADDRESS", "ZONE", "HTTP");
    for (Member node : recovery.givenUp()) {
      lost.row(node.id(), node.address(), node.zone(), node.http());
    }
    lost.print();
    out.println();
    out.println("These nodes must never be started again with their old data: delete it.");
    out.println(
        "The new cluster refuses them in any case, for their certificates and groups are those of"
            + " the old one; and one that reaches this node at its old address stops by itself. But"
            + " most of them together, without this node, would go on as the old cluster.");
    out.println(
        "If another node of the cluster is left, look there first (answer no here): the one whose"
            + " log ends last has most. To be able to go back, copy "
            + data
            + " first.");
    out.println();
  }

  private static String text(LogIndex at, Instant time) {
    return at.equals(LogIndex.NONE)
        ? "nothing"
        : "entry " + at.index() + ", term " + at.term() + ", " + time;
  }

  private boolean isAgreed() throws IOException {
    console.out().print("Go on with this replica, and give up the others for good? [yes/no] ");
    console.out().flush();
    BufferedReader in =
        new BufferedReader(new InputStreamReader(console.in(), StandardCharsets.UTF_8));
    String answer = in.readLine();
    return answer != null && answer.strip().equalsIgnoreCase("yes");
  }

  private void sayHowToGoOn() {
    Path fetched = data.resolve("site");
    console
        .out()
        .println(
            "Start it:      ./meridian up "
                + (Files.isDirectory(fetched) ? fetched : "SITE")
                + " --data "
                + data
                + " --peer ADDRESS");
    console
        .out()
        .println(
            "Let others in: ./meridian token, and on each, with an empty data folder, ./meridian up"
                + " --join ADDRESS");
  }
}
