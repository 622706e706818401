package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.store.StoreException.Unavailable;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
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

  /** Less than the pauses of 200, 400 and 800 ms that remain of the first five. */
  private static final Duration PAUSES = Duration.ofMillis(1300);

  @Test
  void aThreadThatWasInterruptedPauses() throws Exception {
    CountDownLatch sixth = new CountDownLatch(6);
    Flusher.Source source =
        new Flusher.Source() {
          @Override
          public Optional<Duration> due() {
            if (sixth.getCount() == 6) {
              Thread.currentThread().interrupt();
            }
            sixth.countDown();
            return Optional.empty();
          }

          @Override
          public boolean flush() {
            return false;
          }
        };
    long begun = System.nanoTime();
    try (Flusher flusher = new Flusher(source)) {
      flusher.start();
      assertThat(sixth.await(30, TimeUnit.SECONDS)).isTrue();
      // Between each two looks are 100 ms, but after the first, which nobody can keep from it.
      assertThat(Duration.ofNanos(System.nanoTime() - begun))
          .isGreaterThanOrEqualTo(Duration.ofMillis(300));
    }
  }

  @Test
  void aHurryEndsOnePauseAndNoMore() throws Exception {
    CountDownLatch sixth = new CountDownLatch(6);
    AtomicReference<@Nullable Flusher> hurried = new AtomicReference<>();
    Flusher.Source source =
        new Flusher.Source() {
          @Override
          public Optional<Duration> due() {
            sixth.countDown();
            Flusher flusher = hurried.getAndSet(null);
            if (flusher != null) {
              flusher.hurry();
            }
            throw new Unavailable(Unavailable.Outcome.NOT_DONE, "planted", null);
          }

          @Override
          public boolean flush() {
            return false;
          }
        };
    long begun = System.nanoTime();
    try (Flusher flusher = new Flusher(source)) {
      hurried.set(flusher);
      flusher.start();
      assertThat(sixth.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(Duration.ofNanos(System.nanoTime() - begun)).isGreaterThanOrEqualTo(PAUSES);
    }
  }
}
