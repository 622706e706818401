package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.meridian.replica.Lease.Moment;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** On what a strong read may rest. */
class LeaseTest {
  private final Lease lease = new Lease(Duration.ofMinutes(100));

  private static Moment ago(int minutes) {
    return ago(minutes, minutes);
  }

  private static Moment ago(int minutes, int wallMinutes) {
    return new Moment(
        System.nanoTime() - Duration.ofMinutes(minutes).toNanos(),
        System.currentTimeMillis() - Duration.ofMinutes(wallMinutes).toMillis());
  }

  @Test
  void entryMakesSureFromWhenItWasProposedForLessThanAnElectionTimeout() {
    assertThat(lease.left(1)).isZero();
    lease.committed(1, ago(91));
    assertThat(lease.left(1)).isZero();
    lease.committed(1, ago(45));
    assertThat(lease.left(1)).isCloseTo(0.5, within(0.01));
    lease.committed(1, ago(60)); // told late
    assertThat(lease.left(1)).isCloseTo(0.5, within(0.01));
    lease.committed(1, ago(0));
    assertThat(lease.left(1)).isCloseTo(1, within(0.01));
  }

  @Test
  void otherTermsHaveTheirOwn() {
    lease.committed(2, ago(0));
    assertThat(lease.left(1)).isZero();
    assertThat(lease.left(3)).isZero();
    lease.committed(1, ago(0));
    assertThat(lease.left(2)).isPositive();
    lease.committed(3, ago(10));
    assertThat(lease.left(2)).isZero();
    assertThat(lease.left(3)).isPositive();
  }

  /** The monotonic clock stands still on a machine that sleeps. */
  @Test
  void endsWhileTheMachineSleeps() {
    lease.committed(1, ago(1, 95));
    assertThat(lease.left(1)).isZero();
    lease.committed(1, ago(0, -5)); // a clock that was set back proves nothing
    assertThat(lease.left(1)).isZero();
  }

  @Test
  void afterAskingAnotherToBePrimaryNothingIsSureInThisTerm() {
    lease.committed(1, ago(0));
    lease.spoil(1);
    lease.committed(1, ago(0));
    assertThat(lease.left(1)).isZero();
    lease.committed(2, ago(0));
    assertThat(lease.left(2)).isPositive();
  }
}
