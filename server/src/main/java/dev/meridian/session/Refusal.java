package dev.meridian.session;

import java.util.Locale;

/** Why a cookie or a request was not taken for a session's. */
public enum Refusal {
  /** It is longer than a cookie of ours is. */
  OVERSIZED,
  /** It has not the form of a cookie of ours. */
  MALFORMED,
  /** Its signature is not ours, or by a key that is long gone. */
  FORGED,
  /** It was ours, and its session has ended. */
  ENDED,
  /** It was replaced by another cookie of the same session, longer ago than the grace. */
  REPLAYED,
  /** The request may come from another site. */
  CSRF;

  /** The word for it in metrics. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
