package dev.meridian.account;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.site.AccountSettings.HashCost;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class PasswordHasherTest {
  private static final HashCost CHEAP = new HashCost(64, 1, 1);
  private static final int FOR_STRANGERS = PasswordHasher.MAX_WAITING - PasswordHasher.FOR_KNOWN;

  private final PasswordHasher hasher = new PasswordHasher(1, 1 << 16);

  /** The reference implementation's: {@code argon2 somesalt -id -t 2 -m 16 -p 1 -l 32}. */
  @Test
  void hashesAreThoseOfTheReferenceImplementation() {
    String reference =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assertThat(hasher.verify("password", reference, false)).isTrue();
    assertThat(hasher.verify("passwore", reference, false)).isFalse();
  }

  @Test
  void aHashSaysHowItWasMade() {
    String hash = hasher.hash("correct horse", HashCost.DEFAULT, false);
    assertThat(hash).matches("\\$argon2id\\$v=19\\$m=19456,t=2,p=1\\$[^$]{22}\\$[^$]{43}");
    assertThat(hasher.hash("correct horse", HashCost.DEFAULT, false)).isNotEqualTo(hash);
    assertThat(hasher.verify("correct horse", hash, false)).isTrue();
    assertThat(hasher.verify("correct hors", hash, false)).isFalse();
    assertThat(PasswordHasher.isOutdated(hash, HashCost.DEFAULT)).isFalse();
    assertThat(PasswordHasher.isOutdated(hash, CHEAP)).isTrue();
    assertThat(hasher.verify("x", hasher.hash("x", new HashCost(64, 2, 4), false), false)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "secret",
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
      })
  void whatIsNoHashOfOursLetsNobodyIn(String stored) {
    assertThatThrownBy(() -> hasher.verify("secret", stored, false))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageNotContaining("secret");
  }

  @Test
  void aFloodIsRefusedBeyondTheQueue() throws Exception {
    int many = 4 * PasswordHasher.MAX_WAITING;
    int busy = 0;
    List<Callable<String>> flood = new ArrayList<>();
    for (int i = 0; i < many; i++) {
      flood.add(() -> hasher.hash("x", new HashCost(2 << 10, 1, 1), false));
    }
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<String> one : threads.invokeAll(flood)) {
        try {
          one.get();
        } catch (ExecutionException e) {
          assertThat(e.getCause()).isInstanceOf(PasswordHasher.BusyException.class);
          busy++;
        }
      }
    }
    assertThat(busy).isPositive().isLessThan(many - FOR_STRANGERS + 1);
    assertThat(hasher.waiting()).isZero();
    assertThat(hasher.hash("x", CHEAP, false)).as("it goes on").startsWith("$argon2id$");
  }

  @Test
  void aFloodOfStrangersLeavesRoomForWhoIsKnown() throws Exception {
    HashCost dear = new HashCost(16 << 10, 1, 1);
    AtomicInteger busy = new AtomicInteger();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 2 * PasswordHasher.MAX_WAITING; i++) {
        threads.submit(
            () -> {
              try {
                hasher.hash("x", dear, false);
              } catch (PasswordHasher.BusyException e) {
                busy.incrementAndGet();
              }
            });
      }
      while (busy.get() < 2) {
        Thread.onSpinWait();
      }
      assertThat(hasher.waiting()).isPositive();
      assertThat(hasher.hash("x", CHEAP, true)).startsWith("$argon2id$");
    }
    // One that is made, and those that wait for it.
    assertThat(busy.get()).isBetween(2, 2 * PasswordHasher.MAX_WAITING - FOR_STRANGERS - 1);
  }

  @Test
  void whatNeedsMoreThanTheMemoryThereIsGoesAlone() {
    PasswordHasher small = new PasswordHasher(4, 32);
    assertThat(small.verify("x", small.hash("x", CHEAP, false), false)).isTrue();
  }
}
