package dev.meridian.store;

import dev.meridian.document.Version;
import java.util.List;

/**
 * What a batch did.
 *
 * @param results one for each write, in their order
 * @param version the version of the last write in it; a session token that has seen it sees the
 *     whole batch
 * @param replayed whether an earlier attempt with the same idempotency key had done it; values are
 *     then those that are still at the version written
 */
public record Commit(List<Written> results, Version version, boolean replayed) {
  /** Copies. */
  public Commit {
    results = List.copyOf(results);
  }
}
