package dev.meridian.replica;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.RaftConfigKeys;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.util.SizeInBytes;
import org.apache.ratis.util.TimeDuration;

/** How Ratis is set up, and why it is not left at its defaults. */
final class RaftSettings {
  /** What Ratis puts around the data of an entry: ids, numbers, tags. */
  static final int ENTRY_OVERHEAD_BYTES = 4096;

  /** The length before an entry and the checksum after it. */
  private static final int FRAME_BYTES = 8;

  private static final TimeDuration NEVER = TimeDuration.valueOf(365, TimeUnit.DAYS);

  private RaftSettings() {}

  /**
   * The properties of one server.
   *
   * @param raft the folder of its groups' logs
   * @param alone whether it is the only member of its groups, as far as it knows
   */
  static RaftProperties of(Path raft, boolean alone, ReplicaOptions options) {
    RaftProperties p = new RaftProperties();
    p.set(RaftConfigKeys.Rpc.TYPE_KEY, RaftTransport.class.getName());
    GrpcConfigKeys.Server.setHost(p, options.peer().getHostString());
    GrpcConfigKeys.Server.setPort(p, options.peer().getPort());
    // Event loops default to twice the cores, for each of several pools.
    GrpcConfigKeys.Server.setAsyncRequestThreadPoolSize(p, 4);

    // The default lies under /tmp.
    RaftServerConfigKeys.setStorageDir(p, List.of(raft.toFile()));
    log(p, options);
    snapshots(p);
    elections(p, alone, options);

    // Every write has a client call of its own, told about once: Ratis' memory of replies is of no
    // use (idempotency is the store's), only of cost.
    RaftServerConfigKeys.RetryCache.setExpiryTime(p, TimeDuration.valueOf(1, TimeUnit.SECONDS));
    return p;
  }

  private static void log(RaftProperties p, ReplicaOptions options) {
    SizeInBytes largest =
        SizeInBytes.valueOf(ReplicaOptions.MAX_ENTRY_BYTES + ENTRY_OVERHEAD_BYTES);
    RaftServerConfigKeys.Log.Appender.setBufferByteLimit(p, largest);
    // Memory outside the heap of which only the part that entries reach is ever touched.
    RaftServerConfigKeys.Log.setWriteBufferSize(
        p, SizeInBytes.valueOf(largest.getSize() + FRAME_BYTES));
    RaftServerConfigKeys.Log.setSegmentSizeMax(p, SizeInBytes.valueOf(options.segmentBytes()));
    RaftServerConfigKeys.Log.setPreallocatedSize(
        p, SizeInBytes.valueOf(Math.min(256 << 10, options.segmentBytes())));
    // Applied entries of closed files are not needed in memory.
    RaftServerConfigKeys.Log.setSegmentCacheNumMax(p, 1);
    RaftServerConfigKeys.Log.setSegmentCacheSizeMax(
        p, SizeInBytes.valueOf(2 * options.segmentBytes()));
    // A member that comes back is found at once: the default would wait for up to 5 s at a time.
    RaftServerConfigKeys.Log.Appender.setRetryPolicy(p, "1ms,10, 100ms,20, 500ms,100000000");
    // Members that lag further than the log reaches fetch a snapshot themselves.
    RaftServerConfigKeys.Log.Appender.setInstallSnapshotEnabled(p, false);
    // An entry that tells the commit index, and its fsync, after every entry: nothing here needs
    // it.
    RaftServerConfigKeys.Log.setLogMetadataEnabled(p, false);
    RaftServerConfigKeys.Log.setPurgeUptoSnapshotIndex(p, true);
    RaftServerConfigKeys.Log.setPurgeGap(p, 1);
    // Members that were away for a while catch up from these, without a snapshot.
    RaftServerConfigKeys.Log.setPurgePreservationLogNum(p, options.entriesKept());
    // A damaged log stops the replica. What a crash may leave at its end, LogTail has cut off.
    RaftServerConfigKeys.Log.setCorruptionPolicy(
        p, RaftServerConfigKeys.Log.CorruptionPolicy.EXCEPTION);
  }

  private static void snapshots(RaftProperties p) {
    // Ratis counts entries only; the state machine counts bytes and time as well and asks itself.
    RaftServerConfigKeys.Snapshot.setAutoTriggerEnabled(p, false);
    RaftServerConfigKeys.Snapshot.setTriggerWhenStopEnabled(p, false);
    RaftServerConfigKeys.Snapshot.setCreationGap(p, 1);
  }

  private static void elections(RaftProperties p, boolean alone, ReplicaOptions options) {
    TimeDuration timeout = duration(options.electionTimeout());
    RaftServerConfigKeys.Rpc.setTimeoutMin(p, timeout);
    RaftServerConfigKeys.Rpc.setTimeoutMax(p, timeout.multiply(2));
    // The only member need not wait for a primary to make itself known. Others should: one that
    // stands for election while a primary tells it who the members are may find itself to be none.
    if (alone) {
      RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMin(p, TimeDuration.valueOf(5, MILLIS));
      RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMax(p, TimeDuration.valueOf(50, MILLIS));
    }
    RaftServerConfigKeys.LeaderElection.setPreVote(p, true);
    // One that lost its majority waits so long before it tries to become primary again.
    RaftServerConfigKeys.LeaderElection.setLeaderStepDownWaitTime(p, timeout.multiply(2));
    RaftServerConfigKeys.Rpc.setRequestTimeout(p, TimeDuration.valueOf(3, TimeUnit.SECONDS));
    // A process that was stopped for a minute, or a laptop that slept, goes on; it does not close.
    RaftServerConfigKeys.setCloseThreshold(p, NEVER);
    // New members are given this long without any progress.
    RaftServerConfigKeys.setStagingTimeout(p, TimeDuration.valueOf(30, TimeUnit.SECONDS));
  }

  private static final TimeUnit MILLIS = TimeUnit.MILLISECONDS;

  private static TimeDuration duration(Duration d) {
    return TimeDuration.valueOf(d.toMillis(), TimeUnit.MILLISECONDS);
  }
}
