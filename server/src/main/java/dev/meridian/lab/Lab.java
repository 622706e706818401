package dev.meridian.lab;

import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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

  /** How much of a node's log belongs into a message. */
  private static final int LAST_LINES = 15;

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
    private final @Nullable Disk disk;
    private final @Nullable FakeClock clock;
    private volatile @Nullable Process process;
    private volatile State state = State.DOWN;

    /** Whether it began the cluster, and has the site. */
    private boolean founder;

    private Node(int number) throws IOException, InterruptedException {
      this.number = number;
      this.host = "127.0.0." + (firstAddress + number);
      this.data = folder.resolve("node" + number);
      this.founder = number == 1;
      this.disk = equipment.disks() ? Disk.mount(data) : null;
      Path library = equipment.clocks();
      this.clock =
          library == null
              ? null
              : FakeClock.of(library, folder.resolve("node" + number + ".clock"));
      this.link =
          new Link(
              new InetSocketAddress(host, LINK),
              new InetSocketAddress(host, PEER),
              number,
              new Ways());
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

    /** Whether others do not reach it, or it not them. Any thread. */
    public boolean isCut() {
      return link.isCut() || cutWays.stream().anyMatch(way -> way.touches(number));
    }

    /** Of its process, or -1 when there is none. */
    long pid() {
      Process running = process;
      return running == null ? -1 : running.pid();
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

  /** One direction between two nodes. */
  private record Way(int from, int to) {
    boolean touches(int node) {
      return from == node || to == node;
    }
  }

  /** What the links ask. */
  private final class Ways implements Link.Network {
    @Override
    public int owner(Socket connection, InetSocketAddress at) {
      String name = SocketOwners.name(connection, at);
      for (Node node : nodes) {
        Process process = node.process;
        if (name != null && process != null && SocketOwners.holds(process.pid(), name)) {
          return node.number;
        }
      }
      return 0;
    }

    @Override
    public boolean isCut(int from, int to) {
      return cutWays.contains(new Way(from, to));
    }
  }

  private final Path folder;
  private final Path site;
  private final int firstAddress;
  private final Equipment equipment;

  /** Grows only, by this lab's thread; read by the links, too. */
  private final List<Node> nodes = new CopyOnWriteArrayList<>();

  private final Set<Way> cutWays = ConcurrentHashMap.newKeySet();

  /** The operator's; known once a node has started. */
  private @Nullable String key;

  /** Guarded by this. */
  private boolean closed;

  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();

  /** How a program is run; see {@link #build}. */
  private List<String> java;

  /** More of the nodes' command line. */
  private List<String> more = List.of();

  /** What a node is, to the JVM. */
  private List<String> program = List.of("dev.meridian.cli.Meridian", "up");

  /** Makes a lab of plain nodes. */
  public Lab(Path folder, Path site, int firstAddress) throws IOException {
    this(folder, site, firstAddress, Equipment.PLAIN);
  }

  /**
   * Makes a lab; {@link #start} starts its cluster.
   *
   * @param folder for the nodes' data and logs
   * @param site the site that the first node serves and the others fetch
   * @param firstAddress node 1 is at 127.0.0.(this + 1)
   */
  public Lab(Path folder, Path site, int firstAddress, Equipment equipment) throws IOException {
    this.equipment = equipment;
    this.folder = folder.toAbsolutePath();
    this.site = site.toAbsolutePath();
    this.firstAddress = firstAddress;
    Files.createDirectories(folder);
    this.java = java(classPath());
  }

  /** What is installed where the system property {@code meridian.dist} says; or this program. */
  private static String classPath() {
    String dist = System.getProperty("meridian.dist", "");
    return dist.isEmpty() ? System.getProperty("java.class.path") : jar(Path.of(dist));
  }

  private static String jar(Path dist) {
    return dist.resolve("meridian.jar").toString();
  }

  /** What runs a node; with the JVM's cache of loaded classes where it is installed. */
  private static List<String> java(String classPath) {
    List<String> java =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx320m",
                "-Xms48m",
                "-XX:+UseG1GC", // as installed: others pause for longer than others wait
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseCompactObjectHeaders",
                "-XX:+ExitOnOutOfMemoryError",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow"));
    if (classPath.endsWith("meridian.jar") && !classPath.contains(File.pathSeparator)) {
      Path cache = Path.of(classPath).resolveSibling("meridian.aot");
      if (Files.exists(cache)) {
        java.addAll(List.of("-XX:AOTCache=" + cache, "-Xlog:disable", "-Xlog:all=error:stderr"));
      }
    }
    java.addAll(List.of("-cp", classPath));
    return java;
  }

  /**
   * Nodes that are started from now on, again or for the first time, run another build.
   *
   * @param dist the folder in which it is installed; null for this program's own
   */
  public void build(@Nullable Path dist) {
    java = java(dist == null ? classPath() : jar(dist.toAbsolutePath()));
  }

  /** Nodes that are started from now on run a program with handlers, from its source. */
  void program(Path source) {
    program = List.of(source.toString());
  }

  /** More options of {@code up} for the nodes that are started from now on. */
  void upWith(String... options) {
    more = List.of(options);
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

  /** What they can do. */
  public Equipment equipment() {
    return equipment;
  }

  /** The operator's key, the same on all nodes. */
  public String key() throws IOException {
    if (key == null) {
      key = Files.readString(nodes.getFirst().data.resolve("operator.key")).strip();
    }
    return key;
  }

  /** Another node, to join the cluster by. */
  private Node via(Node node) {
    return node.founder ? node : nodes.get(node.number == 1 ? 1 : 0);
  }

  private void launch(Node node, @Nullable String token, Node via) throws IOException {
    List<String> command = new ArrayList<>(java);
    command.addAll(program);
    if (node.founder) {
      command.add(site.toString());
    }
    if (equipment.shortLogs()) {
      command.add("--short-logs");
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
    command.addAll(more);
    ProcessBuilder builder = new ProcessBuilder(command);
    if (!node.founder) {
      command.addAll(List.of("--join", via.host + ":" + LINK));
      if (token != null) {
        builder.environment().put("MERIDIAN_TOKEN", token);
      }
    }
    if (node.clock != null) {
      builder.environment().putAll(node.clock.environment());
    }
    builder.redirectErrorStream(true);
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(node.log().toFile()));
    node.process = builder.start();
    node.state = State.UP;
  }

  /** Waits until a node is ready to serve. */
  public void awaitReady(Node node) throws IOException, InterruptedException {
    long until = System.nanoTime() + START.toNanos();
    String said = "nothing";
    while (true) {
      try {
        HttpResponse<String> answer = admin(node, "GET", "/health/ready", "");
        if (answer.statusCode() == 200) {
          return;
        }
        said = answer.body();
      } catch (IOException e) {
        said = String.valueOf(e.getMessage());
      }
      Process process = node.process;
      if (process != null && !process.isAlive()) {
        throw new IOException(node + " ended at its start; see " + node.log());
      }
      if (System.nanoTime() - until > 0) {
        signal(node, "-QUIT"); // writes what its threads do to its log
        throw new IOException(
            "%s is not ready after %s and says %s; see %s%n%s"
                .formatted(node, START, said, node.log(), lastLines(node.log())));
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  private String token(Node node) throws IOException, InterruptedException {
    HttpResponse<String> answer =
        admin(node, "POST", "/tokens", "{\"minutes\":60,\"reusable\":true}");
    if (answer.statusCode() / 100 != 2) {
      throw new IOException(node + " gives no token: " + answer.body());
    }
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
        signal(node, "-QUIT");
        process.destroyForcibly().waitFor();
      }
      node.process = null;
      node.state = State.DOWN;
    }
  }

  /**
   * Waits for a node that ends by itself.
   *
   * @return its exit code
   * @throws IOException if it goes on for so long
   */
  int awaitEnd(Node node, Duration limit) throws IOException, InterruptedException {
    Process process = node.process;
    if (process == null) {
      throw new IOException(node + " has no process");
    }
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IOException(node + " still runs after " + limit);
    }
    node.process = null;
    node.state = State.DOWN;
    return process.exitValue();
  }

  /** Starts a node that is down. */
  public void restart(Node node) throws IOException {
    if (node.state == State.DOWN) {
      launch(node, null, via(node));
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
    command.add("dev.meridian.cli.Meridian");
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

  /** Has each node that runs write to its log what its threads do. */
  void dumpThreads() throws InterruptedException {
    for (Node node : nodes) {
      if (node.state == State.UP) {
        signal(node, "-QUIT");
      }
    }
    TimeUnit.SECONDS.sleep(1); // they are killed next, maybe
  }

  private static String lastLines(Path log) throws IOException {
    List<String> lines = Files.readAllLines(log);
    return String.join("\n", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size()));
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

  /** Loses what one node sends another, not what comes back; where {@link #tellsNodesApart}. */
  public void cut(Node from, Node to) {
    cutWays.add(new Way(from.number, to.number));
  }

  /** Loses all that a node sends and is sent; where {@link #tellsNodesApart}. */
  public void isolate(Node node) {
    for (Node other : nodes) {
      if (other != node) {
        cut(node, other);
        cut(other, node);
      }
    }
  }

  /** Whether ways between two nodes can be cut here. */
  public static boolean tellsNodesApart() {
    return SocketOwners.known();
  }

  /** Lets a node and all others reach each other again. */
  public void heal(Node node) {
    cutWays.removeIf(way -> way.touches(node.number));
    node.link.heal();
    for (Node other : nodes) {
      other.link.endAll();
    }
  }

  /**
   * Fills a node's disk.
   *
   * @param whole to the last block, and not only to less than the node's reserve
   */
  public void fillDisk(Node node, boolean whole) throws IOException, InterruptedException {
    disk(node).fill(whole);
  }

  /** Makes room on it again. */
  public void emptyDisk(Node node) throws IOException {
    disk(node).empty();
  }

  /** Lets a node write to its disk so often a second and no more. */
  public void slowDisk(Node node, int writesPerSecond) throws IOException, InterruptedException {
    Process process = node.process;
    if (process != null) {
      disk(node).slow(process.pid(), writesPerSecond);
    }
  }

  /** Makes it as fast as it is. */
  public void quickDisk(Node node) throws IOException, InterruptedException {
    Process process = node.process;
    disk(node).quick(process == null ? 0 : process.pid());
  }

  private static Disk disk(Node node) {
    return Objects.requireNonNull(node.disk, "this lab's nodes have no disks of their own");
  }

  /** Sets a node's clock wrong by so much; if it runs, it sees it within a second. */
  public void skewClock(Node node, Duration by) throws IOException {
    Objects.requireNonNull(node.clock, "this lab's nodes have no clocks of their own").skew(by);
  }

  /**
   * Damages a file of a node's database, as a disk may; the node must be down.
   *
   * @param choice which file, and how
   * @return what was done
   */
  public String damage(Node node, int choice) throws IOException {
    if (node.state != State.DOWN) {
      throw new IOException(node + " runs; kill or stop it first");
    }
    Path database = node.data.resolve(choice % 2 == 0 ? "shards/0/db" : "catalog/db");
    List<Path> files;
    try (Stream<Path> all = Files.list(database)) {
      files =
          all.filter(
                  file -> file.getFileName().toString().matches("\\d+\\.sst|MANIFEST-.*|CURRENT"))
              .sorted()
              .toList();
    }
    if (files.isEmpty()) {
      throw new IOException("there is no database in " + database);
    }
    Path file = files.get(choice / 2 % files.size());
    if (choice / 2 / files.size() % 2 == 0) {
      Files.delete(file);
      return "delete " + file;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(Files.size(file) / 2);
    }
    return "cut off half of " + file;
  }

  /**
   * Loses a node for good, its data too, and has another join in its place, at its address; returns
   * when that one serves.
   *
   * @throws IOException if it cannot: no majority is left, say
   */
  public void replace(Node node) throws IOException, InterruptedException {
    String id = patiently(() -> id(node));
    kill(node);
    patiently(
        () -> {
          leave(other(node), id, true);
          return true;
        });
    rejoin(node);
  }

  /** Has a node leave as an operator does, and join again with nothing. */
  public void leaveAndJoin(Node node) throws IOException, InterruptedException {
    String id = patiently(() -> id(node));
    patiently(
        () -> {
          leave(other(node), id, false);
          return true;
        });
    patiently(
        () -> {
          if (knows(other(node), id)) {
            throw new IOException(node + " is a member still");
          }
          return true;
        });
    stop(node);
    rejoin(node);
  }

  /** Something that is asked of a node, which may be busy with something else. */
  @FunctionalInterface
  private interface Asked<T> {
    T get() throws IOException, InterruptedException;
  }

  private static <T> T patiently(Asked<T> asked) throws IOException, InterruptedException {
    long until = System.nanoTime() + START.toNanos();
    while (true) {
      try {
        return asked.get();
      } catch (IOException e) {
        if (System.nanoTime() - until > 0) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(200);
      }
    }
  }

  private void rejoin(Node node) throws IOException, InterruptedException {
    String token = patiently(() -> token(other(node)));
    if (node.disk != null) {
      node.disk.wipe();
    } else {
      delete(node.data);
    }
    node.founder = false;
    launch(node, token, other(node));
    awaitReady(node);
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** Another one that runs; the primary if it is another. */
  private Node other(Node node) throws IOException, InterruptedException {
    Node primary = primary();
    if (primary != null && primary != node) {
      return primary;
    }
    return nodes.stream()
        .filter(one -> one != node && one.state == State.UP)
        .findFirst()
        .orElseThrow(() -> new IOException("no other node runs"));
  }

  private String id(Node node) throws IOException, InterruptedException {
    JsonNode status = status(node);
    if (status == null) {
      throw new IOException(node + " does not say who it is");
    }
    return status.path("cluster").path("node").asString("");
  }

  private boolean knows(Node at, String id) throws InterruptedException {
    JsonNode status = status(at);
    if (status == null) {
      return true;
    }
    for (JsonNode node : status.path("cluster").path("nodes")) {
      if (node.path("id").asString("").equals(id)) {
        return true;
      }
    }
    return false;
  }

  /** Undoes everything: all nodes run, and all links carry. */
  public void healAll() throws IOException, InterruptedException {
    cutWays.clear();
    for (Node node : nodes) {
      heal(node);
      if (node.disk != null) {
        emptyDisk(node);
        quickDisk(node);
      }
      if (node.clock != null) {
        skewClock(node, Duration.ZERO);
      }
      resume(node);
      restart(node);
    }
    for (Node node : nodes) {
      awaitReady(node);
    }
  }

  /** Ends all of it. Any thread. */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    for (Node node : nodes) {
      Process process = node.process;
      if (process != null) {
        process.destroyForcibly().onExit().join();
      }
    }
    for (Node node : nodes) {
      node.link.close();
      if (node.disk != null) {
        node.disk.close();
      }
    }
    http.shutdownNow();
  }
}
