package dev.meridian.replica;

import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerService;
import dev.meridian.peer.PeerTransport;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.GroupManagementRequest;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.StateMachine;
import org.apache.ratis.util.LifeCycle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node among others: its data folder, its Raft server, and what it offers to its peers. All
 * Raft groups of which it is a member share its port and its threads.
 *
 * <p>Groups whose members are registered before {@link #start} are recovered from disk or founded;
 * later ones are joined. Any thread may use it.
 */
public final class RaftHost implements AutoCloseable {
  /** Makes a node's way to other nodes. */
  public interface Transports {
    /** The way of the node {@code self}. */
    PeerTransport of(Identity self) throws IOException;
  }

  private static final Logger LOG = LoggerFactory.getLogger(RaftHost.class);
  private static final long GROUP_WAIT_SECONDS = 30;
  private static final Duration DRAIN_WAIT = Duration.ofSeconds(2);
  private static final Duration STOP_WAIT = Duration.ofSeconds(20);

  private final Path data;
  private final DataLock lock;
  private final Identity identity;
  private final ReplicaOptions options;
  private final PeerTransport transport;
  private final PeerService service = new PeerService();
  private final PeerClient client;
  private final ClientId clientId = ClientId.randomId();
  private final AtomicLong calls = new AtomicLong();

  /** By group; added before the group is, so that Ratis finds it. */
  private final Map<RaftGroupId, StateMachine> machines = new ConcurrentHashMap<>();

  /** Set by {@link #start}. */
  private volatile @Nullable RaftServer server;

  /** Guarded by this. */
  private boolean closed;

  /** Whether {@link #retire} was called; guarded by this. */
  private boolean retired;

  private RaftHost(
      Path data,
      DataLock lock,
      Identity identity,
      ReplicaOptions options,
      PeerTransport transport) {
    this.data = data;
    this.lock = lock;
    this.identity = identity;
    this.options = options;
    this.transport = transport;
    this.client = transport.client();
  }

  /**
   * Takes the node's data folder, made when it is not there. A new one is that of a new cluster's
   * first node, unless {@link #join} made it one of another's.
   *
   * @param options where it listens, and how its groups behave
   * @param transport makes the node's way to others when it is known who it is
   * @throws IOException if the folder is in use, damaged or cannot be written
   */
  public static RaftHost open(Path data, ReplicaOptions options, Transports transport)
      throws IOException {
    Files.createDirectories(data);
    DataLock lock = DataLock.acquire(data);
    try {
      Restore.checkFinished(data);
      if (Recovery.finishLocked(data)) {
        LOG.info("Finished the recovery of {}, which had been cut off", data);
      }
      Identity identity = identity(data);
      return new RaftHost(data, lock, identity, options, transport.of(identity));
    } catch (IOException | RuntimeException | Error e) {
      lock.close();
      throw e;
    }
  }

  private static Identity identity(Path data) throws IOException {
    if (Identity.exists(data)) {
      return Identity.read(data);
    }
    for (String holds : List.of("raft", "shards", "catalog")) {
      if (Files.exists(data.resolve(holds))) {
        throw new IOException(
            "The folder "
                + data
                + " holds data but not the file '"
                + Identity.FILE
                + "': it is not whole. Restore a backup into an empty folder.");
      }
    }
    Identity identity = Identity.create();
    identity.write(data);
    return identity;
  }

  /**
   * Makes an empty data folder that of a new node of an existing cluster.
   *
   * @param node the new node's id, from {@link Identity#newNode}
   * @throws IOException if the folder already belongs to a cluster, or cannot be written
   */
  public static Identity join(Path data, UUID cluster, String node) throws IOException {
    Files.createDirectories(data);
    try (DataLock lock = DataLock.acquire(data)) {
      if (Identity.exists(data)) {
        Identity known = Identity.read(data);
        if (known.cluster().equals(cluster)) {
          return known;
        }
        throw new IOException(
            "The folder "
                + data
                + " belongs to another cluster ("
                + known.cluster()
                + "). Join with an empty data folder: --data FOLDER.");
      }
      Identity identity = new Identity(cluster, node, false);
      identity.write(data);
      return identity;
    }
  }

  /** Who this node is. */
  public Identity identity() {
    return identity;
  }

  /** What this node offers its peers. */
  public PeerService service() {
    return service;
  }

  /** Calls other nodes. */
  public PeerClient client() {
    return client;
  }

  /** The data folder. */
  public Path data() {
    return data;
  }

  /** Whether this node has a replica of a group already, from an earlier run. */
  public boolean has(String group) {
    return Files.isDirectory(Layout.database(Layout.group(data, group)))
        || Files.exists(Layout.log(data, groupId(group).getUuid()).resolve(RaftFounding.META));
  }

  /**
   * Refuses to begin a group anew whose log was here once: a founder would serve nothing as if that
   * were all, and another member would have forgotten what it promised.
   *
   * @throws IOException if the group's log is gone
   */
  public void checkNotLost(String group) throws IOException {
    UUID id = groupId(group).getUuid();
    Path log = Layout.log(data, id);
    if (Files.exists(Layout.begun(data, id)) && !Files.exists(log.resolve(RaftFounding.META))) {
      throw new IOException(
          "The log of "
              + group
              + " in "
              + log
              + " is gone; it was there before. Put it back. Or, if other nodes have the data, let this"
              + " one go with './meridian leave "
              + identity.node()
              + " --gone' on one of them, and let it join again with an empty data folder. If it is"
              + " the only node, restore a backup into an empty folder.");
    }
  }

  /** Notes that a group's log was begun here. */
  void noteBegun(String group) throws IOException {
    Path note = Layout.begun(data, groupId(group).getUuid());
    if (!Files.exists(note)) {
      Files.createFile(note);
      Folders.sync(data);
    }
  }

  /**
   * Where other members of a group were reached when its members last changed, as {@code
   * host:port}; known before this node has started.
   */
  public List<String> others(String group) throws IOException {
    String self = peer().getAddress();
    return RaftFounding.addresses(Layout.log(data, groupId(group).getUuid())).stream()
        .filter(address -> !address.equals(self))
        .toList();
  }

  RaftGroupId groupId(String group) {
    return RaftGroupId.valueOf(identity.group(group));
  }

  RaftPeerId self() {
    return RaftPeerId.valueOf(identity.node());
  }

  /** This node as a member: its id and where others reach it. */
  RaftPeer peer() {
    InetSocketAddress at = options.reachableAt();
    return RaftPeer.newBuilder()
        .setId(self())
        .setAddress(at.getHostString() + ":" + at.getPort())
        .build();
  }

  ClientId clientId() {
    return clientId;
  }

  long nextCall() {
    return calls.incrementAndGet();
  }

  boolean isStarted() {
    return server != null;
  }

  /** Stops this node's members of all groups for good: they share the disk that failed one. */
  void fail(Throwable cause) {
    for (StateMachine machine : machines.values()) {
      if (machine instanceof ShardStateMachine member) {
        member.fail(cause);
      }
    }
  }

  /** Makes a group's member known; when this host runs already, the group begins here, empty. */
  synchronized void register(RaftGroupId group, StateMachine machine) throws IOException {
    machines.put(group, machine);
    RaftServer running = server;
    if (running != null) {
      try {
        add(running, group);
      } catch (IOException | RuntimeException e) {
        machines.remove(group);
        throw e;
      }
    }
  }

  void unregister(RaftGroupId group) {
    machines.remove(group);
  }

  /**
   * Starts the Raft server with the groups that are registered.
   *
   * @throws IOException if it cannot: the port is taken, a group's log cannot be read
   */
  public synchronized void start() throws IOException {
    if (server != null) {
      return;
    }
    Map<RaftGroupId, StateMachine> known = new LinkedHashMap<>(machines);
    RaftServer starting =
        RaftServer.newBuilder()
            .setServerId(self())
            .setStateMachineRegistry(this::machine)
            .setOption(RaftStorage.StartupOption.RECOVER)
            .setProperties(RaftSettings.of(Layout.raft(data), isAlone(known.keySet()), options))
            .setParameters(transport.parameters(service))
            .build();
    try {
      starting.start();
      for (RaftGroupId group : known.keySet()) {
        if (!Files.exists(Layout.log(data, group.getUuid()).resolve(RaftFounding.META))) {
          add(starting, group);
        }
      }
    } catch (IOException | RuntimeException | Error e) {
      starting.close();
      throw e;
    }
    server = starting;
  }

  private boolean isAlone(Set<RaftGroupId> groups) throws IOException {
    for (RaftGroupId group : groups) {
      if (!RaftFounding.isAlone(Layout.log(data, group.getUuid()))) {
        return false;
      }
    }
    return true;
  }

  private StateMachine machine(RaftGroupId group) {
    StateMachine machine = machines.get(group);
    if (machine == null) {
      throw new IllegalStateException(
          "The folder "
              + Layout.raft(data)
              + " holds the log of a group that this node does not know: "
              + group.getUuid());
    }
    return machine;
  }

  /** Joins a group as one who knows nobody yet: its primary will make itself known. */
  private void add(RaftServer to, RaftGroupId group) throws IOException {
    await(
        to.groupManagementAsync(
            GroupManagementRequest.newAdd(
                clientId, self(), nextCall(), RaftGroup.valueOf(group, List.of()), false)));
  }

  private static void await(java.util.concurrent.CompletableFuture<RaftClientReply> reply)
      throws IOException {
    try {
      RaftClientReply answer = reply.get(GROUP_WAIT_SECONDS, TimeUnit.SECONDS);
      if (!answer.isSuccess()) {
        throw new IOException(String.valueOf(answer.getException()), answer.getException());
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("Ratis did not do it: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  RaftServer server() {
    RaftServer running = server;
    if (running == null) {
      throw new IllegalStateException("not started");
    }
    return running;
  }

  RaftServer.Division division(RaftGroupId group) throws IOException {
    return server().getDivision(group);
  }

  /**
   * Ratis waits without end for what it has committed to be applied, also when a replica failed
   * meanwhile and applies nothing any more. What is left then is in the log.
   */
  private void stop(RaftServer running) {
    Thread stopping =
        Thread.ofPlatform()
            .daemon()
            .name("meridian-raft-stop")
            .start(
                () -> {
                  try {
                    List<DivisionInfo> members = members(running);
                    for (RaftGroupId group : running.getGroupIds()) {
                      if (machines.get(group) instanceof ShardStateMachine machine) {
                        machine.awaitClosing(running.getDivision(group).getInfo());
                      }
                    }
                    running.close();
                    awaitClosed(members);
                  } catch (IOException | RuntimeException e) {
                    LOG.warn("Ratis reported an error on closing: {}", e.getMessage(), e);
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    try {
      if (!stopping.join(STOP_WAIT)) {
        LOG.warn("Ratis did not stop within {}; what waits for what:\n{}", STOP_WAIT, waiting());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Where the threads stand that take part in stopping, for whoever is to find out why. */
  private static String waiting() {
    StringBuilder text = new StringBuilder();
    Thread.getAllStackTraces()
        .forEach(
            (thread, frames) -> {
              if (Arrays.stream(frames)
                  .anyMatch(frame -> frame.getClassName().startsWith("org.apache.ratis.server"))) {
                text.append(thread.getName()).append('\n');
                for (StackTraceElement frame : frames) {
                  text.append("    at ").append(frame).append('\n');
                }
              }
            });
    return text.toString();
  }

  private static List<DivisionInfo> members(RaftServer running) throws IOException {
    List<DivisionInfo> members = new ArrayList<>();
    for (RaftGroupId group : running.getGroupIds()) {
      members.add(running.getDivision(group).getInfo());
    }
    return members;
  }

  /**
   * A member that failed closes itself, on a thread of its own; Ratis does not wait for that one,
   * and until it is done the folder of its log is locked.
   */
  private static void awaitClosed(List<DivisionInfo> members) throws InterruptedException {
    long until = System.nanoTime() + STOP_WAIT.toNanos();
    for (DivisionInfo member : members) {
      while (member.getLifeCycleState() != LifeCycle.State.CLOSED
          && System.nanoTime() - until < 0) {
        Thread.sleep(10);
      }
    }
  }

  /** Lets the answers that other nodes wait for go out: without one they would not know. */
  private void drain() {
    try {
      if (!service.drain(DRAIN_WAIT)) {
        LOG.info("Some calls of other nodes were not answered within {}", DRAIN_WAIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Takes no part in any group any more; the data folder stays this node's until {@link #close}.
   * Does not throw.
   */
  public synchronized void retire() {
    RaftServer running = server;
    if (running != null && !retired) {
      retired = true;
      drain();
      stop(running);
    }
  }

  /** Stops the Raft server and gives the data folder up. Does not throw. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    client.close();
    retire();
    try {
      lock.close();
    } catch (IOException e) {
      LOG.warn("The lock of the data folder could not be released: {}", e.getMessage());
    }
  }
}
