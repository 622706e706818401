package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Version;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class RecentHeadsTest {
  private final RecentHeads heads = new RecentHeads();

  @Test
  void knowsWhatWasSetAndNothingElse() {
    heads.set(key("a"), live(1));
    heads.set(key("b"), live(2));
    heads.set(key("a"), live(3));

    assertThat(heads.get(key("c"))).isNull();
    assertHead(heads.get(key("a")), 3);
    assertHead(heads.get(key("b")), 2);
    heads.set(key("a"), null);
    assertThat(heads.get(key("a"))).isNull();
    assertHead(heads.get(key("b")), 2);
  }

  @Test
  void forgetsAsItLikesButNeverSaysWhatIsNoLongerTrue() {
    Map<String, Integer> truth = new HashMap<>();
    Random random = new Random(7);
    int known = 0;
    for (int i = 1; i <= 1_000_000; i++) {
      // More documents than there are slots, so that keys drive each other out.
      String name = "users/" + random.nextInt(400_000);
      if (random.nextInt(10) == 0) {
        heads.set(key(name), null);
        truth.remove(name);
      } else {
        heads.set(key(name), live(i));
        truth.put(name, i);
        assertHead(heads.get(key(name)), i);
      }
      String other = "users/" + random.nextInt(400_000);
      Stored.Live head = heads.get(key(other));
      if (head != null) {
        assertHead(head, truth.getOrDefault(other, -1));
        known++;
      }
    }
    assertThat(known).isGreaterThan(200_000);
  }

  @Test
  void holdsNoLongKeys() {
    String name = "x".repeat(200);
    heads.set(key(name), live(1));
    assertThat(heads.get(key(name))).isNull();
  }

  private static void assertHead(Stored.@Nullable Live head, int number) {
    Objects.requireNonNull(head);
    assertThat(head.isHead()).isTrue();
    assertThat(head.version()).isEqualTo(new Version(number, 0xffff & number));
    assertThat(head.position()).isEqualTo(number + 1L);
    assertThat(head.expiresAtMillis()).isEqualTo(number + 2L);
  }

  private static Stored.Live live(int number) {
    return Stored.Live.of(
        new Version(number, 0xffff & number), number + 1L, number + 2L, "{}".getBytes(UTF_8));
  }

  private static byte[] key(String name) {
    return name.getBytes(UTF_8);
  }
}
