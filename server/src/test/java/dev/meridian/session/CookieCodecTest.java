package dev.meridian.session;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.store.Engine;
import dev.meridian.store.RocksStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.jspecify.annotations.Nullable;

class CookieCodecTest {
  private static @Nullable Path folder;
  private static @Nullable Engine engine;
  private static @Nullable RocksStore store;
  private static @Nullable CookieCodec opened;

  @BeforeContainer
  static void open() throws IOException {
    Path made = Files.createTempDirectory("cookies");
    Engine memory = new Engine(8 << 20, 8 << 20);
    RocksStore db = RocksStore.open(made, RocksStore.Options.of(memory), List.of());
    folder = made;
    engine = memory;
    store = db;
    opened = new CookieCodec(new SigningKeys(db, InstantSource.system()));
  }

  @AfterContainer
  static void close() throws IOException {
    if (store != null && engine != null && folder != null) {
      store.close();
      engine.close();
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  private static CookieCodec codec() {
    return Objects.requireNonNull(opened);
  }

  @Property(tries = 500)
  void whatWasWrittenIsRead(@ForAll @Size(16) byte[] selector, @ForAll @Size(16) byte[] verifier) {
    String id = HexFormat.of().formatHex(selector);
    String cookie = codec().cookie(id, verifier);
    assertThat(cookie).hasSize(CookieCodec.COOKIE_CHARS).matches("[A-Za-z0-9._-]+");
    CookieCodec.Read read = codec().read(cookie);
    assertThat(read.refusal()).isNull();
    Claim claim = Objects.requireNonNull(read.claim());
    assertThat(claim.id()).isEqualTo(id);
    assertThat(claim.verifier()).isEqualTo(CookieCodec.hash(verifier));
  }

  /** Also where Base64 has bits that mean nothing. */
  @Property(tries = 3000)
  void noCharacterCanBeChanged(
      @ForAll @Size(16) byte[] bytes,
      @ForAll @IntRange(max = CookieCodec.COOKIE_CHARS - 1) int at,
      @ForAll char other) {
    String cookie = codec().cookie(HexFormat.of().formatHex(bytes), bytes);
    if (cookie.charAt(at) != other) {
      String changed = cookie.substring(0, at) + other + cookie.substring(at + 1);
      assertThat(codec().read(changed).claim()).as(changed).isNull();
      assertThat(codec().read(changed).refusal()).isNotNull();
    }
  }

  @Property(tries = 500)
  void noPartOfOneIsOne(
      @ForAll @Size(16) byte[] bytes,
      @ForAll @IntRange(max = CookieCodec.COOKIE_CHARS - 1) int length) {
    String cookie = codec().cookie(HexFormat.of().formatHex(bytes), bytes);
    assertThat(codec().read(cookie.substring(0, length)).refusal()).isEqualTo(Refusal.MALFORMED);
    assertThat(codec().read(cookie + "x").refusal()).isEqualTo(Refusal.OVERSIZED);
  }

  @Property(tries = 2000)
  void whateverIsSentIsRefusedAndNeverAnError(@ForAll String text) {
    assertThat(codec().read(text).claim()).isNull();
    assertThat(codec().readSeen("00", text).timestamps()).isEmpty();
    assertThat(codec().isCsrf("00", new byte[32], text)).isFalse();
  }
}
