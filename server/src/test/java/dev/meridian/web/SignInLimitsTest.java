package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.account.AccountCounts;
import dev.meridian.site.AccountSettings.AttemptLimit;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SignInLimitsTest {
  private static final AttemptLimit LIMIT = new AttemptLimit(2, 5, List.of());
  private static final InetAddress HOME = InetAddress.ofLiteral("127.0.0.1");
  private static final int ALL = 2 * AttemptLimit.PER_NETWORK;

  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - Duration.ofHours(1).toNanos());
  private final SignInLimits limits = new SignInLimits(new AccountCounts(() -> 0), now::get);

  private long take(String name) {
    return limits.take(LIMIT, HOME, name);
  }

  @Test
  void aNetworkTriesOneNameSoOftenAndAllNamesSoOften() {
    assertThat(take("ada")).isZero();
    assertThat(take("ada")).isZero();
    assertThat(take("ada")).isPositive();
    for (int i = 3; i < ALL; i++) {
      assertThat(take("user" + i)).isZero();
    }
    assertThat(take("bob")).isPositive();
    now.addAndGet(Duration.ofMinutes(AttemptLimit.MINUTES).toNanos());
    assertThat(take("bob")).isZero();
  }

  @Test
  void whatIsRightUsesNothingUpForOthersOfTheNetwork() {
    for (int i = 0; i < 3 * ALL; i++) {
      assertThat(take("user" + i)).as("user" + i).isZero();
      limits.giveBack(LIMIT, HOME);
    }
    for (int i = 0; i < ALL; i++) {
      assertThat(take("guess" + i)).isZero();
    }
    assertThat(take("guess")).isPositive();
  }

  @Test
  void accountsAreMadeSoOftenAMinuteByAllVisitors() {
    for (int i = 0; i < 5; i++) {
      assertThat(limits.takeSignUp(LIMIT)).isZero();
    }
    assertThat(limits.takeSignUp(LIMIT)).isEqualTo(Duration.ofSeconds(12).toNanos());
    now.addAndGet(Duration.ofSeconds(12).toNanos());
    assertThat(limits.takeSignUp(LIMIT)).isZero();
    assertThat(limits.takeSignUp(LIMIT)).isPositive();
  }
}
