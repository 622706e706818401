package dev.meridian.dns;

import org.jspecify.annotations.Nullable;

/** What a server does against abuse, shared by all of its threads and exchanged while it serves. */
final class Defences {
  private volatile @Nullable RateLimit limit;
  private volatile @Nullable Cookies cookies;

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
}
