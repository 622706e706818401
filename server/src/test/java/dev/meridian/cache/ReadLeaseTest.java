package dev.meridian.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.store.StoreException.Unavailable;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ReadLeaseTest {
  private final AtomicLong nanos = new AtomicLong(1);
  private final AtomicLong millis = new AtomicLong(1_800_000_000_000L);
  private final AtomicInteger fences = new AtomicInteger();
  private volatile Runnable fence = () -> {};
  private final ReadLease lease =
      new ReadLease(
          ReadLease.LENGTH,
          Duration.ofSeconds(20),
          () -> {
            fence.run();
            fences.incrementAndGet();
          },
          nanos::get,
          millis::get);

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
    millis.addAndGet(time.toMillis());
  }

  private static void until(BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(50).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
      Thread.sleep(1);
    }
  }

  @Test
  void readersRenewItWhenHalfOfItIsOver() throws InterruptedException {
    assertThat(lease.holds()).isTrue();
    for (int i = 0; i < 100; i++) {
      assertThat(lease.holds()).isTrue();
    }
    assertThat(fences).hasValue(1);
    pass(Duration.ofMillis(1_200));
    assertThat(lease.holds()).isTrue();
    until(() -> fences.get() == 2);
    pass(ReadLease.LENGTH.multipliedBy(10));
    assertThat(fences).as("without readers nothing is asked").hasValue(2);
  }

  @Test
  void itCountsFromBeforeThePrimaryWasAsked() {
    fence = () -> pass(Duration.ofMillis(1_999));
    assertThat(lease.holds()).isTrue();
    fence = () -> pass(Duration.ofMillis(2_000));
    pass(Duration.ofMillis(1));
    assertThat(lease.holds()).as("the answer was that long under way").isFalse();
  }

  @Test
  void aNodeThatSleptOrWhoseClockWasSetBackDoesNotHoldIt() {
    assertThat(lease.holds()).isTrue();
    fence =
        () -> {
          throw new Unavailable(Unavailable.Outcome.NOT_DONE, "cut off", null);
        };
    assertThat(lease.holds()).isTrue();
    millis.addAndGet(2_000); // the monotonic clock stands still on a suspended machine
    assertThat(lease.holds()).isFalse();
    fence = () -> {};
    pass(Duration.ofSeconds(1));
    assertThat(lease.holds()).isTrue();
    fence =
        () -> {
          throw new Unavailable(Unavailable.Outcome.NOT_DONE, "cut off", null);
        };
    millis.addAndGet(-10);
    assertThat(lease.holds()).isFalse();
  }

  @Test
  void whileThePrimaryIsAskedNobodyElseAsks() throws InterruptedException {
    CountDownLatch go = new CountDownLatch(1);
    AtomicInteger begun = new AtomicInteger();
    fence =
        () -> {
          begun.incrementAndGet();
          try {
            go.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };
    AtomicInteger held = new AtomicInteger();
    Thread[] readers = new Thread[20];
    for (int i = 0; i < readers.length; i++) {
      readers[i] =
          Thread.ofVirtual()
              .start(
                  () -> {
                    if (lease.holds()) {
                      held.incrementAndGet();
                    }
                  });
    }
    until(() -> begun.get() == 1);
    go.countDown();
    for (Thread reader : readers) {
      reader.join();
    }
    assertThat(held).hasValue(20);
    assertThat(fences).hasValue(1);
  }

  @Test
  void aPrimaryThatHangsHoldsReadersUpForAWhileOnly() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    fence =
        () -> {
          begun.countDown();
          try {
            go.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };
    Thread first = Thread.ofVirtual().start(lease::holds);
    begun.await();
    pass(Duration.ofSeconds(20));
    assertThat(lease.holds()).as("who comes late does not wait as long again").isFalse();
    go.countDown();
    first.join();
    until(lease::holds);
    assertThat(fences).as("what was told so long ago does not count").hasValue(2);
  }

  @Test
  void whateverGoesWrongItIsAskedAgain() {
    fence =
        () -> {
          throw new NoClassDefFoundError("once");
        };
    assertThat(lease.holds()).isFalse();
    fence = () -> {};
    pass(Duration.ofSeconds(1));
    assertThat(lease.holds()).isTrue();
  }

  @Test
  void itsAgeIsThatOfTheLastGoodAnswer() {
    assertThat(lease.age()).isZero();
    pass(Duration.ofDays(1));
    fence =
        () -> {
          throw new Unavailable(Unavailable.Outcome.NOT_DONE, "cut off", null);
        };
    assertThat(lease.holds()).isFalse();
    pass(Duration.ofSeconds(3));
    assertThat(lease.age()).as("since it was asked first").isEqualTo(Duration.ofSeconds(3));
    fence = () -> {};
    assertThat(lease.holds()).isTrue();
    pass(Duration.ofSeconds(5));
    millis.addAndGet(-3_600_000);
    assertThat(lease.age()).as("by the other clock").isEqualTo(Duration.ofSeconds(5));
  }
}
