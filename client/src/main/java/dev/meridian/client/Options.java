package dev.meridian.client;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a client talks to its server. Immutable; start from {@link #DEFAULT}.
 *
 * @param key the API key, sent as {@code Authorization: Bearer …}; null: none
 * @param connectTimeout longest wait for a connection
 * @param requestTimeout longest wait for the whole answer to one attempt; of a stream, for its
 *     beginning and between two portions
 * @param attempts most attempts at one request, 1 to 20
 * @param maxWait longest pause between two attempts; a server that asks for more with {@code
 *     Retry-After} is not tried again
 * @param maxResponseBytes largest answer that is read, except for watches and backups
 */
public record Options(
    @Nullable String key,
    Duration connectTimeout,
    Duration requestTimeout,
    int attempts,
    Duration maxWait,
    int maxResponseBytes) {
  private static final Duration LONGEST = Duration.ofDays(1);

  /** No key; 5 s to connect, 30 s an attempt, 5 attempts, 5 s between them, answers to 64 MiB. */
  public static final Options DEFAULT =
      new Options(
          null, Duration.ofSeconds(5), Duration.ofSeconds(30), 5, Duration.ofSeconds(5), 64 << 20);

  /** Checks the bounds. */
  public Options {
    if (attempts < 1 || attempts > 20) {
      throw new IllegalArgumentException("attempts is 1 to 20; it was " + attempts);
    }
    if (key != null && (key.isBlank() || !key.chars().allMatch(c -> c > 0x20 && c < 0x7f))) {
      throw new IllegalArgumentException("An API key is one line of visible ASCII characters.");
    }
    if (connectTimeout.isNegative()
        || connectTimeout.isZero()
        || requestTimeout.isNegative()
        || requestTimeout.isZero()
        || maxWait.isNegative()) {
      throw new IllegalArgumentException("timeouts are positive");
    }
    if (connectTimeout.compareTo(LONGEST) > 0
        || requestTimeout.compareTo(LONGEST) > 0
        || maxWait.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException("timeouts are at most " + LONGEST.toHours() + " hours");
    }
    if (maxResponseBytes < 1) {
      throw new IllegalArgumentException(
          "maxResponseBytes is at least 1; it was " + maxResponseBytes);
    }
  }

  /** These options with this key. */
  public Options withKey(@Nullable String newKey) {
    return new Options(newKey, connectTimeout, requestTimeout, attempts, maxWait, maxResponseBytes);
  }

  /** These options with this timeout for each attempt. */
  public Options withRequestTimeout(Duration timeout) {
    return new Options(key, connectTimeout, timeout, attempts, maxWait, maxResponseBytes);
  }

  /** These options with this many attempts at a request; 1 never tries again. */
  public Options withAttempts(int newAttempts) {
    return new Options(key, connectTimeout, requestTimeout, newAttempts, maxWait, maxResponseBytes);
  }
}
