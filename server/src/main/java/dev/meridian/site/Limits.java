package dev.meridian.site;

import java.time.Duration;

/**
 * Bounds on what requests may ask, in one place.
 *
 * @param documentBytes largest document, as minified JSON
 * @param bodyBytes largest request body, in any format
 * @param batchWrites most writes in a batch
 * @param nestingDepth deepest JSON nesting
 * @param listLimit most documents in a page of a list
 * @param scanDocuments most documents an unindexed query may read
 * @param requestTime after which a request is answered with an error
 * @param watchers most open watches on a node
 * @param pageBytes largest page that a template makes, before compression
 */
public record Limits(
    int documentBytes,
    int bodyBytes,
    int batchWrites,
    int nestingDepth,
    int listLimit,
    int scanDocuments,
    Duration requestTime,
    int watchers,
    int pageBytes) {
  /** Used unless {@code site.yaml} says otherwise. */
  public static final Limits DEFAULT =
      new Limits(
          1 << 20, 8 << 20, 500, 64, 1000, 1_000_000, Duration.ofSeconds(30), 10_000, 4 << 20);
}
