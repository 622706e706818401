package dev.meridian.replica;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Time that nobody sets and that counts while the machine sleeps. A wall clock is judged against
 * it: {@link System#nanoTime} stands still on a suspended laptop, so there every wake-up would look
 * like a clock that jumped.
 */
final class Uptime {
  /** Seconds since boot with two decimals, suspended time included (proc(5)). */
  private static final Path PROC_UPTIME = Path.of("/proc/uptime");

  private Uptime() {}

  /** Milliseconds since a moment that stays the same while this process runs. */
  static long millis() {
    try {
      String text = Files.readString(PROC_UPTIME, StandardCharsets.US_ASCII);
      return (long) (Double.parseDouble(text.substring(0, text.indexOf(' '))) * 1000);
    } catch (IOException | NumberFormatException | IndexOutOfBoundsException e) {
      // Not a Linux: the monotonic clock is the nearest thing.
      return System.nanoTime() / 1_000_000;
    }
  }
}
