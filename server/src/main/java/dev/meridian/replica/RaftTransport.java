package dev.meridian.replica;

import dev.meridian.peer.PeerTransport;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.grpc.GrpcFactory;
import org.apache.ratis.grpc.server.GrpcLogAppender;
import org.apache.ratis.grpc.server.GrpcServices;
import org.apache.ratis.grpc.server.GrpcServicesImpl;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.rpc.RpcType;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.leader.FollowerInfo;
import org.apache.ratis.server.leader.LeaderState;
import org.apache.ratis.server.leader.LogAppender;
import org.apache.ratis.server.raftlog.RaftLog;
import org.apache.ratis.server.raftlog.RaftLogIOException;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.apache.ratis.util.AwaitForSignal;
import org.apache.ratis.util.LifeCycle;

/**
 * Ratis' gRPC transport with a log appender that neither gets stuck nor spins, as Ratis 3.3.0's
 * does after a follower broke off, and with calls that find members which were away. Public, with a
 * public constructor, since Ratis makes it by its name.
 */
public final class RaftTransport implements RpcType {
  @Override
  public String name() {
    return getClass().getName();
  }

  @Override
  public GrpcFactory newFactory(Parameters parameters) {
    return new Factory(parameters);
  }

  private static final class Factory extends GrpcFactory {
    private final Parameters parameters;

    Factory(Parameters parameters) {
      super(parameters);
      this.parameters = parameters;
    }

    @Override
    public LogAppender newLogAppender(
        RaftServer.Division server, LeaderState state, FollowerInfo follower) {
      return new Appender(server, state, follower);
    }

    @Override
    public GrpcServices newRaftServerRpc(RaftServer server) {
      // As Ratis does, except that the contexts are made by us; the server's is the customizer's.
      return new RaftRpc(
          GrpcServicesImpl.newBuilder()
              .setServer(server)
              .setCustomizer(GrpcConfigKeys.Server.servicesCustomizer(parameters))
              .setServerSslContextForClient(
                  parameters.get(PeerTransport.CLIENT_CONTEXT, SslContext.class))
              .build());
    }
  }

  /**
   * Sends entries to one follower. Four things differ from Ratis' own:
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
   *       stays. And Ratis signals after each answer and whenever some member has come to know
   *       more; here that wakes nobody who has nothing to send.
   *   <li>While it has no stream and nothing to send, Ratis loops without a pause until a heartbeat
   *       is due. Here it waits for something to send.
   *   <li>When a follower refuses a heartbeat, as it does not have the entry before, Ratis pauses,
   *       for so long after many failures that the next heartbeat is due, which is refused again. A
   *       follower whose database was copied, and is ahead of its log, would say so to entries
   *       alone, and never gets any. Here no two heartbeats follow each other while there are
   *       entries that could go.
   * </ul>
   */
  private static final class Appender extends GrpcLogAppender {
    private static final long NONE = -1;
    private static final int MAX_PATIENCE_MILLIS = 250;

    private final AwaitForSignal signal = new StayingSignal(this, this::hasSomethingToDo);

    /** Also how often it looks: heartbeats are much rarer where the election timeout is long. */
    private final int patienceMillis;

    /** The last entry, while it seems to be lost; of the appender's thread, as is the next. */
    private long lost = NONE;

    private long lostSince;

    /** Whether the last request had no entries; of the appender's thread. */
    private boolean heartbeatBefore;

    /** Whether a request is being made that has entries although a heartbeat is due. */
    private volatile boolean entriesFirst;

    Appender(RaftServer.Division server, LeaderState state, FollowerInfo follower) {
      super(server, state, follower);
      patienceMillis =
          Math.clamp(server.properties().minRpcTimeoutMs() / 4, 1, MAX_PATIENCE_MILLIS);
    }

    @Override
    public void start() {
      rpc().began(this);
      super.start();
    }

    @Override
    public CompletableFuture<LifeCycle.State> stopAsync() {
      rpc().ended(this);
      return super.stopAsync();
    }

    private RaftRpc rpc() {
      return (RaftRpc) getServer().getRaftServer().getServerRpc();
    }

    @Override
    public GrpcServicesImpl getServerRpc() {
      return rpc().ratis;
    }

    @Override
    public boolean shouldSendAppendEntries() {
      sendLastAgain();
      return super.shouldSendAppendEntries();
    }

    @Override
    public AppendEntriesRequestProto newAppendEntriesRequest(long callId, boolean heartbeat)
        throws RaftLogIOException {
      AppendEntriesRequestProto request = null;
      if (heartbeatBefore && !heartbeat && hasAppendEntries()) {
        entriesFirst = true;
        try {
          request = super.newAppendEntriesRequest(callId, false);
        } finally {
          entriesFirst = false;
        }
      }
      if (request == null) {
        request = super.newAppendEntriesRequest(callId, heartbeat);
      }
      if (request != null) {
        heartbeatBefore = request.getEntriesCount() == 0;
      }
      return request;
    }

    @Override
    public long getHeartbeatWaitTimeMs() {
      return entriesFirst ? patienceMillis : super.getHeartbeatWaitTimeMs();
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

    /**
     * Whether it would send something if it looked, or end. The log is asked last, as it has a lock
     * that may be held while a disk is waited for; who asks for a heartbeat does not come so far.
     */
    private boolean hasSomethingToDo() {
      try {
        return getHeartbeatWaitTimeMs() <= 0 || !isRunning() || hasAppendEntries();
      } catch (IllegalStateException e) {
        return true; // the log is being closed
      }
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

  /**
   * A signal that ends the next wait when nobody waits for it. It is one only when there is
   * something to do.
   */
  private static final class StayingSignal extends AwaitForSignal {
    private final Semaphore signalled = new Semaphore(0);
    private final BooleanSupplier needed;

    StayingSignal(Object name, BooleanSupplier needed) {
      super(name);
      this.needed = needed;
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
      if (signalled.availablePermits() == 0 && needed.getAsBoolean()) {
        signalled.release();
      }
    }
  }
}
