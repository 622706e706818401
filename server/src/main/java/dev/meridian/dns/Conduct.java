package dev.meridian.dns;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a server treats its clients, whatever its zones are; shared by all of its threads and changed
 * while it serves.
 */
final class Conduct {
  private static final Logger LOG = LoggerFactory.getLogger(Conduct.class);

  /** Nanoseconds between lines in the log that strangers can cause. */
  private static final long QUIET = 10_000_000_000L;

  /** Bytes of an identity at most. */
  static final int MAX_IDENTITY = 63;

  private volatile @Nullable RateLimit limit;
  private volatile @Nullable Cookies cookies;
  private volatile byte @Nullable [] identity;
  private volatile @Nullable SampleLog samples;

  /** When a refused copy of a zone was last told in the log, in nanoseconds. */
  private final AtomicLong told = new AtomicLong(System.nanoTime() - QUIET);

  /** Bounds responses over UDP; null for no bound. */
  @Nullable RateLimit limit() {
    return limit;
  }

  void limit(@Nullable RateLimit next) {
    limit = next;
  }

  /** Makes and checks cookies; null while there is no secret: then there are none. */
  @Nullable Cookies cookies() {
    return cookies;
  }

  void cookies(Cookies next) {
    cookies = next;
  }

  /** What tells this server from others to those who ask; null if nobody is told. */
  byte @Nullable [] identity() {
    return identity;
  }

  /** Logs some of the queries; null for none. */
  @Nullable SampleLog samples() {
    return samples;
  }

  void samples(@Nullable SampleLog next) {
    samples = next;
  }

  void identity(Optional<String> next) {
    byte @Nullable [] bytes =
        next.map(text -> text.getBytes(StandardCharsets.US_ASCII)).orElse(null);
    if (bytes != null && (bytes.length == 0 || bytes.length > MAX_IDENTITY)) {
      throw new IllegalArgumentException("an identity has 1 to " + MAX_IDENTITY + " bytes");
    }
    identity = bytes;
  }

  /** Tells the operator, now and then, that somebody could not copy a zone. */
  void refusedTransfer(Client client, Question question, boolean signed) {
    long now = System.nanoTime();
    long last = told.get();
    if (now - last > QUIET && told.compareAndSet(last, now) && client.locate()) {
      LOG.info(
          "A copy of '{}' was refused to {}{}; whoever may have one is named in site.yaml,"
              + " names: {secondaries: [...]}.",
          WireName.of(question.name, 0),
          client.address().getHostAddress(),
          signed ? " with a good signature" : " without a signature");
    }
  }
}
