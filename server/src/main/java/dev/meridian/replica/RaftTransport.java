package dev.meridian.replica;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.grpc.GrpcFactory;
import org.apache.ratis.grpc.server.GrpcLogAppender;
import org.apache.ratis.grpc.server.GrpcServices;
import org.apache.ratis.grpc.server.GrpcServicesImpl;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotReplyProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcReplyProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteReplyProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionReplyProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.rpc.RpcType;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.leader.FollowerInfo;
import org.apache.ratis.server.leader.LeaderState;
import org.apache.ratis.server.leader.LogAppender;
import org.apache.ratis.server.protocol.RaftServerAsynchronousProtocol;
import org.apache.ratis.server.raftlog.RaftLog;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.apache.ratis.util.AwaitForSignal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ratis' gRPC transport with a log appender that neither gets stuck nor spins, as Ratis 3.3.0's
 * does after a follower broke off, and with candidates that find members which were away. Public,
 * with a public constructor, since Ratis makes it by its name.
 */
public final class RaftTransport implements RpcType {
  private static final Logger LOG = LoggerFactory.getLogger(RaftTransport.class);

  @Override
  public String name() {
    return getClass().getName();
  }

  @Override
  public GrpcFactory newFactory(Parameters parameters) {
    return new Factory(parameters);
  }

  private static final class Factory extends GrpcFactory {
    Factory(Parameters parameters) {
      super(parameters);
    }

    @Override
    public LogAppender newLogAppender(
        RaftServer.Division server, LeaderState state, FollowerInfo follower) {
      return new Appender(server, state, follower);
    }

    @Override
    public GrpcServices newRaftServerRpc(RaftServer server) {
      return new Rpc((GrpcServicesImpl) super.newRaftServerRpc(server));
    }
  }

  /**
   * Ratis' own, but for two things. A candidate whose peer could not be reached opens a connection
   * with its next request. gRPC would let more and more time pass, up to two minutes, before it
   * tries one again; if a majority was away, and only this member has the last entries, there would
   * be no leader for so long after the others are back. And a hand-over that cannot begin is
   * refused, rather than failed.
   */
  private static final class Rpc implements GrpcServices {
    final GrpcServicesImpl ratis;

    Rpc(GrpcServicesImpl ratis) {
      this.ratis = ratis;
    }

    @Override
    public RequestVoteReplyProto requestVote(RequestVoteRequestProto request) throws IOException {
      try {
        return ratis.requestVote(request);
      } catch (StatusRuntimeException e) {
        if (e.getStatus().getCode() == Status.Code.UNAVAILABLE) {
          RaftPeerId peer = RaftPeerId.valueOf(request.getServerRequest().getReplyId());
          ratis.handleException(peer, e, true);
        }
        throw e;
      }
    }

    @Override
    public AppendEntriesReplyProto appendEntries(AppendEntriesRequestProto request)
        throws IOException {
      return ratis.appendEntries(request);
    }

    @Override
    public InstallSnapshotReplyProto installSnapshot(InstallSnapshotRequestProto request)
        throws IOException {
      return ratis.installSnapshot(request);
    }

    @Override
    public StartLeaderElectionReplyProto startLeaderElection(
        StartLeaderElectionRequestProto request) {
      try {
        return ratis.startLeaderElection(request);
      } catch (IOException | StatusRuntimeException e) {
        // If Ratis hears of this before it looks whether there was an error, it never gets over
        // the hand-over, and its leader takes no request any more. A refusal ends when its time is
        // over.
        LOG.info("A hand-over could not begin: {}", e.getMessage());
        RaftRpcRequestProto asked = request.getServerRequest();
        return StartLeaderElectionReplyProto.newBuilder()
            .setServerReply(
                RaftRpcReplyProto.newBuilder()
                    .setRequestorId(asked.getRequestorId())
                    .setReplyId(asked.getReplyId())
                    .setRaftGroupId(asked.getRaftGroupId())
                    .setCallId(asked.getCallId())
                    .setSuccess(false))
            .build();
      }
    }

    @Override
    public RaftServerAsynchronousProtocol async() {
      return ratis.async();
    }

    @Override
    public void handleException(RaftPeerId peer, Exception e, boolean reconnect) {
      ratis.handleException(peer, e, reconnect);
    }

    @Override
    public void notifyNotLeader(RaftGroupId group) {
      ratis.notifyNotLeader(group);
    }

    @Override
    public void addRaftPeers(Collection<RaftPeer> peers) {
      ratis.addRaftPeers(peers);
    }

