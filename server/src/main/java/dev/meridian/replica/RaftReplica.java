package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import dev.meridian.store.RocksStore;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.proto.RaftProtos.ServerRpcProto;
import org.apache.ratis.protocol.RaftClientAsynchronousProtocol;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.apache.ratis.protocol.SnapshotManagementRequest;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.protocol.exceptions.NotLeaderException;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.statemachine.SnapshotInfo;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** This node's member of a Raft group, run by Ratis. Any thread may use it. */
final class RaftReplica implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RaftReplica.class);
  private static final Duration SNAPSHOT_WAIT = Duration.ofMinutes(5);

  /**
   * How long after it lost its place a primary waits for the log to tell what became of writes, in
   * election timeouts.
   */
  private static final int DOUBT = 10;

  /** How long an answer may take to come when it should be there. */
  private static final Duration LAST_WORD = Duration.ofSeconds(1);

  private final RaftHost host;
  private final Path folder;
  private final RaftGroupId groupId;
  private final ShardStateMachine machine;
  private final Proposals proposals;
  private final Duration doubt;

  /** Set when first asked for after the host started. */
  private final Lease lease;

  private volatile RaftServer.@Nullable Division division;

  private RaftReplica(
      RaftHost host,
      Path folder,
      RaftGroupId groupId,
      ShardStateMachine machine,
      Proposals proposals,
      Duration electionTimeout) {
    this.host = host;
    this.lease = new Lease(electionTimeout);
    this.folder = folder;
    this.groupId = groupId;
    this.machine = machine;
    this.proposals = proposals;
    this.doubt = electionTimeout.multipliedBy(DOUBT);
  }

  /**
   * Opens the database of a group's member and makes the member known to the host. Where this node
   * founded the cluster, it is the group's first member; elsewhere the group's primary must add it.
   *
   * @param group the group's name, which is also its folder's
   * @param onFailure told once when it can go no further
   * @param onDamage told when files of the database turn out to be damaged, on any thread
   * @param onApplied called after each entry of the log
   */
  static RaftReplica attach(
      RaftHost host,
      String group,
      ReplicaOptions options,
      ShardStateMachine.Opener opener,
      ShardStateMachine.Fetcher fetcher,
      Consumer<Throwable> onFailure,
      Consumer<Unavailable> onDamage,
      Consumer<ShardStateMachine> onApplied,
      ReplicaMetrics metrics)
      throws IOException {
    RaftGroupId groupId = host.groupId(group);
    Path folder = Layout.group(host.data(), group);
    Files.createDirectories(folder);
    Folders.sync(Folders.parent(folder));
    Folders.sync(host.data());
    Path log = Layout.log(host.data(), groupId.getUuid());
    Path snapshots = Layout.snapshots(host.data(), groupId.getUuid());
    Proposals proposals = new Proposals(host.clientId());
    ShardStateMachine machine =
        open(
            new Rebuild(folder, log, snapshots, host.peer(), fetcher),
            options.startDeadline(),
            () ->
                new ShardStateMachine(
                    Layout.database(folder),
                    snapshots,
                    opener,
                    fetcher,
                    options.snapshotsKept(),
                    onFailure,
                    onDamage,
                    host::fail,
                    onApplied,
                    proposals,
                    metrics));
    try {
      LogIndex applied = machine.store().applied();
      checkLogExists(log, applied);
      checkVoteKnown(log);
      host.checkNotLost(group);
      LogTail.repair(log, applied);
      forgetLog(log, snapshots, applied);
      if (host.identity().founder()) {
        RaftFounding.found(log, host.peer(), applied.term(), applied.index());
      } else {
        RaftFounding.listen(log, host.peer());
      }
      host.noteBegun(group);
      host.register(groupId, machine);
      return new RaftReplica(host, folder, groupId, machine, proposals, options.electionTimeout());
    } catch (IOException | RuntimeException | Error e) {
      machine.close();
      throw e;
    }
  }

  /** Entries before a snapshot are kept for members that were away; a lone one has none. */
  private static void forgetLog(Path log, Path snapshots, LogIndex applied) throws IOException {
    Snapshots.Snapshot newest = Snapshots.newest(snapshots);
    if (newest != null && RaftFounding.isAlone(log)) {
      LogTail.forget(log, Math.min(newest.at().getIndex(), applied.index()));
    }
  }

  private interface Opening {
    ShardStateMachine open() throws IOException;
  }

  /** Opens the database; one that is damaged or gone is replaced by another member's first. */
  private static ShardStateMachine open(Rebuild rebuild, Duration limit, Opening opening)
      throws IOException {
    try {
      String why;
      try {
        ShardStateMachine machine = opening.open();
        try {
          why = problem(rebuild, machine.store());
        } catch (IOException | RuntimeException e) {
          machine.close();
          throw e;
        }
        if (why == null) {
          return machine;
        }
        machine.close();
      } catch (Unavailable e) {
        if (!e.isDamage()) {
          throw e;
        }
        why = String.valueOf(e.getMessage());
      }
      rebuild.run(why, limit);
      return opening.open();
    } catch (StoreException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /**
   * Why a database that could be opened is not to be gone on with, or null. One that was given up
   * in an earlier run is read as a whole: a disk that failed for a moment has damaged nothing, and
   * where several members share it, there may be nobody to copy from.
   *
   * @throws Unavailable if its files are damaged, or cannot be read now
   */
  private static @Nullable String problem(Rebuild rebuild, RocksStore store) throws IOException {
    String marked = rebuild.marked();
    if (marked != null && !rebuild.mayBeWhole()) {
      return marked;
    }
    if (marked != null) {
      LOG.warn("{} Its files are looked at again.", marked);
      store.checkFiles();
      LOG.warn("The files are whole; the database is gone on with.");
      rebuild.unmark();
    }
    return rebuild.gap(store.applied().index());
  }

  /** A database without its log would let this member forget what it acknowledged. */
  private static void checkLogExists(Path log, LogIndex applied) throws IOException {
    if (!applied.equals(LogIndex.NONE) && !Files.exists(log.resolve(RaftFounding.META))) {
      throw new IOException(
          "The log in "
              + log
              + " is gone, but the database holds entries up to "
              + applied.index()
              + ". Put the log back, or restore a backup into an empty folder.");
    }
  }

  /** A member that forgot its term and vote could vote twice, for two primaries. */
  private static void checkVoteKnown(Path log) throws IOException {
    Path meta = log.resolve(RaftFounding.META);
    if (Files.exists(meta) && !Files.readString(meta).contains("term")) {
      throw new IOException(
          "The file "
              + meta
              + " is empty: the disk was full when this node was to note whom it votes for, and it"
              + " cannot know any more. On another node, let it go with './meridian leave NODE"
              + " --gone', and let it join again with an empty data folder; if it is the only node,"
              + " restore a backup.");
    }
  }

  private RaftServer.Division division() {
    RaftServer.Division known = division;
    if (known == null) {
      try {
        known = host.division(groupId);
      } catch (IOException e) {
        throw new Unavailable(
            Unavailable.Outcome.NOT_DONE, "This node is no member of the group now.", e);
      }
      division = known;
    }
    return known;
  }

  /**
   * The division itself. Through the server each request would change threads twice: to one of a
   * pool that calls the division, and back.
   */
  private RaftClientAsynchronousProtocol direct() {
    if (division() instanceof RaftClientAsynchronousProtocol protocol) {
      return protocol;
    }
    throw new IllegalStateException("Ratis changed: " + division().getClass());
  }

  /** The folder of this member's database. */
  Path folder() {
    return folder;
  }

  RaftGroupId groupId() {
    return groupId;
  }

  ShardStateMachine machine() {
    return machine;
  }

  /** Whether what this is asked needs no wait for Ratis to have begun. */
  boolean isFound() {
    return division != null;
  }

  /** Whether this is the primary, with every earlier entry applied. */
  boolean isReady() {
    return division().getInfo().isLeaderReady();
  }

  /** The primary as this member knows it, or null; maybe itself, maybe no longer so. */
  @Nullable RaftPeer primary() {
    RaftPeerId id = division().getInfo().getLeaderId();
    return id == null ? null : division().getRaftConf().getPeer(id);
  }

  /** Whether Ratis has given this member up: it will do nothing any more. */
  boolean isClosed() {
    return division().getInfo().getLifeCycleState().isClosingOrClosed();
  }

  /**
   * Ends this member's part in the group, so that the others elect a primary if it was theirs: one
   * that can write nothing must not keep them from it.
   */
  void end() {
    try {
      RaftServer.Division member = host.division(groupId);
      machine.awaitClosing(member.getInfo());
      member.close();
    } catch (IOException | IllegalStateException e) {
      LOG.debug("There is nothing to end", e);
    }
  }

  String notReady() {
    RaftPeerId primary = division().getInfo().getLeaderId();
    return primary == null || primary.equals(host.self())
        ? "The group has no primary now; an election takes about a second. Try again."
        : "The primary is " + primary + ", not this replica.";
  }

  /**
   * Checks, while it starts, that it was not ended.
   *
   * @throws ReplicaEnded if it was
   */
  void checkRuns() throws ReplicaEnded {
    if (isClosed()) {
      throw new ReplicaEnded(
          "The replica in " + folder + " stopped while it started; see the log.");
    }
  }

  /**
   * Waits until this is the primary, or knows another one.
   *
   * @param inVain whether there is no more need to wait
   * @return false when there was none in time: a majority of the group may be away
   * @throws IOException if this member stopped
   */
  boolean awaitPrimary(Duration deadline, BooleanSupplier inVain) throws IOException {
    long until = System.nanoTime() + deadline.toNanos();
    while (true) {
      RaftPeer primary = primary();
      if (isReady() || (primary != null && !primary.getId().equals(host.self()))) {
        return true;
      }
      checkRuns();
      if (System.nanoTime() - until > 0 || inVain.getAsBoolean()) {
        return false;
      }
      LockSupport.parkNanos(500_000);
    }
  }

  /**
   * What part of the lease is left, up to 1: above 0, this is the primary, and no other member is
   * at this moment.
   */
  double lease() {
    if (!isReady()) {
      return 0;
    }
    // The only member is its own quorum.
    return members() == 1 ? 1 : lease.left(term());
  }

  /** An entry is safe that was proposed here in {@code term}, at that moment or later. */
  void committed(long term, Lease.Moment proposed) {
    lease.committed(term, proposed);
  }

  /** Hands an entry to the log; its group is answered in any case. */
  void submit(LogGroup group) {
    long call = host.nextCall();
    proposals.add(call, group);
    CompletableFuture<RaftClientReply> replies;
    try {
      replies =
          direct()
              .submitClientRequestAsync(request(call, group, RaftClientRequest.writeRequestType()));
    } catch (IOException e) {
      proposals.remove(call);
      group.failed(g -> GroupCommit.unavailable(g, "The log is closed.", e));
      return;
    }
    var unused =
        replies.whenComplete(
            (reply, error) -> {
              Throwable problem = error != null ? error : reply.getException();
              if (problem instanceof NotLeaderException && group.isInDoubt()) {
                // The log will tell.
                CompletableFuture.delayedExecutor(doubt.toMillis(), TimeUnit.MILLISECONDS)
                    .execute(() -> settle(call, group, problem));
              } else {
                settle(call, group, problem);
              }
            });
  }

  private void settle(long call, LogGroup group, @Nullable Throwable problem) {
    proposals.remove(call);
    if (problem != null) {
      group.failed(g -> GroupCommit.unavailable(g, notReady(), problem));
    }
  }

  private RaftClientRequest request(
      long call, @Nullable LogGroup group, RaftClientRequest.Type type) {
    RaftClientRequest.Builder request =
        RaftClientRequest.newBuilder()
            .setClientId(host.clientId())
            .setServerId(host.self())
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
          host.server()
              .snapshotManagementAsync(
                  SnapshotManagementRequest.newCreate(
                      host.clientId(),
                      host.self(),
                      groupId,
                      host.nextCall(),
                      SNAPSHOT_WAIT.toMillis(),
                      1))
              .get(SNAPSHOT_WAIT.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("No snapshot was taken: " + e.getMessage(), e);
    }
  }

  String role() {
    return switch (division().getInfo().getCurrentRole()) {
      case LEADER -> "primary";
      case FOLLOWER -> "replica";
      case LISTENER -> "spare";
      case CANDIDATE -> "candidate";
      default -> division().getInfo().getCurrentRole().toString().toLowerCase(Locale.ROOT);
    };
  }

  /** Members that vote; while membership changes, those that either majority needs. */
  int members() {
    Collection<RaftPeer> current = division().getRaftConf().getCurrentPeers();
    Collection<RaftPeer> previous = division().getRaftConf().getPreviousPeers();
    return Math.max(current.size(), previous.size());
  }

  /** Whether the group has other members, voting or not. Also before the host has started. */
  boolean hasOthers() throws IOException {
    Set<String> members = new HashSet<>();
    try {
      Membership known = membership();
      members.addAll(known.replicas().keySet());
      members.addAll(known.spares().keySet());
    } catch (IllegalStateException | Unavailable e) {
      members.addAll(RaftFounding.members(Layout.log(host.data(), groupId.getUuid())).keySet());
    }
    members.remove(host.self().toString());
    return !members.isEmpty();
  }

  /** The members of the group as this one knows them; while they change, the old and the new. */
  Membership membership() {
    RaftConfiguration known = division().getRaftConf();
    Map<String, String> replicas = addresses(known.getAllPeers(RaftPeerRole.FOLLOWER));
    Map<String, String> spares = addresses(known.getAllPeers(RaftPeerRole.LISTENER));
    spares.keySet().removeAll(replicas.keySet());
    return new Membership(replicas, spares);
  }

  private static Map<String, String> addresses(Collection<RaftPeer> peers) {
    Map<String, String> addresses = new HashMap<>();
    peers.forEach(peer -> addresses.put(peer.getId().toString(), peer.getAddress()));
    return addresses;
  }

  /**
   * Makes {@code wanted} the members of the group; only the primary can, and only if they are
   * {@code expected} now. A new one must have joined the group on its node before; it has caught up
   * when this returns.
   *
   * @throws IOException if it was not done, or nobody knows: ask {@link #membership}
   */
  void setMembers(Membership expected, Membership wanted, Duration deadline) throws IOException {
    CompletableFuture<RaftClientReply> reply =
        host.server()
            .setConfigurationAsync(
                new SetConfigurationRequest(
                    host.clientId(),
                    host.self(),
                    groupId,
                    host.nextCall(),
                    SetConfigurationRequest.Arguments.newBuilder()
                        .setServersInCurrentConf(peers(expected.replicas()))
                        .setListenersInCurrentConf(peers(expected.spares()))
                        .setServersInNewConf(peers(wanted.replicas()))
                        .setListenersInNewConf(peers(wanted.spares()))
                        .setMode(SetConfigurationRequest.Mode.COMPARE_AND_SET)
                        .build()));
    // Ratis may never answer a primary that lost its place meanwhile.
    long until = System.nanoTime() + deadline.toNanos();
    while (!reply.isDone() && isReady() && System.nanoTime() - until < 0) {
      pause(reply);
    }
    await(reply, LAST_WORD);
  }

  private static void pause(CompletableFuture<RaftClientReply> reply) throws IOException {
    try {
      var unused = reply.get(LAST_WORD.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException | TimeoutException e) {
      // The caller looks.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static List<RaftPeer> peers(Map<String, String> addresses) {
    return addresses.entrySet().stream()
        .map(peer -> RaftPeer.newBuilder().setId(peer.getKey()).setAddress(peer.getValue()).build())
        .toList();
  }

  /** Asks for the primary's place to go to another member. */
  void transfer(RaftPeerId to, Duration deadline) throws IOException {
    lease.spoil(term());
    await(
        host.server()
            .transferLeadershipAsync(
                new TransferLeadershipRequest(
                    host.clientId(),
                    host.self(),
                    groupId,
                    host.nextCall(),
                    to,
                    deadline.toMillis())),
        deadline.plusSeconds(1));
  }

  private static void await(CompletableFuture<RaftClientReply> replies, Duration deadline)
      throws IOException {
    try {
      RaftClientReply reply = replies.get(deadline.toMillis(), TimeUnit.MILLISECONDS);
      if (!reply.isSuccess()) {
        throw new IOException(String.valueOf(reply.getException()), reply.getException());
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("not done in time: " + e, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** How far each other member follows; only the primary knows. */
  List<Group.Follower> followers(CommitTimes times, SnapshotsSent sent) {
    RoleInfoProto role = division().getInfo().getRoleInfoProto();
    long[] matched = division().getInfo().getFollowerMatchIndices();
    Membership known = membership();
    long newest = committedIndex();
    List<Group.Follower> followers = new ArrayList<>();
    int i = 0;
    for (ServerRpcProto follower : role.getLeaderInfo().getFollowerInfoList()) {
      String id = follower.getId().getId().toStringUtf8();
      long index = matched != null && i < matched.length ? matched[i] : -1;
      followers.add(
          new Group.Follower(
              id,
              follower.getId().getAddress(),
              index,
              times.millisBehind(index, newest, System.nanoTime()),
              follower.getLastRpcElapsedTimeMs(),
              known.spares().containsKey(id),
              sent.percent(id)));
      i++;
    }
    for (RaftPeer forgotten : forgotten(role)) {
      String id = forgotten.getId().toString();
      followers.add(
          new Group.Follower(
              id,
              forgotten.getAddress(),
              -1,
              times.millisBehind(-1, newest, System.nanoTime()),
              Long.MAX_VALUE,
              known.spares().containsKey(id),
              sent.percent(id)));
    }
    return followers;
  }

  /**
   * Whether this primary sends nothing more to some member. Ratis 3.3.0 gives up not only a new
   * member that makes no progress, but with it every spare that came since this one is primary, and
   * keeps them members. Another primary begins anew with all.
   */
  boolean forgetsMembers() {
    return isReady() && !forgotten(division().getInfo().getRoleInfoProto()).isEmpty();
  }

  private List<RaftPeer> forgotten(RoleInfoProto role) {
    Set<String> followed = new HashSet<>();
    for (ServerRpcProto follower : role.getLeaderInfo().getFollowerInfoList()) {
      followed.add(follower.getId().getId().toStringUtf8());
    }
    followed.add(host.self().toString());
    RaftConfiguration known = division().getRaftConf();
    List<RaftPeer> members = new ArrayList<>(known.getAllPeers(RaftPeerRole.FOLLOWER));
    members.addAll(known.getAllPeers(RaftPeerRole.LISTENER));
    members.removeIf(peer -> !followed.add(peer.getId().toString()));
    return members;
  }

  /** Notes as of when this member has everything. */
  void note(Freshness freshness) {
    long now = System.nanoTime();
    if (isReady()) {
      freshness.primary(now);
      return;
    }
    // In this order: what was safe is asked for after when that was heard.
    RoleInfoProto role = division().getInfo().getRoleInfoProto();
    if (role.hasFollowerInfo() && primary() != null) {
      long silent = role.getFollowerInfo().getLeaderInfo().getLastRpcElapsedTimeMs();
      freshness.follows(
          committedIndex(), appliedIndex(), now - TimeUnit.MILLISECONDS.toNanos(silent));
    }
  }

  long term() {
    return division().getInfo().getCurrentTerm();
  }

  long committedIndex() {
    return division().getRaftLog().getLastCommittedIndex();
  }

  /** The newest entry in the log here, committed or not. */
  long lastIndex() {
    return division().getRaftLog().getNextIndex() - 1;
  }

  /** Tells the other members what is committed, if this one is the primary; does not wait. */
  void announce() {
    ((RaftRpc) host.server().getServerRpc()).announce(groupId);
  }

  long appliedIndex() {
    return machine.getLastAppliedTermIndex().getIndex();
  }

  long snapshotIndex() {
    SnapshotInfo latest = machine.getLatestSnapshot();
    return latest == null ? -1 : latest.getIndex();
  }

  /** Closes the database; the host must have stopped, or never have started. */
  @Override
  public void close() {
    host.unregister(groupId);
    // Ratis closes it, but not when it had not got that far.
    machine.close();
  }
}
