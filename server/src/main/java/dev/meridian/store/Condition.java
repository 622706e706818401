package dev.meridian.store;

import java.util.List;

/**
 * What must hold for a write to be applied (RFC 9110, section 13): ETags without quotes, or {@code
 * *} for any existing document.
 *
 * @param ifMatch one of these must be the document's; empty: no such condition
 * @param ifNoneMatch none of these may be the document's; empty: no such condition
 */
public record Condition(List<String> ifMatch, List<String> ifNoneMatch) {
  /** Holds always. */
  public static final Condition NONE = new Condition(List.of(), List.of());

  /** The document exists. */
  public static final Condition EXISTS = new Condition(List.of("*"), List.of());

  /** The document does not exist. */
  public static final Condition ABSENT = new Condition(List.of(), List.of("*"));

  /** Most ETags in either list. */
  public static final int MAX_ETAGS = 32;

  /** Copies. */
  public Condition {
    ifMatch = List.copyOf(ifMatch);
    ifNoneMatch = List.copyOf(ifNoneMatch);
  }

  /** The document is at exactly this ETag. */
  public static Condition ifMatch(String etag) {
    return new Condition(List.of(etag), List.of());
  }
}
