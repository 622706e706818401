package dev.meridian.cli;

import java.security.SecureRandom;

/**
 * Ids for records that have none: 26 characters, in the order of the file, unique to the run. They
 * follow from the run's seed and the record's number alone, so a record that is sent again, after
 * an interruption too, goes to the same document.
 */
final class RunIds {
  private static final String DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
  private static final int NUMBER_DIGITS = 8;

  private final String run;

  RunIds(String run) {
    this.run = run;
  }

  /** A new seed: 50 bits of time, then 40 of chance, in base 32. */
  static String newRun() {
    SecureRandom random = new SecureRandom();
    return digits(System.currentTimeMillis(), 10) + digits(random.nextLong() >>> 24, 8);
  }

  /** The id of the record with this number, from 1. */
  String of(long number) {
    return run + digits(number, NUMBER_DIGITS);
  }

  private static String digits(long value, int count) {
    char[] text = new char[count];
    for (int i = count - 1; i >= 0; i--) {
      text[i] = DIGITS.charAt((int) (value & 31));
      value >>>= 5;
    }
    return new String(text);
  }
}
