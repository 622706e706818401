package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class GatheringTest {
  private static final long MILLI = 1_000_000;
  private static final int SETTLED = 100;

  /** Writes that waited when the last ones were answered. */
  private static final int OTHERS = 20;

  private final Gathering gathering = new Gathering();

  /** As often as it takes for an average. */
  private void answered(int writes, long tookNanos) {
    for (int i = 0; i < SETTLED; i++) {
      gathering.answered(writes, OTHERS, tookNanos, 0);
    }
  }

  @Test
  void nobodyIsWaitedForAtFirst() {
    assertThat(gathering.pause(1, 1, 0)).isZero();
  }

  @Test
  void oneWhoIsAloneNeverWaits() {
    answered(1, 2 * MILLI);
    assertThat(gathering.pause(1, 1, 0)).isZero();
    answered(Gathering.COMPANY - 1, 2 * MILLI);
    assertThat(gathering.pause(1, 1, 0)).isZero();
  }

  @Test
  void thoseWhoWereAnsweredTogetherAreWaitedForWhileManyCome() {
    answered(8, 2 * MILLI);
    assertThat(gathering.pause(1, 1, 0)).isBetween(MILLI * 9 / 20, MILLI / 2);
    assertThat(gathering.pause(16, 2, MILLI / 2)).isPositive();
    assertThat(gathering.pause(17, 2, MILLI / 2)).isZero();
    assertThat(gathering.pause(17, 0, MILLI / 2)).isZero();
  }

  @Test
  void whenAllAreThereNobodyIsWaitedFor() {
    answered(8, 2 * MILLI);
    assertThat(gathering.everybody()).isEqualTo(8 + OTHERS);
    assertThat(gathering.pause(8 + OTHERS - 1, 8, 0)).isPositive();
    assertThat(gathering.pause(8 + OTHERS, 8, 0)).isZero();
  }

  @Test
  void theWaitIsNoLongerThanAnEntryTakes() {
    answered(100, 2 * MILLI);
    assertThat(gathering.pause(50, 50, MILLI)).isPositive();
    assertThat(gathering.pause(50, 50, 2 * MILLI)).isZero();
  }

  @Test
  void theWaitHasAnEndWhereEntriesTakeLong() {
    answered(100, 1000 * MILLI);
    assertThat(gathering.pause(50, 50, 0)).isEqualTo(Gathering.LOOK_NANOS);
    assertThat(gathering.pause(50, 50, Gathering.PATIENCE_NANOS)).isZero();
  }

  @Test
  void aCrowdThatIsGoneIsNotWaitedFor() {
    answered(100, 2 * MILLI);
    gathering.answered(1, OTHERS, 2 * MILLI, MILLI);
    assertThat(gathering.pause(1, 1, MILLI)).isZero();
  }
}