    @Override
    public RpcType getRpcType() {
      return ratis.getRpcType();
    }

    @Override
    public InetSocketAddress getInetSocketAddress() {
      return ratis.getInetSocketAddress();
    }

    @Override
    public InetSocketAddress getClientServerAddress() {
      return ratis.getClientServerAddress();
    }

    @Override
    public InetSocketAddress getAdminServerAddress() {
      return ratis.getAdminServerAddress();
    }

    @Override
    public void start() throws IOException {
      ratis.start();
    }

    @Override
    public void close() throws IOException {
      ratis.close();
    }
  }

  /**
   * Sends entries to one follower. Three things differ from Ratis' own:
   *
   * <ul>
   *   <li>When a stream breaks after the follower wrote the last entry and before the leader heard
   *       of it, Ratis takes the entry for sent and never asks again: heartbeats succeed, they say
   *       nothing of what the follower has, and the entry is not committed until another one
   *       follows. If it is the one with which a leader begins, none does; the leader never gets
   *       ready. Here an entry that is neither acknowledged nor under way is sent again after a
   *       while.
   *   <li>Ratis' signal that there is something to send is lost when it comes just before the
   *       appender waits for it, and the entry then goes out with the next heartbeat. Here it
   *       stays.
   *   <li>While it has no stream and nothing to send, Ratis loops without a pause until a heartbeat
   *       is due. Here it waits for something to send.
   * </ul>
   */
  private static final class Appender extends GrpcLogAppender {
    private static final long NONE = -1;
    private static final int MAX_PATIENCE_MILLIS = 250;

    private final AwaitForSignal signal = new StayingSignal(this);

    /** Also how often it looks: heartbeats are much rarer where the election timeout is long. */
    private final int patienceMillis;

    /** The last entry, while it seems to be lost; of the appender's thread, as is the next. */
    private long lost = NONE;

    private long lostSince;

    Appender(RaftServer.Division server, LeaderState state, FollowerInfo follower) {
      super(server, state, follower);
      patienceMillis =
          Math.clamp(server.properties().minRpcTimeoutMs() / 4, 1, MAX_PATIENCE_MILLIS);
    }

    @Override
    public GrpcServicesImpl getServerRpc() {
      return ((Rpc) getServer().getRaftServer().getServerRpc()).ratis;
    }

    @Override
    public boolean shouldSendAppendEntries() {
      sendLastAgain();
      return super.shouldSendAppendEntries();
    }

    private void sendLastAgain() {
      FollowerInfo follower = getFollower();
      RaftLog log = getRaftLog();
      long next = follower.getNextIndex();
      long last = next - 1;
      if (next < log.getNextIndex()
          || follower.getMatchIndex() >= last
          || follower.getCommitIndex() >= last // refused, as it has it
          || hasPendingDataRequests()
          || log.getTermIndex(last) == null) {
        lost = NONE;
      } else if (lost != last) {
        // Or its answer is being read just now, on another thread, and is about to change this.
        lost = last;
        lostSince = System.nanoTime();
      } else if (System.nanoTime() - lostSince > TimeUnit.MILLISECONDS.toNanos(patienceMillis)) {
        lost = NONE;
        // Not if an answer changed it meanwhile. Too often does no harm: followers know what they
        // have.
        follower.computeNextIndex(now -> now == next ? last : now);
      }
    }

    @Override
    public AwaitForSignal getEventAwaitForSignal() {
      return signal;
    }

    @Override
    public long getWaitTimeMs() {
      long wait = super.getWaitTimeMs();
      FollowerInfo follower = getFollower();
      if (follower.getMatchIndex() < follower.getNextIndex() - 1) {
        wait = Math.min(wait, patienceMillis); // something is not acknowledged
      }
      return hasAppendEntries() ? wait : Math.max(wait, 1); // a new entry ends it
    }
  }

  /** A signal that ends the next wait when nobody waits for it. */
  private static final class StayingSignal extends AwaitForSignal {
    private final Semaphore signalled = new Semaphore(0);

    StayingSignal(Object name) {
      super(name);
    }

    @Override
    public void await() throws InterruptedException {
      signalled.acquire();
    }

    @Override
    public boolean await(long time, TimeUnit unit) throws InterruptedException {
      boolean came = signalled.tryAcquire(time, unit);
      var unused = signalled.drainPermits(); // before what they tell of is looked at
      return came;
    }

    @Override
    public void signal() {
      if (signalled.availablePermits() == 0) {
        signalled.release();
      }
    }
  }
}
