package dev.meridian.replica;

import dev.meridian.store.Outcome;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;

/**
 * The writes that share an entry, on their way through Ratis on the primary: as a message in, and
 * back as the very object, so that outcomes need no encoding. A replica elsewhere sees the bytes
 * only.
 */
final class LogGroup implements Message {
  /** So few callers are woken by the thread that has their outcomes. */
  private static final int WAKE_DIRECTLY = 2;

  private final List<PendingWrite> writes;
  private final ByteString content;
  private final Runnable onSettled;
  private final AtomicBoolean settled = new AtomicBoolean();
  private volatile boolean appended;

  /**
   * A group not yet handed to the log.
   *
   * @param onSettled called once, by whoever settles it
   */
  LogGroup(List<PendingWrite> writes, ByteBuffer entry, Runnable onSettled) {
    this.writes = writes;
    this.content = UnsafeByteOperations.unsafeWrap(entry);
    this.onSettled = onSettled;
  }

  @Override
  public ByteString getContent() {
    return content;
  }

  List<PendingWrite> writes() {
    return writes;
  }

  /** From here on nobody can tell whether the entry survives, until it is applied. */
  void appending() {
    appended = true;
  }

  boolean isAppended() {
    return appended;
  }

  /** Answers the writes with what they did. */
  void applied(List<Outcome> outcomes) {
    if (outcomes.size() != writes.size()) {
      throw new IllegalStateException(
          outcomes.size() + " outcomes for " + writes.size() + " writes of one entry");
    }
    if (settled.compareAndSet(false, true)) {
      // First, so that the next entry is on its way while these callers wake up.
      onSettled.run();
      if (outcomes.size() <= WAKE_DIRECTLY) {
        complete(outcomes);
      } else {
        // Callers are virtual threads. One of their own kind wakes them at a fraction of what it
        // costs from here, and this thread, which applies the log, goes on with the next entry.
        Thread.startVirtualThread(() -> complete(outcomes));
      }
    }
  }

  private void complete(List<Outcome> outcomes) {
    for (int i = 0; i < outcomes.size(); i++) {
      writes.get(i).complete(outcomes.get(i));
    }
  }

  /** Answers the writes with what went wrong, unless they have been answered. */
  void failed(Function<LogGroup, ? extends RuntimeException> problem) {
    if (settled.compareAndSet(false, true)) {
      onSettled.run();
      RuntimeException e = problem.apply(this);
      for (PendingWrite write : writes) {
        write.fail(e);
      }
    }
  }
}
