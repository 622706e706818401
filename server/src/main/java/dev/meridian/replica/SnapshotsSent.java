package dev.meridian.replica;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** How far the members that fetch this one's snapshot are. Any thread may use it. */
final class SnapshotsSent {
  /** A fetcher that was not heard of for so long has stopped. */
  private static final Duration SILENCE = Duration.ofSeconds(15);

  private record Sent(long bytes, long total, long nanos) {}

  private final Map<String, Sent> byNode = new ConcurrentHashMap<>();

  /** A node asks for a snapshot of {@code total} bytes. */
  void begun(String node, long total) {
    byNode.put(node, new Sent(0, total, System.nanoTime()));
  }

  /** It got a piece. */
  void piece(String node, long bytes) {
    byNode.computeIfPresent(
        node, (n, sent) -> new Sent(sent.bytes + bytes, sent.total, System.nanoTime()));
  }

  /** How much of its snapshot a node has, 0 to 100; empty when it fetches none. */
  Optional<Integer> percent(String node) {
    Sent sent = byNode.get(node);
    if (sent == null) {
      return Optional.empty();
    }
    if (System.nanoTime() - sent.nanos > SILENCE.toNanos() || sent.bytes >= sent.total) {
      byNode.remove(node, sent);
      return Optional.empty();
    }
    return Optional.of((int) (100 * sent.bytes / sent.total));
  }
}
