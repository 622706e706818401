package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** On what a strong read may rest. */
class LeaseTest {
  private static final Duration HOUR = Duration.ofHours(1);
  private static final long FRESH = 0;

  private final Lease lease = new Lease(HOUR);

  private static long ago(Duration time) {
    return System.nanoTime() - time.toNanos();
  }

  @Test
  void answersAloneMakeNothingSure() {
    assertThat(lease.holds(1, () -> FRESH)).isFalse();
    lease.committed(1, ago(HOUR)); // too long ago
    assertThat(lease.holds(1, () -> FRESH)).isFalse();
    assertThat(lease.holds(1, () -> FRESH)).isFalse();
  }

  @Test
  void entryThatAMajorityTookMakesSureFromWhenItWasProposed() {
    lease.committed(1, ago(Duration.ofMinutes(53)));
    assertThat(lease.holds(1, () -> HOUR.toNanos())).isTrue();
    assertThat(lease.holds(2, () -> FRESH)).as("another term").isFalse();
  }

  @Test
  void answersRenewWhatIsSureStill() throws Exception {
    Lease quick = new Lease(Duration.ofMillis(500));
    quick.committed(1, System.nanoTime());
    long until = System.nanoTime() + Duration.ofSeconds(2).toNanos();
    while (System.nanoTime() - until < 0 && quick.holds(1, () -> FRESH)) {
      Thread.sleep(1);
    }
    // Unless this machine stood still for half a second, which is a wait in vain and no mistake.
    long last = System.nanoTime();
    while (quick.holds(1, () -> Duration.ofMillis(200).toNanos())
        && System.nanoTime() - last < Duration.ofSeconds(1).toNanos()) {
      Thread.sleep(1);
    }
    Thread.sleep(500);
    assertThat(quick.holds(1, () -> FRESH)).as("after a silence").isFalse();
  }

  @Test
  void withoutRatisLeaseThereIsNone() {
    lease.committed(1, System.nanoTime());
    assertThat(lease.holds(1, () -> Long.MAX_VALUE)).isFalse();
    assertThat(lease.holds(1, () -> FRESH)).isTrue();
  }

  @Test
  void afterAskingAnotherToBePrimaryNothingIsSureInThisTerm() {
    lease.committed(1, System.nanoTime());
    lease.spoil(1);
    lease.committed(1, System.nanoTime());
    assertThat(lease.holds(1, () -> FRESH)).isFalse();
    lease.committed(2, System.nanoTime());
    assertThat(lease.holds(2, () -> FRESH)).isTrue();
    lease.committed(1, System.nanoTime());
    assertThat(lease.holds(2, () -> FRESH)).as("an entry of an earlier term").isTrue();
  }
}
