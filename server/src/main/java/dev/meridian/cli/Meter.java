package dev.meridian.cli;

import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Shows how a long job goes, on standard error: a bar with rate and remaining time on a terminal,
 * otherwise a line every few seconds. One thread tells it; it never slows the job.
 */
final class Meter implements AutoCloseable {
  private static final long LINE_EVERY_NANOS = Duration.ofSeconds(5).toNanos();

  private final Console console;
  private final String what;
  private final long totalBytes;
  private final long startNanos = System.nanoTime();
  private final @Nullable ProgressBar bar;
  private long lastLineNanos = startNanos;

  /**
   * Begins.
   *
   * @param what is done, such as {@code Importing}
   * @param totalBytes there are to go through; -1 when unknown
   */
  Meter(Console console, String what, long totalBytes) {
    this.console = console;
    this.what = what;
    this.totalBytes = totalBytes;
    this.bar = console.errIsTerminal() ? bar(console, what, totalBytes) : null;
  }

  private static ProgressBar bar(Console console, String what, long totalBytes) {
    return new ProgressBarBuilder()
        .setTaskName(what)
        .setInitialMax(totalBytes)
        .setUnit(" MB", 1_000_000)
        .setUpdateIntervalMillis(200)
        .setStyle(
            console.coloursAllowed()
                ? ProgressBarStyle.COLORFUL_UNICODE_BAR
                : ProgressBarStyle.ASCII)
        .setMaxRenderedLength(Math.min(console.width(), 120))
        .setConsumer(new ConsoleProgressBarConsumer(console.err()))
        .build();
  }

  /**
   * So far.
   *
   * @param bytes gone through
   * @param records done
   */
  void at(long bytes, long records) {
    if (bar != null) {
      bar.stepTo(bytes);
      bar.setExtraMessage(" " + count(records) + " records, " + rate(records));
      return;
    }
    long now = System.nanoTime();
    if (now - lastLineNanos >= LINE_EVERY_NANOS) {
      lastLineNanos = now;
      StringBuilder line = new StringBuilder(what).append(": ").append(count(records));
      line.append(" records, ").append(rate(records));
      if (totalBytes > 0 && bytes > 0) {
        double part = Math.min(1, (double) bytes / totalBytes);
        double left = seconds() * (1 - part) / part;
        line.append(
            String.format(Locale.ROOT, ", %.0f %%, %s left", part * 100, duration((long) left)));
      }
      console.note(line.toString());
    }
  }

  /** So far, of what has no records. */
  void at(long bytes) {
    if (bar != null) {
      bar.stepTo(bytes);
    } else if (System.nanoTime() - lastLineNanos >= LINE_EVERY_NANOS) {
      lastLineNanos = System.nanoTime();
      console.note(what + ": " + bytes(bytes) + (totalBytes > 0 ? " of " + bytes(totalBytes) : ""));
    }
  }

  /** Records a second since the start. */
  String rate(long records) {
    return count(Math.round(records / Math.max(seconds(), 0.001))) + "/s";
  }

  /** How long it has taken. */
  double seconds() {
    return (System.nanoTime() - startNanos) / 1e9;
  }

  static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  static String duration(long seconds) {
    return seconds < 60
        ? seconds + " s"
        : seconds < 3600
            ? seconds / 60 + " min " + seconds % 60 + " s"
            : seconds / 3600 + " h " + seconds % 3600 / 60 + " min";
  }

  static String bytes(long bytes) {
    return bytes < 10_000
        ? bytes + " B"
        : bytes < 10_000_000
            ? String.format(Locale.ROOT, "%.1f kB", bytes / 1e3)
            : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }

  /** Takes the bar away; what comes next stands on its own line. */
  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
