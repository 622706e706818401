package dev.meridian.lab;

import dev.meridian.torture.CacheUse;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * Asks the nodes of a lab twice a second how far their caches are used, and adds it up over their
 * restarts. What a node counts between the last question and its end is lost.
 */
final class CacheMeter implements AutoCloseable {
  private static final Duration EVERY = Duration.ofMillis(500);

  private final Lab lab;
  private final Thread thread;

  /** By node and name, what was last told. For the thread, and after it for all. */
  private final Map<String, Long> told = new HashMap<>();

  /** By node and name, what was told before restarts. Likewise. */
  private final Map<String, Long> before = new HashMap<>();

  private volatile boolean closed;

  CacheMeter(Lab lab) {
    this.lab = lab;
    this.thread = Thread.ofVirtual().name("cache-meter").start(this::run);
  }

  private void run() {
    try {
      while (!closed) {
        ask();
        Thread.sleep(EVERY);
      }
      ask();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void ask() throws InterruptedException {
    for (Lab.Node node : lab.nodes()) {
      JsonNode status = lab.status(node);
      if (status != null) {
        JsonNode cache = status.path("cache");
        note(node, "hits", cache.path("hits"));
        note(node, "misses", cache.path("misses"));
        note(node, "pageHits", cache.path("pages").path("hits"));
        note(node, "pageShared", cache.path("pages").path("shared"));
        note(node, "pageMisses", cache.path("pages").path("misses"));
        JsonNode pending = status.path("shards").path(0).path("pending");
        note(node, "putOff", pending.path("writes"));
        note(node, "flushed", pending.path("flushed"));
      }
    }
  }

  private void note(Lab.Node node, String name, JsonNode number) {
    String key = node.number() + name;
    long now = number.asLong(0);
    Long last = told.put(key, now);
    if (last != null && last > now) {
      before.merge(key, last, Long::sum);
    }
  }

  /** What there was until {@link #close}. */
  CacheUse use() {
    return new CacheUse(
        sum("hits"),
        sum("misses"),
        sum("pageHits") + sum("pageShared"),
        sum("pageMisses"),
        most("putOff"),
        most("flushed"));
  }

  private long sum(String name) {
    return lab.nodes().stream().mapToLong(node -> of(node, name)).sum();
  }

  /** All replicas count what is in the log. */
  private long most(String name) {
    return lab.nodes().stream().mapToLong(node -> of(node, name)).max().orElse(0);
  }

  private long of(Lab.Node node, String name) {
    String key = node.number() + name;
    return told.getOrDefault(key, 0L) + before.getOrDefault(key, 0L);
  }

  @Override
  public void close() throws InterruptedException {
    closed = true;
    thread.join();
  }
}
