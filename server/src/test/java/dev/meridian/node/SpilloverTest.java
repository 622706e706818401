package dev.meridian.node;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.health.Prober;
import dev.meridian.site.Region;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Shares of a region of two addresses that can take 1,000 requests a second. */
class SpilloverTest {
  private static final InetAddress FIRST = InetAddress.ofLiteral("192.0.2.1");
  private static final InetAddress SECOND = InetAddress.ofLiteral("192.0.2.2");
  private static final Region REGION =
      new Region(
          "eu",
          Optional.empty(),
          List.of(FIRST, SECOND),
          Optional.empty(),
          Map.of(),
          OptionalInt.of(1000));

  private final Spillover spillover = new Spillover();
  private final Map<InetAddress, Prober.Report> reports = new HashMap<>();

  private void tells(InetAddress address, OptionalDouble load) {
    reports.put(
        address,
        new Prober.Report(
            true,
            Instant.EPOCH,
            new InetSocketAddress(address, 80),
            1,
            Optional.empty(),
            load,
            Optional.empty(),
            1));
  }

  private double share(double load) {
    tells(FIRST, OptionalDouble.of(load / 2));
    tells(SECOND, OptionalDouble.of(load / 2));
    return share(Set.of());
  }

  private double share(Set<InetAddress> silent) {
    return spillover.shares(List.of(REGION), reports, silent).getOrDefault("eu", 1.0);
  }

  @Test
  void shareFallsOverTheLastFifthOfTheCapacity() {
    assertThat(share(0)).isEqualTo(1);
    assertThat(share(800)).isEqualTo(1);
    assertThat(share(900)).isEqualTo(0.5);
    assertThat(share(950)).isEqualTo(0.25);
    assertThat(share(1000)).isZero();
    assertThat(share(5000)).isZero();
    assertThat(share(800)).isEqualTo(1);
  }

  @Test
  void changeOfLessThanAStepIsNone() {
    assertThat(share(900)).isEqualTo(0.5);
    assertThat(share(910)).isEqualTo(0.5);
    assertThat(share(890)).isEqualTo(0.5);
    assertThat(share(913)).isLessThan(0.5);
  }

  @Test
  void addressThatIsDownTakesItsPartOfTheCapacityAlong() {
    assertThat(share(500)).isEqualTo(1);
    tells(FIRST, OptionalDouble.of(450));
    assertThat(share(Set.of(SECOND))).isEqualTo(0.5);
  }

  @Test
  void whatNobodyTellsIsRoom() {
    assertThat(share(Set.of())).isEqualTo(1);
    tells(FIRST, OptionalDouble.empty());
    tells(SECOND, OptionalDouble.empty());
    assertThat(share(Set.of())).isEqualTo(1);
    // A lower bound decides, too.
    tells(SECOND, OptionalDouble.of(2000));
    assertThat(share(Set.of())).isZero();
    reports.clear();
    assertThat(share(Set.of())).isEqualTo(1);
  }
}
