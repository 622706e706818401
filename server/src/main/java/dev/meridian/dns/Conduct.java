package dev.meridian.dns;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a server treats its clients, whatever its zones are; shared by all of its threads and changed
 * while it serves.
 */
final class Conduct {
  /** Bytes of an identity at most. */
  static final int MAX_IDENTITY = 63;

  private volatile @Nullable RateLimit limit;
  private volatile @Nullable Cookies cookies;
  private volatile byte @Nullable [] identity;
  private volatile @Nullable SampleLog samples;

  /** Bounds responses over UDP; null for no bound. */
  @Nullable RateLimit limit() {
    return limit;
  }

  void limit(@Nullable RateLimit next) {
    limit = next;
  }

  /** Makes and checks cookies; null while there is no secret: then there are none. */
  @Nullable Cookies cookies() {
    return cookies;
  }

  void cookies(Cookies next) {
    cookies = next;
  }

  /** What tells this server from others to those who ask; null if nobody is told. */
  byte @Nullable [] identity() {
    return identity;
  }

  /** Logs some of the queries; null for none. */
  @Nullable SampleLog samples() {
    return samples;
  }

  void samples(@Nullable SampleLog next) {
    samples = next;
  }

  void identity(Optional<String> next) {
    byte @Nullable [] bytes =
        next.map(text -> text.getBytes(StandardCharsets.US_ASCII)).orElse(null);
    if (bytes != null && (bytes.length == 0 || bytes.length > MAX_IDENTITY)) {
      throw new IllegalArgumentException("an identity has 1 to " + MAX_IDENTITY + " bytes");
    }
    identity = bytes;
  }
}
