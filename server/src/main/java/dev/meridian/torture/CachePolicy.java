package dev.meridian.torture;

import java.util.List;
import java.util.Locale;

/** How a collection of the torture's site is cached, and what that changes of its promises. */
public enum CachePolicy {
  /** Read past the near cache. */
  OFF(false, false),
  /** Kept by the near caches, which follow the changes. */
  READ_THROUGH(false, false),
  /** What was written is what all nodes show, to whomever. */
  WRITE_THROUGH(false, true),
  /** Writes are put off; a flush gives a document another version of the same value. */
  WRITE_BEHIND(true, false);

  /** All of them. */
  public static final List<CachePolicy> ALL = List.of(values());

  private static final String COLLECTION = "torture-";

  private final boolean flushes;
  private final boolean recent;

  CachePolicy(boolean flushes, boolean recent) {
    this.flushes = flushes;
    this.recent = recent;
  }

  /** Whether documents get versions that no write made, and increments may share one. */
  boolean flushes() {
    return flushes;
  }

  /** Whether near caches and kept pages may hold its documents. */
  boolean isCached() {
    return this == READ_THROUGH || this == WRITE_THROUGH;
  }

  /** Whether every reader sees what was acknowledged before they asked, unless told otherwise. */
  boolean isRecent() {
    return recent;
  }

  /** As {@code site.yaml} has it, such as {@code write-behind}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The collection that has this policy. */
  String collection() {
    return COLLECTION + label();
  }

  /** The policy of a document, by its path; read-through, the default, for all that has none. */
  static CachePolicy of(String document) {
    for (CachePolicy policy : values()) {
      if (document.startsWith(policy.collection() + "/")) {
        return policy;
      }
    }
    return READ_THROUGH;
  }
}
