package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.geo.Prefix;
import dev.meridian.site.NewSessionLimit;
import dev.meridian.site.TrustedProxies;
import java.net.InetAddress;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class NewSessionsTest {
  private static final NewSessionLimit ONE =
      new NewSessionLimit(1, List.of(Prefix.parse("127.0.0.0/8").orElseThrow()));
  private static final long SECOND = 1_000_000_000;

  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 3 * SECOND);
  private final NewSessions sessions = new NewSessions(now::get);

  private long take(String address) {
    return sessions.take(ONE, TrustedProxies.NONE, InetAddress.ofLiteral(address));
  }

  private void exhaust(String address) {
    for (int i = 0; i < NewSessionLimit.AT_ONCE; i++) {
      assertThat(take(address)).as(address + " " + i).isZero();
    }
  }

  @Test
  void aNetworkGetsSoManyAtOnceAndThenAtTheRate() {
    exhaust("192.0.2.1");
    assertThat(take("192.0.2.200")).as("the same network").isEqualTo(SECOND);
    assertThat(take("192.0.3.1")).isZero();
    // Over the end of the clock's numbers, too.
    for (int i = 0; i < 10; i++) {
      now.addAndGet(SECOND);
      assertThat(take("192.0.2.1")).isZero();
      assertThat(take("192.0.2.1")).isPositive();
    }
    now.addAndGet(NewSessionLimit.AT_ONCE * SECOND);
    exhaust("192.0.2.1");
    assertThat(take("192.0.2.1")).isPositive();
  }

  @Test
  void aNetworkOfIpv6HasFiftySixBits() {
    exhaust("2001:db8:0:ff::1");
    assertThat(take("2001:db8:0:1::2")).isPositive();
    assertThat(take("2001:db8:0:100::1")).isZero();
  }

  @Test
  void someNetworksHaveNoLimit() {
    for (int i = 0; i < 3 * NewSessionLimit.AT_ONCE; i++) {
      assertThat(take("127.0.0.1")).isZero();
    }
  }

  @Test
  void aProxyOnLoopbackHasALimitUnlessTheSiteSaysOtherwise() {
    Prefix loopback = Prefix.parse("127.0.0.0/8").orElseThrow();
    TrustedProxies proxies =
        new TrustedProxies(
            List.of(Prefix.parse("127.0.0.1/32").orElseThrow()), TrustedProxies.NONE.header());
    NewSessionLimit said = new NewSessionLimit(1, List.of(loopback, loopback));
    InetAddress proxy = InetAddress.ofLiteral("127.0.0.1");
    for (int i = 0; i < NewSessionLimit.AT_ONCE; i++) {
      assertThat(sessions.take(ONE, proxies, proxy)).isZero();
    }
    assertThat(sessions.take(ONE, proxies, proxy)).isPositive();
    assertThat(sessions.take(said, proxies, proxy)).as("said by the site").isZero();
    assertThat(sessions.take(ONE, proxies, InetAddress.ofLiteral("127.0.0.2"))).isZero();
  }

  @Test
  void manyNetworksAreToldApart() {
    for (int i = 0; i < 256; i++) {
      assertThat(take("10.1." + i + ".1")).isZero();
    }
    exhaust("10.2.0.1");
    assertThat(take("10.2.0.1")).isPositive();
  }
}
