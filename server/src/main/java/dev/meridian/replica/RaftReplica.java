package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.RaftClientAsynchronousProtocol;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SnapshotManagementRequest;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.SnapshotInfo;
import org.apache.ratis.util.LifeCycle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One member of a Raft group, run by Ratis. Any thread may use it. */
final class RaftReplica implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RaftReplica.class);
  private static final Duration SNAPSHOT_WAIT = Duration.ofMinutes(5);

  private final Path shard;
  private final Identity identity;
  private final ShardStateMachine machine;
  private final RaftServer server;
  private final RaftServer.Division division;

  /**
   * The division itself. Through the server each request would change threads twice: to one of a
   * pool that calls the division, and back.
   */
  private final RaftClientAsynchronousProtocol direct;

  private final RaftGroupId groupId;
  private final ClientId clientId = ClientId.randomId();
  private final AtomicLong calls = new AtomicLong();

  private RaftReplica(
      Path shard,
      Identity identity,
      ShardStateMachine machine,
      RaftServer server,
      RaftGroupId groupId)
      throws IOException {
    this.shard = shard;
    this.identity = identity;
    this.machine = machine;
    this.server = server;
    this.groupId = groupId;
    this.division = server.getDivision(groupId);
    if (!(division instanceof RaftClientAsynchronousProtocol protocol)) {
      throw new IllegalStateException("Ratis changed: " + division.getClass());
    }
    this.direct = protocol;
  }

  /**
   * Starts the member whose data are in {@code shard}, or a new group's first.
   *
   * @param onFailure told once when it can go no further
   * @param onApplied called after each entry of the log
   */
  static RaftReplica start(
      Path shard,
      ReplicaOptions options,
      ShardStateMachine.Opener opener,
      Consumer<Throwable> onFailure,
      Consumer<ShardStateMachine> onApplied,
      ReplicaMetrics metrics)
      throws IOException {
    Files.createDirectories(shard);
    Path database = Layout.database(shard);
    Identity identity;
    if (Identity.exists(shard)) {
      identity = Identity.read(shard);
    } else if (Files.exists(database) || Files.exists(Layout.raft(shard))) {
      throw new IOException(
          "The folder "
              + shard
              + " holds data but not the file '"
              + Identity.FILE
              + "': it is not whole. Restore a backup into an empty folder.");
    } else {
      identity = Identity.create();
      identity.write(shard);
    }
    ShardStateMachine machine;
    try {
      machine =
          new ShardStateMachine(
              database, opener, options.snapshotsKept(), onFailure, onApplied, metrics);
    } catch (StoreException e) {
      throw new IOException(e.getMessage(), e);
    }
    @Nullable RaftServer server = null;
    try {
      Path log = Layout.log(shard, identity);
      checkLogExists(log, machine.store().applied());
      LogTail.repair(log, machine.store().applied());
      RaftGroupId groupId = RaftGroupId.valueOf(identity.group());
      RaftPeer self =
          RaftPeer.newBuilder()
              .setId(RaftPeerId.valueOf(identity.member()))
              .setAddress(options.peer())
              .build();
      RaftGroup group = RaftGroup.valueOf(groupId, List.of(self));
      server =
          RaftServer.newBuilder()
              .setServerId(self.getId())
              .setGroup(group)
              .setStateMachine(machine)
              .setOption(RaftStorage.StartupOption.RECOVER)
              .setProperties(RaftSettings.of(Layout.raft(shard), options, 1))
              .setParameters(new Parameters())
              .build();
      server.start();
      return new RaftReplica(shard, identity, machine, server, groupId);
    } catch (IOException | RuntimeException | Error e) {
      if (server != null) {
        server.close();
      }
      machine.close();
      throw e;
    }
  }

  /** A database without its log would let this member forget what it acknowledged. */
  private static void checkLogExists(Path log, LogIndex applied) throws IOException {
    if (!applied.equals(LogIndex.NONE) && !Files.exists(log.resolve("raft-meta"))) {
      throw new IOException(
          "The log in "
              + log
              + " is gone, but the database holds entries up to "
              + applied.index()
              + ". Put the log back, or restore a backup into an empty folder.");
    }
  }

  Path shard() {
    return shard;
  }

  Identity identity() {
    return identity;
  }

  ShardStateMachine machine() {
    return machine;
  }

  /** Whether this is the primary, with every earlier entry applied. */
  boolean isReady() {
    return division.getInfo().isLeaderReady();
  }

  String notReady() {
    RaftPeerId primary = division.getInfo().getLeaderId();
    return primary == null || primary.toString().equals(identity.member())
        ? "The group has no primary now; an election takes about a second. Try again."
        : "The primary is " + primary + ", not this replica.";
  }

  /**
   * Waits until a primary is known and ready.
   *
   * @throws IOException if that takes too long
   */
  void awaitReady(Duration deadline) throws IOException {
    long until = System.nanoTime() + deadline.toNanos();
    while (!isReady()) {
      LifeCycle.State state = division.getInfo().getLifeCycleState();
      if (state.isClosingOrClosed()) {
        throw new IOException(
            "The replica in " + shard + " stopped while it started; see the log.");
      }
      if (System.nanoTime() - until > 0) {
        throw new IOException(
            "The replica in "
                + shard
                + " was not ready after "
                + deadline.toSeconds()
                + " s; it is "
                + role()
                + " in state "
                + state);
      }
      LockSupport.parkNanos(500_000);
    }
  }

  /**
   * Returns when a read of the database here is linearizable.
   *
   * @throws Unavailable if that is not so within the deadline
   */
  void awaitStrong(Duration deadline) {
    // The only member is its own quorum. Ratis would say so, too, but too early: before the entries
    // left by an earlier run are applied again.
    if (members() == 1) {
      if (!isReady()) {
        throw new Unavailable(Unavailable.Outcome.NOT_DONE, notReady(), null);
      }
      return;
    }
    try {
      RaftClientReply reply =
          direct
              .submitClientRequestAsync(request(null, RaftClientRequest.readRequestType()))
              .get(deadline.toNanos(), TimeUnit.NANOSECONDS);
      if (!reply.isSuccess()) {
        throw new Unavailable(
            Unavailable.Outcome.NOT_DONE,
            "A strong read needs the primary. " + notReady(),
            reply.getException());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Unavailable(Unavailable.Outcome.NOT_DONE, "The read was interrupted.", e);
    } catch (IOException | ExecutionException | TimeoutException e) {
      throw new Unavailable(
          Unavailable.Outcome.NOT_DONE, "A strong read needs the primary. " + notReady(), e);
    }
  }

  /** Hands an entry to the log; its group is answered in any case. */
  void submit(LogGroup group) {
    CompletableFuture<RaftClientReply> replies;
    try {
      replies =
          direct.submitClientRequestAsync(request(group, RaftClientRequest.writeRequestType()));
    } catch (IOException e) {
      group.failed(g -> GroupCommit.unavailable(g, "The log is closed.", e));
      return;
    }
    var unused =
        replies.whenComplete(
            (reply, error) -> {
              Throwable problem = error != null ? error : reply.getException();
              if (problem != null) {
                group.failed(g -> GroupCommit.unavailable(g, notReady(), problem));
              }
            });
  }

  private RaftClientRequest request(@Nullable LogGroup group, RaftClientRequest.Type type) {
    long call = calls.incrementAndGet();
    RaftClientRequest.Builder request =
        RaftClientRequest.newBuilder()
            .setClientId(clientId)
            .setServerId(division.getId())
            .setGroupId(groupId)
            .setCallId(call)
            .setType(type);
    if (group != null) {
      request.setMessage(group);
    }
    return request.build();
  }

  /** Takes a snapshot and cuts the log; waits for it. */
  void snapshot() throws InterruptedException {
    try {
      var unused =
          server
              .snapshotManagementAsync(
                  SnapshotManagementRequest.newCreate(
                      clientId,
                      division.getId(),
                      groupId,
                      calls.incrementAndGet(),
                      SNAPSHOT_WAIT.toMillis(),
                      1))
              .get(SNAPSHOT_WAIT.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("No snapshot was taken: " + e.getMessage(), e);
    }
  }

  String role() {
    return switch (division.getInfo().getCurrentRole()) {
      case LEADER -> "primary";
      case FOLLOWER, LISTENER -> "replica";
      case CANDIDATE -> "candidate";
      default -> division.getInfo().getCurrentRole().toString().toLowerCase(Locale.ROOT);
    };
  }

  /** Members of the group; while membership changes, those that either majority needs. */
  int members() {
    Collection<RaftPeer> current = division.getRaftConf().getCurrentPeers();
    Collection<RaftPeer> previous = division.getRaftConf().getPreviousPeers();
    return Math.max(current.size(), previous.size());
  }

  long term() {
    return division.getInfo().getCurrentTerm();
  }

  long committedIndex() {
    return division.getRaftLog().getLastCommittedIndex();
  }

  long appliedIndex() {
    return machine.getLastAppliedTermIndex().getIndex();
  }

  long snapshotIndex() {
    SnapshotInfo latest = machine.getLatestSnapshot();
    return latest == null ? -1 : latest.getIndex();
  }

  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException | RuntimeException e) {
      LOG.warn("Ratis reported an error on closing: {}", e.getMessage(), e);
    }
    // Ratis closes it, but not when it had not got that far.
    machine.close();
  }
}
