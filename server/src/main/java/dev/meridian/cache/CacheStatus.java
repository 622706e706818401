package dev.meridian.cache;

/**
 * How a near cache is doing.
 *
 * @param bytes about what its entries take of the heap
 * @param maxBytes most that they may take
 * @param entries documents, and places known to have none
 * @param hits reads that it answered since it was opened
 * @param misses reads that went to the store, or shared another's look at it
 * @param loads looks at the store
 * @param loadMicros mean time of one
 * @param evictions entries that had to make room
 * @param lag changes of the store that it does not know yet, about
 */
public record CacheStatus(
    long bytes,
    long maxBytes,
    long entries,
    long hits,
    long misses,
    long loads,
    double loadMicros,
    long evictions,
    long lag) {
  /** The part of reads that it answered, 0 to 1; 0 before the first. */
  public double hitRate() {
    return hits + misses == 0 ? 0 : (double) hits / (hits + misses);
  }
}
