package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class FencesTest {
  private final AtomicLong nanos = new AtomicLong(1);
  private final Fences fences = new Fences(nanos::get);

  private void pass(long seconds) {
    nanos.addAndGet(Duration.ofSeconds(seconds).toNanos());
  }

  private static Fenced fenced(long office, Map<String, Duration> ages) {
    return new Fenced("a", Duration.ofSeconds(office), ages);
  }

  @Test
  void itKnowsWhenNodesAskedLast() {
    fences.primaryIn(1);
    pass(5);
    fences.asked("b");
    pass(3);
    fences.asked("c");
    fences.primaryIn(1);
    pass(1);
    assertThat(fences.known("a"))
        .isEqualTo(fenced(9, Map.of("b", Duration.ofSeconds(4), "c", Duration.ofSeconds(1))));
  }

  @Test
  void whoAskedInAnEarlierTermMayHaveAskedAnotherSince() {
    fences.primaryIn(1);
    fences.asked("b");
    pass(100); // another is primary, and b asks it
    fences.primaryIn(3);
    pass(1);
    assertThat(fences.known("a")).isEqualTo(fenced(1, Map.of("b", Duration.ofSeconds(1))));
    fences.asked("b");
    pass(7);
    assertThat(fences.known("a")).isEqualTo(fenced(8, Map.of("b", Duration.ofSeconds(7))));
  }
}
