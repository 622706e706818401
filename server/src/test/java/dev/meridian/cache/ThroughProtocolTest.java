package dev.meridian.cache;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Version;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The two halves together, {@link WriteThrough} and {@link ReadLease}, with short times and nodes
 * that lag, are cut off from the primary, from the writer, or stop: whatever happens, a reader who
 * comes after a write was acknowledged sees it, where the node says that it holds its lease.
 */
@Timeout(120)
class ThroughProtocolTest {
  private static final Duration LENGTH = Duration.ofMillis(40);
  private static final Duration LONGEST = Duration.ofMillis(60);
  private static final Duration WAIT = Duration.ofMillis(20);
  private static final int WRITES = 3_000;

  private final AtomicLong committed = new AtomicLong();
  private final AtomicLong acknowledged = new AtomicLong();
  private final AtomicLong reads = new AtomicLong();
  private final AtomicLong held = new AtomicLong();
  private final AtomicLong wrong = new AtomicLong();
  private final AtomicBoolean over = new AtomicBoolean();

  /** One that may be primary, and when nodes asked it last. */
  private static final class Primary {
    private final Map<String, Long> asked = new HashMap<>();
    private long officeNanos = System.nanoTime();

    synchronized void begin() {
      officeNanos = System.nanoTime();
    }

    synchronized void asked(String node) {
      asked.put(node, System.nanoTime());
    }

    synchronized Peers.Readers readers() {
      long now = System.nanoTime();
      Map<String, Duration> ages = new HashMap<>();
      asked.forEach((id, at) -> ages.put(id, Duration.ofNanos(now - at)));
      return new Peers.Readers(Duration.ofNanos(now - officeNanos), ages);
    }
  }

  private record Term(long number, Primary primary) {}

  private final AtomicReference<Term> term = new AtomicReference<>(new Term(0, new Primary()));

  /** A node that applies what is committed, some time later. */
  private final class Node {
    final String id;
    final Random random;
    final AtomicLong applied = new AtomicLong();

    /** No word from the primary, or to it. */
    volatile boolean cut;

    /** The writer is not answered. */
    volatile boolean deaf;

    final ReadLease lease;

    Node(String id, long seed) {
      this.id = id;
      this.random = new Random(seed);
      this.lease =
          new ReadLease(LENGTH, WAIT, this::fence, System::nanoTime, System::currentTimeMillis);
    }

    void fence() {
      if (cut) {
        throw new Unavailable(Unavailable.Outcome.NOT_DONE, "cut", null);
      }
      Term now = term.get();
      now.primary.asked(id);
      long index = committed.get();
      if (term.get() != now) {
        throw new Unavailable(Unavailable.Outcome.NOT_DONE, "another is primary", null);
      }
      while (applied.get() < index) {
        if (cut || over.get()) {
          throw new Unavailable(Unavailable.Outcome.NOT_DONE, "cut", null);
        }
        sleep(1);
      }
    }

    void apply() {
      while (!over.get()) {
        sleep(1 + random.nextInt(3));
        if (!cut) {
          applied.set(committed.get());
        }
      }
    }

    void trouble() {
      while (!over.get()) {
        sleep(1 + random.nextInt(100));
        cut = random.nextInt(3) == 0;
        deaf = random.nextInt(3) == 0;
      }
    }

    void read() {
      while (!over.get()) {
        long before = acknowledged.get();
        boolean holds = lease.holds();
        long seen = applied.get();
        reads.incrementAndGet();
        if (holds) {
          held.incrementAndGet();
          if (seen < before) {
            wrong.incrementAndGet();
          }
        }
        // Not a yield: virtual threads that only yield leave those that slept no turn.
        LockSupport.parkNanos(100_000);
      }
    }
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Writers implements Peers {
    final List<Node> nodes;

    Writers(List<Node> nodes) {
      this.nodes = nodes;
    }

    @Override
    public Set<String> others() {
      return Set.of("b", "c");
    }

    @Override
    public boolean shows(String id, Version version, Duration wait) throws IOException {
      Node node = nodes.get(id.equals("b") ? 0 : 1);
      long until = System.nanoTime() + wait.toNanos();
      while (!node.deaf) {
        if (node.applied.get() >= version.timestamp()) {
          return true;
        }
        if (System.nanoTime() - until > 0) {
          return false;
        }
        sleep(1);
      }
      throw new IOException("deaf");
    }

    @Override
    public Readers readers(Duration wait) {
      Term now = term.get();
      Readers readers = now.primary.readers();
      if (term.get() != now) {
        throw new Unavailable(Unavailable.Outcome.NOT_DONE, "another is primary", null);
      }
      return readers;
    }
  }

  /** Three are primary in turn. */
  private void elect(long seed) {
    Random random = new Random(seed);
    List<Primary> primaries = List.of(term.get().primary, new Primary(), new Primary());
    while (!over.get()) {
      sleep(20 + random.nextInt(300));
      Term before = term.get();
      // Nobody is primary for a moment.
      term.set(new Term(before.number + 1, new Primary()));
      Primary next = primaries.get(random.nextInt(primaries.size()));
      next.begin();
      term.set(new Term(before.number + 2, next));
    }
  }

  /**
   * Until so much is written and that is enough, or for a long time.
   *
   * @param enough whether it is
   */
  private void run(long seed, boolean wait, BooleanSupplier enough) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(80).toNanos();
    // The third is one that only the primary knows.
    List<Node> nodes = List.of(new Node("b", seed), new Node("c", seed + 1), new Node("d", seed));
    List<Thread> threads = new ArrayList<>();
    threads.add(Thread.ofVirtual().start(() -> elect(seed)));
    for (Node node : nodes) {
      for (Runnable part : List.<Runnable>of(node::apply, node::trouble, node::read)) {
        threads.add(Thread.ofVirtual().start(part));
      }
    }
    @Nullable WriteThrough writes =
        wait ? new WriteThrough(new Writers(nodes), LONGEST, Duration.ofMillis(30)) : null;
    AtomicLong left = new AtomicLong(WRITES);
    List<Thread> writers = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      writers.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    while (left.decrementAndGet() >= 0
                        || (!enough.getAsBoolean() && System.nanoTime() < until)) {
                      long version = committed.incrementAndGet();
                      if (writes != null) {
                        var unused = writes.await(new Version(version, 1), System.nanoTime());
                      } else {
                        sleep(1);
                      }
                      acknowledged.accumulateAndGet(version, Math::max);
                    }
                  }));
    }
    for (Thread writer : writers) {
      writer.join();
    }
    over.set(true);
    for (Thread thread : threads) {
      thread.join();
    }
    if (writes != null) {
      writes.close();
    }
  }

  @Test
  void whoReadsAfterAWriteWasAcknowledgedSeesIt() throws InterruptedException {
    long seed = System.nanoTime();
    run(seed, true, () -> held.get() > 0);
    assertThat(wrong).as("seed %d", seed).hasValue(0);
    assertThat(acknowledged).hasValueGreaterThanOrEqualTo(WRITES);
    assertThat(held.get()).as("reads that were answered").isPositive();
  }

  @Test
  void withoutTheWaitTheyWouldNot() throws InterruptedException {
    run(1, false, () -> wrong.get() > 0);
    assertThat(wrong.get()).isPositive();
  }
}
