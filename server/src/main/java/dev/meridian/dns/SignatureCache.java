package dev.meridian.dns;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.nio.ByteBuffer;
import java.util.function.Supplier;

/**
 * Signatures of RRsets, by what they sign. They outlive a change of the site, and the answers they
 * stand in. Bounded; what is asked for often stays (W-TinyLFU), so a flood of names that are asked
 * for once pushes nothing out. For any thread.
 */
final class SignatureCache {
  /** About 10 MB. */
  private static final int MOST = 32_768;

  private final Cache<ByteBuffer, RrSignature> signatures =
      Caffeine.newBuilder().maximumSize(MOST).executor(Runnable::run).build();

  /**
   * The signature kept for what {@code digest} stands for, if it is still good, else a new one.
   *
   * @param digest never changed
   * @param now seconds since 1970
   */
  RrSignature get(byte[] digest, long now, Supplier<RrSignature> maker) {
    ByteBuffer key = ByteBuffer.wrap(digest);
    RrSignature kept = signatures.getIfPresent(key);
    if (kept != null && kept.isFresh(now)) {
      return kept;
    }
    RrSignature made = maker.get();
    signatures.put(key, made);
    return made;
  }
}
