package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.server.RaftServerConfigKeys.Log;
import org.apache.ratis.server.RaftServerConfigKeys.Rpc;
import org.apache.ratis.server.RaftServerConfigKeys.Snapshot;
import org.junit.jupiter.api.Test;

/** Settings on which promises rest and whose absence no other test may notice in time. */
class RaftSettingsTest {
  private final Path folder = Path.of("/somewhere/raft");
  private final RaftProperties settings = RaftSettings.of(folder, false, ReplicaOptions.DEFAULT);

  @Test
  void entriesAreOnDiskBeforeTheyCount() {
    assertThat(Log.unsafeFlushEnabled(settings)).isFalse();
    assertThat(Log.asyncFlushEnabled(settings)).isFalse();
    assertThat(Log.useMemory(settings)).isFalse();
  }

  @Test
  void theLogLiesWhereItWasTold() {
    assertThat(RaftServerConfigKeys.storageDir(settings)).containsExactly(folder.toFile());
  }

  @Test
  void theLogIsCutAtSnapshotsThatWeTake() {
    assertThat(Log.purgeUptoSnapshotIndex(settings)).isTrue();
    assertThat(Snapshot.autoTriggerEnabled(settings)).isFalse();
  }

  @Test
  void damageStopsTheReplica() {
    assertThat(Log.corruptionPolicy(settings)).isEqualTo(Log.CorruptionPolicy.EXCEPTION);
  }

  @Test
  void theLargestEntryFitsEverywhere() {
    long entry = ReplicaOptions.MAX_ENTRY_BYTES + RaftSettings.ENTRY_OVERHEAD_BYTES;
    assertThat(Log.Appender.bufferByteLimit(settings).getSize()).isGreaterThanOrEqualTo(entry);
    assertThat(Log.writeBufferSize(settings).getSize()).isGreaterThan(entry);
  }

  @Test
  void anEntryCostsOneSync() {
    assertThat(Log.logMetadataEnabled(settings)).isFalse();
  }

  @Test
  void memberOfAGroupLetsItsPrimarySpeakFirst() {
    assertThat(Rpc.firstElectionTimeoutMin(settings)).isEqualTo(Rpc.timeoutMin(settings));
    RaftProperties alone = RaftSettings.of(folder, true, ReplicaOptions.DEFAULT);
    assertThat(Rpc.firstElectionTimeoutMax(alone)).isLessThan(Rpc.timeoutMin(alone));
  }
}
