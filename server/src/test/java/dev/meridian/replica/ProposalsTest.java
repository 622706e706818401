package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.store.Batch;
import dev.meridian.store.LogCodec;
import dev.meridian.store.StoreException.Unavailable;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.apache.ratis.proto.RaftProtos.StateMachineLogEntryProto;
import org.apache.ratis.protocol.ClientId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ProposalsTest {
  private static final ClientId SELF = ClientId.randomId();

  private final Proposals proposals = new Proposals(SELF);

  private static PendingWrite write() {
    PendingWrite write =
        new PendingWrite(
            LogCodec.command(Batch.of(Fixture.put("items/a", "1"))), Duration.ofMinutes(1));
    assertThat(write.submit()).isTrue();
    return write;
  }

  private LogGroup propose(long call, long term, PendingWrite write) {
    LogGroup group = new LogGroup(term, List.of(Turn.of(write)), ByteBuffer.allocate(0), _ -> {});
    proposals.add(call, group);
    assertThat(group.appending(term)).isTrue();
    return group;
  }

  private static StateMachineLogEntryProto entry(ClientId client, long call) {
    return StateMachineLogEntryProto.newBuilder()
        .setClientId(client.toByteString())
        .setCallId(call)
        .build();
  }

  private static void assertSuperseded(PendingWrite write) {
    assertThatThrownBy(write::await)
        .isInstanceOfSatisfying(
            Unavailable.class, e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.NOT_DONE))
        .hasCauseInstanceOf(Primary.NotThere.class);
  }

  @Test
  void entryOfALaterTermSaysThatEarlierOnesWereNotDone() {
    PendingWrite earlier = write();
    PendingWrite later = write();
    proposals.reached(1);
    propose(1, 1, earlier);
    LogGroup second = propose(2, 3, later);
    proposals.reached(1);
    assertThat(proposals.take(entry(SELF, 3))).isNull();
    proposals.reached(3);
    assertSuperseded(earlier);
    assertThat(proposals.take(entry(SELF, 1))).isNull();
    assertThat(second.isInDoubt()).isTrue();
    assertThat(proposals.take(entry(SELF, 2))).isSameAs(second);
  }

  @Test
  void entryThatTheNextPrimaryKeptIsFound() {
    LogGroup group = propose(7, 1, write());
    proposals.reached(1);
    assertThat(proposals.take(entry(ClientId.randomId(), 7))).isNull();
    assertThat(proposals.take(entry(SELF, 7))).isSameAs(group);
    proposals.reached(2);
    assertThat(group.isInDoubt()).isTrue();
  }

  @Test
  void copyOfAnothersDataTellsNothing() {
    PendingWrite write = write();
    propose(1, 1, write);
    proposals.lost();
    proposals.reached(2);
    assertThatThrownBy(write::await)
        .isInstanceOfSatisfying(
            Unavailable.class, e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.UNKNOWN));
  }
}
