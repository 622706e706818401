package dev.meridian.health;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.HealthCheck;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** When tries prove an address up or down. */
class VerdictTest {
  private static final HealthCheck CHECK =
      new HealthCheck(
          HealthCheck.Kind.TCP,
          OptionalInt.of(1),
          "/",
          "",
          List.of(),
          true,
          Duration.ofSeconds(5),
          Duration.ofSeconds(2),
          3,
          2);

  private final Verdict verdict = new Verdict(CHECK);
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");

  private boolean note(boolean success) {
    now = now.plusSeconds(5);
    return verdict.note(success, now);
  }

  private int triesUntilUp() {
    int tries = 1;
    while (!note(true)) {
      assertThat(++tries).isLessThan(1000);
    }
    return tries;
  }

  private void fall() {
    while (verdict.isUp()) {
      note(false);
    }
  }

  @Test
  void itIsUpUntilSoManyFailuresInARow() {
    assertThat(verdict.isUp()).isTrue();
    assertThat(note(false)).isFalse();
    assertThat(note(false)).isFalse();
    assertThat(note(true)).isFalse();
    assertThat(note(false)).isFalse();
    assertThat(note(false)).isFalse();
    assertThat(verdict.isUp()).isTrue();
    assertThat(note(false)).isTrue();
    assertThat(verdict.isUp()).isFalse();
    assertThat(note(false)).isFalse();
  }

  @Test
  void itIsDownUntilSoManySuccessesInARow() {
    fall();
    assertThat(note(true)).isFalse();
    assertThat(note(false)).isFalse();
    assertThat(note(true)).isFalse();
    assertThat(note(true)).isTrue();
    assertThat(verdict.isUp()).isTrue();
  }

  @Test
  void whatFlapsNeedsMoreProofAndIsForgivenLater() {
    fall();
    assertThat(triesUntilUp()).isEqualTo(2);
    fall();
    assertThat(triesUntilUp()).isEqualTo(4);
    fall();
    assertThat(triesUntilUp()).isEqualTo(8);
    for (int i = 0; i < 20; i++) {
      fall();
      int tries = triesUntilUp();
      assertThat(tries).isBetween(8, 2 << Verdict.MOST_DOUBLINGS);
    }
    now = now.plus(Verdict.LATELY);
    fall();
    assertThat(triesUntilUp()).isEqualTo(2);
  }
}
