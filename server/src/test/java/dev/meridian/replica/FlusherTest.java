package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FlusherTest {
  @Test
  void whateverGoesWrongIsTriedAgain() throws Exception {
    AtomicInteger tries = new AtomicInteger();
    CountDownLatch flushed = new CountDownLatch(1);
    Flusher.Source source =
        new Flusher.Source() {
          @Override
          public Optional<Duration> due() {
            return Optional.of(Duration.ZERO);
          }

          @Override
          public boolean flush() {
            switch (tries.incrementAndGet()) {
              case 1 -> throw new StackOverflowError("planted");
              case 2 -> throw new IllegalStateException("planted");
              default -> flushed.countDown();
            }
            return true;
          }
        };
    try (Flusher flusher = new Flusher(source)) {
      flusher.start();
      assertThat(flushed.await(30, TimeUnit.SECONDS)).isTrue();
    }
  }
}
