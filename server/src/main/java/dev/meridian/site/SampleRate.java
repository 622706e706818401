package dev.meridian.site;

/**
 * Which queries of the name server are logged.
 *
 * @param oneIn one in so many, at random; 1 for all
 * @param perSecond and at most so many a second
 */
public record SampleRate(int oneIn, int perSecond) {
  /** The rarest sample. */
  static final int MAX_ONE_IN = 999_999_999;

  /** The most lines a second that may be asked for. */
  static final int MAX_PER_SECOND = 10_000;

  /** Lines a second unless {@code site.yaml} says otherwise. */
  static final int DEFAULT_PER_SECOND = 100;
}
