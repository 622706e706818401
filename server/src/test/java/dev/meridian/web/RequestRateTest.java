package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The rate of a count, on a clock of its own. */
class RequestRateTest {
  private final AtomicLong count = new AtomicLong();
  private final AtomicLong clock = new AtomicLong(-5);
  private final AtomicInteger asked = new AtomicInteger();
  private final RequestRate rate =
      new RequestRate(
          () -> {
            asked.incrementAndGet();
            return count.get();
          },
          clock::get);

  private void pass(Duration time, long requests) {
    clock.addAndGet(time.toNanos());
    count.addAndGet(requests);
  }

  @Test
  void firstAnswerNeedsTwoSamples() {
    assertThat(rate.perSecond()).isEmpty();
    pass(Duration.ofSeconds(5), 500);
    assertThat(rate.perSecond()).hasValue(100);
  }

  @Test
  void rateFollowsWithinTheSpan() {
    rate.perSecond();
    for (int i = 0; i < 30; i++) {
      pass(Duration.ofSeconds(1), 100);
      rate.perSecond();
    }
    assertThat(rate.perSecond()).hasValue(100);
    for (int i = 0; i < 5; i++) {
      pass(Duration.ofSeconds(1), 300);
      rate.perSecond();
    }
    assertThat(rate.perSecond().orElseThrow()).isCloseTo(200, within(20.0));
    for (int i = 0; i < 6; i++) {
      pass(Duration.ofSeconds(1), 300);
      rate.perSecond();
    }
    assertThat(rate.perSecond()).hasValue(300);
  }

  @Test
  void countIsTakenOnceASecondAtMost() {
    rate.perSecond();
    pass(Duration.ofSeconds(2), 20);
    for (int i = 0; i < 1000; i++) {
      assertThat(rate.perSecond()).hasValue(10);
    }
    assertThat(asked.get()).isEqualTo(2);
  }

  @Test
  void longSilenceIsForgotten() {
    rate.perSecond();
    pass(Duration.ofHours(1), 1_000_000);
    assertThat(rate.perSecond()).isEmpty();
    pass(Duration.ofSeconds(5), 50);
    assertThat(rate.perSecond()).hasValue(10);
  }
}
