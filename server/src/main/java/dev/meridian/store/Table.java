package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

/** The column families of a database: what they map and how their keys are made. */
enum Table {
  /**
   * {@link Meta}, and what its prefixes say: builds before write-behind open a database only if it
   * has none but these families, so {@link Pending} values are here, too. RocksDB insists on a
   * family of this name.
   */
  META("default"),
  /** Path to {@link Stored.Live}. */
  DOCUMENTS("documents"),
  /** Position to path: the newest change of each path, documents and tombstones. */
  CHANGES("changes"),
  /** {@code p} and path to {@link Stored.Tombstone}; {@code s} and position to path. */
  TOMBSTONES("tombstones"),
  /** Index number, collection and encoded fields, id; see {@link IndexKeys}. */
  INDEXES("indexes"),
  /** Time of expiry in milliseconds, then path. */
  EXPIRY("expiry"),
  /** {@code k} and key to what it did; {@code t}, timestamp and key, to forget by age. */
  IDEMPOTENCY("idempotency");

  private final String family;

  Table(String family) {
    this.family = family;
  }

  byte[] family() {
    return family.getBytes(UTF_8);
  }
}
