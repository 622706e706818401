package dev.meridian.peer;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;

/**
 * Says in the log who was refused, in one line and at most every ten seconds: strangers are not to
 * fill it, nor to write lines of their own. Any thread may use it.
 */
public final class RefusalLog {
  private static final Duration EVERY = Duration.ofSeconds(10);
  private static final int MAX_CHARACTERS = 500;
  private static final int MAX_FIELD_CHARACTERS = 100;

  private final Logger log;

  /** When ({@link System#nanoTime}) the next one is worth a line. */
  private final AtomicLong notBefore = new AtomicLong(System.nanoTime());

  private final AtomicLong unsaid = new AtomicLong();

  /** One for each kind of refusal, so that many of one kind do not hide another. */
  public RefusalLog(Logger log) {
    this.log = log;
  }

  /** Warns, if it is time to; otherwise the next line says how many there were. */
  public void say(String line) {
    long now = System.nanoTime();
    long next = notBefore.get();
    if (now - next < 0 || !notBefore.compareAndSet(next, now + EVERY.toNanos())) {
      unsaid.incrementAndGet();
      return;
    }
    long before = unsaid.getAndSet(0);
    String printable = printable(line);
    if (before == 0) {
      log.warn("{}", printable);
    } else {
      log.warn(
          "{} ({} more of the kind before, in {} s and more)",
          printable,
          before,
          EVERY.toSeconds());
    }
  }

  /** What a stranger sent as a name or an address, as far as it looks like one. */
  public static String field(String sent) {
    String known = sent.replaceAll("[^A-Za-z0-9.:_\\[\\]-]", "?");
    return known.substring(0, Math.min(known.length(), MAX_FIELD_CHARACTERS));
  }

  private static String printable(String text) {
    String known = text.replaceAll("[^\\x20-\\x7e]", "?");
    return known.length() <= MAX_CHARACTERS ? known : known.substring(0, MAX_CHARACTERS) + "...";
  }
}
