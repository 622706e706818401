package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class FreshnessTest {
  private final Freshness freshness = new Freshness(0);

  private static long at(long millis) {
    return TimeUnit.MILLISECONDS.toNanos(millis);
  }

  @Test
  void primaryIsFresh() {
    freshness.primary(at(1000));
    assertThat(freshness.millis(at(1000))).isZero();
    assertThat(freshness.millis(at(1400))).isEqualTo(400);
  }

  @Test
  void followerIsAsFreshAsWhatItHeardLastAndHasApplied() {
    freshness.follows(10, 10, at(900));
    assertThat(freshness.millis(at(1000))).isEqualTo(100);
  }

  @Test
  void followerThatHearsNothingGrowsOld() {
    freshness.follows(10, 10, at(900));
    freshness.follows(10, 10, at(900));
    assertThat(freshness.millis(at(9000))).isEqualTo(8100);
  }

  @Test
  void followerThatAppliesTooSlowlyGrowsOldAlthoughItHears() {
    freshness.follows(10, 10, at(1000));
    freshness.follows(50, 20, at(2000));
    freshness.follows(90, 40, at(3000));
    assertThat(freshness.millis(at(3000))).isEqualTo(2000);
    // Now it has what was safe at 2000, but not yet what is safe now.
    freshness.follows(130, 60, at(4000));
    assertThat(freshness.millis(at(4000))).isEqualTo(2000);
    freshness.follows(130, 130, at(5000));
    assertThat(freshness.millis(at(5000))).isZero();
  }

  @Test
  void followerUnderSteadyLoadIsFreshAlthoughItIsNeverDone() {
    for (int i = 1; i <= 20; i++) {
      freshness.follows(100L * i, 100L * i - 20, at(500L * i));
    }
    assertThat(freshness.millis(at(10_000))).isEqualTo(500);
  }
}
