package dev.meridian.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A cluster of real processes on loopback addresses 127.0.0.x of this machine, each with a folder
 * of its own. Its nodes can be killed, paused, cut off and brought back. For demonstration, for
 * development, and for what the fault tests drive. Used by one thread, except where said otherwise.
 */
public final class Lab implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Duration START = Duration.ofSeconds(90);
  private static final int HTTP = 8080;
  private static final int ADMIN = 8081;
  private static final int DNS = 5353;
  private static final int PEER = 7400;
  private static final int LINK = 7401;

  /** What a node is doing. */
  public enum State {
    /** It runs. */
    UP,
    /** Its process is stopped by SIGSTOP. */
    PAUSED,
    /** It has no process. */
    DOWN
  }

  /** One node. */
  public final class Node {
    private final int number;
    private final String host;
    private final Path data;
    private final Link link;
    private @Nullable Process process;
    private volatile State state = State.DOWN;

    private Node(int number) throws IOException {
      this.number = number;
      this.host = "127.0.0." + (firstAddress + number);
      this.data = folder.resolve("node" + number);
      this.link = new Link(new InetSocketAddress(host, LINK), new InetSocketAddress(host, PEER));
    }

    /** Counted from 1. */
    public int number() {
      return number;
    }

    /** Where its web tier is. */
    public URI web() {
      return URI.create("http://" + host + ":" + HTTP);
    }

    /** Any thread. */
    public State state() {
      return state;
    }

    /** Whether nobody reaches it. Any thread. */
    public boolean isCut() {
      return link.isCut();
    }

    /** Its log file. */
    public Path log() {
      return folder.resolve("node" + number + ".log");
    }

    @Override
    public String toString() {
      return "node " + number;
    }
  }

  private final Path folder;
  private final Path site;
  private final int firstAddress;
  private final List<Node> nodes = new ArrayList<>();
  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();
  private final List<String> java;

  /**
   * Makes a lab; {@link #start} starts its cluster.
   *
   * @param folder for the nodes' data and logs
   * @param site the site that the first node serves and the others fetch
   * @param firstAddress node 1 is at 127.0.0.(this + 1)
   */
  public Lab(Path folder, Path site, int firstAddress) throws IOException {
    this.folder = folder.toAbsolutePath();
    this.site = site.toAbsolutePath();
    this.firstAddress = firstAddress;
    Files.createDirectories(folder);
    this.java =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx320m",
            "-Xms32m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseCompactObjectHeaders",
            "-XX:+ExitOnOutOfMemoryError",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.meridian.cli.Meridian");
  }

  /**
   * Starts a cluster of so many nodes, one after another.
   *
   * @throws IOException if one does not come up; its log says why
   */
  public void start(int number) throws IOException, InterruptedException {
    Node first = new Node(1);
    nodes.add(first);
    launch(first, null, first);
    awaitReady(first);
    if (number > 1) {
      String token = token(first);
      for (int i = 2; i <= number; i++) {
        Node next = new Node(i);
        nodes.add(next);
        launch(next, token, first);
        awaitReady(next);
      }
    }
  }

  /**
   * Starts one more node, which joins the cluster; it does not wait for it.
   *
   * @throws IOException if no token can be had for it
   */
  public Node add() throws IOException, InterruptedException {
    Node from = primary();
    if (from == null) {
      throw new IOException("no node says that it is primary, to let another join");
    }
    Node next = new Node(nodes.size() + 1);
    String token = token(from);
    nodes.add(next);
    launch(next, token, from);
    return next;
  }

  /**
   * Has a node leave the cluster.
   *
   * @param gone whether it is gone for good
   */
  public void leave(Node node, String id, boolean gone) throws IOException, InterruptedException {
    HttpResponse<String> answer = admin(node, "DELETE", "/nodes/" + id + (gone ? "?gone" : ""), "");
    if (answer.statusCode() != 202) {
      throw new IOException(answer.body());
    }
  }

  /** The nodes, first to last. */
  public List<Node> nodes() {
    return List.copyOf(nodes);
  }

  /** The operator's key, the same on all nodes. */
  public String key() throws IOException {
    return Files.readString(nodes.getFirst().data.resolve("operator.key")).strip();
  }

  private void launch(Node node, @Nullable String token, Node via) throws IOException {
    List<String> command = new ArrayList<>(java);
    command.add("up");
    if (node.number == 1) {
      command.add(site.toString());
    }
    command.addAll(
        List.of(
            "--http", node.host + ":" + HTTP,
            "--admin", node.host + ":" + ADMIN,
            "--dns", node.host + ":" + DNS,
            "--peer", node.host + ":" + PEER,
            "--advertise", node.host + ":" + LINK,
            "--data", node.data.toString(),
            "--log", "text",
            "--access-log", "off"));
    ProcessBuilder builder = new ProcessBuilder(command);
    if (node.number > 1) {
      command.addAll(List.of("--join", via.host + ":" + LINK));
      if (token != null) {
        builder.environment().put("MERIDIAN_TOKEN", token);
      }
    }
    builder.redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(node.log().toFile()));
    node.process = builder.start();
    node.state = State.UP;
  }

  /** Waits until a node is ready to serve. */
  public void awaitReady(Node node) throws IOException, InterruptedException {
    long until = System.nanoTime() + START.toNanos();
    while (true) {
      try {
        HttpResponse<String> answer = admin(node, "GET", "/health/ready", "");
        if (answer.statusCode() == 200) {
          return;
        }
      } catch (IOException e) {
        // Not yet.
      }
      Process process = node.process;
      if (process != null && !process.isAlive()) {
        throw new IOException(node + " ended at its start; see " + node.log());
      }
      if (System.nanoTime() - until > 0) {
        throw new IOException(node + " is not ready after " + START + "; see " + node.log());
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  private String token(Node node) throws IOException, InterruptedException {
    HttpResponse<String> answer =
        admin(node, "POST", "/tokens", "{\"minutes\":60,\"reusable\":true}");
    return JSON.readTree(answer.body()).path("token").asString();
  }

  private HttpResponse<String> admin(Node node, String method, String path, String body)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://" + node.host + ":" + ADMIN + path))
            .timeout(Duration.ofSeconds(3))
            .method(method, HttpRequest.BodyPublishers.ofString(body, StandardCharsets.UTF_8));
    if (!path.startsWith("/health")) {
      request.header("Authorization", "Bearer " + key());
    }
    return http.send(request.build(), BodyHandlers.ofString());
  }

  /** A node's own report, or null while it gives none. Any thread. */
  public @Nullable JsonNode status(Node node) throws InterruptedException {
    if (node.state != State.UP) {
      return null;
    }
    try {
      HttpResponse<String> answer = admin(node, "GET", "/status", "");
      return answer.statusCode() == 200 ? JSON.readTree(answer.body()) : null;
    } catch (IOException | RuntimeException e) {
      return null;
    }
  }

  /** The node that says it is primary, or null. */
  public @Nullable Node primary() throws InterruptedException {
    for (Node node : nodes) {
      JsonNode status = status(node);
      if (status != null
          && status.path("shards").path(0).path("role").asString("").equals("primary")) {
        return node;
      }
    }
    return null;
  }

  /** Ends a node as a power cut does. */
  public void kill(Node node) throws InterruptedException {
    Process process = node.process;
    if (process != null) {
      process.destroyForcibly().waitFor();
      node.process = null;
      node.state = State.DOWN;
    }
  }

  /** Ends a node as an operator does: it hands over, and finishes what it has begun. */
  public void stop(Node node) throws InterruptedException {
    Process process = node.process;
    if (process != null) {
      resume(node);
      process.destroy();
      if (!process.waitFor(40, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
      node.process = null;
      node.state = State.DOWN;
    }
  }

  /** Starts a node that is down. */
  public void restart(Node node) throws IOException {
    if (node.state == State.DOWN) {
      launch(node, null, nodes.getFirst());
    }
  }

  /** Whether a node's process is there. */
  public boolean isRunning(Node node) {
    Process process = node.process;
    return process != null && process.isAlive();
  }

  /**
   * Has a node that is down begin a new cluster with what it has; {@link #restart} starts it.
   *
   * @return what the command wrote
   * @throws IOException if it failed; what it wrote is the message
   */
  public String recover(Node node) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(java);
    command.addAll(
        List.of("recover", "--from-this-replica", "--yes", "--data", node.data.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(said);
    }
    return said;
  }

  /** Stops a node's process where it stands (SIGSTOP). */
  public void pause(Node node) throws InterruptedException {
    if (node.state == State.UP && signal(node, "-STOP")) {
      node.state = State.PAUSED;
    }
  }

  /** Lets a paused node go on. */
  public void resume(Node node) throws InterruptedException {
    if (node.state == State.PAUSED && signal(node, "-CONT")) {
      node.state = State.UP;
    }
  }

  private static boolean signal(Node node, String signal) throws InterruptedException {
    Process process = node.process;
    try {
      return process != null
          && new ProcessBuilder("kill", signal, "" + process.pid()).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Lets no other node reach this one, although it reaches them. */
  public void cut(Node node) {
    node.link.cut();
  }

  /** Lets others reach it again. */
  public void heal(Node node) {
    node.link.heal();
  }

  /** Undoes everything: all nodes run, and all links carry. */
  public void healAll() throws IOException, InterruptedException {
    for (Node node : nodes) {
      heal(node);
      resume(node);
      restart(node);
    }
    for (Node node : nodes) {
      awaitReady(node);
    }
  }

  @Override
  public void close() throws IOException {
    for (Node node : nodes) {
      Process process = node.process;
      if (process != null) {
        process.destroyForcibly();
      }
    }
    for (Node node : nodes) {
      node.link.close();
    }
    http.shutdownNow();
  }
}
