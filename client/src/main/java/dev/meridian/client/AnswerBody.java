package dev.meridian.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The body of an answer as it arrives. A read waits for so long and no longer, so that a server
 * that dies in the middle of an answer is noticed. Reading is for one thread, {@link #close} for
 * any; it ends a read under way with an {@link IOException}.
 */
final class AnswerBody extends InputStream implements BodySubscriber<AnswerBody> {
  /*
   * The JDK's own stream waits for ever, and its request timeout ends with the answer's head. Only
   * one portion is asked for at a time, so the queue holds that one and perhaps the end.
   */
  private static final List<ByteBuffer> END = List.of();

  private final BlockingQueue<List<ByteBuffer>> arrived = new LinkedBlockingQueue<>();
  private volatile @Nullable Throwable broken;
  private volatile boolean closed;

  // Guarded by this: a close may come before the subscription does.
  private Flow.@Nullable Subscription source;

  // Below: of the reading thread.
  private List<ByteBuffer> portion = List.of();
  private int at;
  private boolean ended;
  private Duration patience;
  private long deadlineNanos;
  private boolean hasDeadline;

  /**
   * A body whose reads wait at most {@code patience} each.
   *
   * @param patience longest silence
   */
  AnswerBody(Duration patience) {
    this.patience = patience;
  }

  /** From now on reads wait at most so long each. */
  void patience(Duration each) {
    patience = each;
  }

  /** All reads together must be done by then, as {@link System#nanoTime} counts. */
  void deadline(long nanoTime) {
    deadlineNanos = nanoTime;
    hasDeadline = true;
  }

  @Override
  public CompletionStage<AnswerBody> getBody() {
    return CompletableFuture.completedFuture(this);
  }

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    synchronized (this) {
      source = subscription;
    }
    if (closed) {
      subscription.cancel();
    } else {
      subscription.request(1);
    }
  }

  @Override
  public void onNext(List<ByteBuffer> item) {
    if (item.isEmpty()) {
      more();
    } else {
      arrived.add(item);
    }
  }

  @Override
  public void onError(Throwable thrown) {
    broken = thrown;
    arrived.add(END);
  }

  @Override
  public void onComplete() {
    arrived.add(END);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] to, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (at == portion.size() || !portion.get(at).hasRemaining()) {
      if (at < portion.size()) {
        at++;
      } else if (!await()) {
        return -1;
      }
    }
    ByteBuffer bytes = portion.get(at);
    int count = Math.min(length, bytes.remaining());
    bytes.get(to, offset, count);
    return count;
  }

  /** Waits for the next portion; false at the end. */
  private boolean await() throws IOException {
    if (closed) {
      throw new IOException("the answer was closed");
    }
    if (!ended) {
      List<ByteBuffer> next = poll();
      if (next == null) {
        close();
        throw new HttpTimeoutException("nothing came for too long");
      }
      if (next != END) {
        portion = next;
        at = 0;
        more();
        return true;
      }
      ended = true;
    }
    if (closed) {
      throw new IOException("the answer was closed");
    }
    Throwable why = broken;
    if (why != null) {
      throw new IOException(why.getMessage(), why);
    }
    return false;
  }

  private @Nullable List<ByteBuffer> poll() throws IOException {
    long wait = patience.toNanos();
    if (hasDeadline) {
      wait = Math.min(wait, Math.max(0, deadlineNanos - System.nanoTime()));
    }
    try {
      return arrived.poll(wait, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      close();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  private void more() {
    Flow.Subscription from = source();
    if (from != null) {
      from.request(1);
    }
  }

  private synchronized Flow.@Nullable Subscription source() {
    return source;
  }

  /** Gives the rest of the answer up, and its connection too unless the answer was complete. */
  @Override
  public void close() {
    closed = true;
    Flow.Subscription from = source();
    if (from != null) {
      from.cancel();
    }
    arrived.add(END);
  }
}
