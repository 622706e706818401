package dev.meridian.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.Version;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Writes here were done in an hour: whoever waits for the longest time waits for ever. */
@Timeout(60)
class WriteThroughTest {
  private static final Duration LONG_AGO = Duration.ofDays(1);

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Nodes nodes = new Nodes();
  private final WriteThrough writes =
      new WriteThrough(nodes, WriteThrough.LONGEST, Duration.ofHours(1));

  /** Others, as the test wants them. */
  private static final class Nodes implements Peers {
    volatile Set<String> others = Set.of("b", "c");
    volatile Readers readers = new Readers(LONG_AGO, Map.of());
    final Map<String, Version> shown = new ConcurrentHashMap<>();
    final Set<String> silent = ConcurrentHashMap.newKeySet();

    /** They say at once that they do not show it. */
    final Set<String> lagging = ConcurrentHashMap.newKeySet();

    /** Asked next, they fail as no node should. */
    final Set<String> broken = ConcurrentHashMap.newKeySet();

    volatile boolean over;
    final Map<String, AtomicInteger> asking = new ConcurrentHashMap<>();
    final AtomicInteger asked = new AtomicInteger();
    final AtomicInteger mostAtOnce = new AtomicInteger();
    final AtomicInteger questions = new AtomicInteger();
    volatile Semaphore answers = new Semaphore(Integer.MAX_VALUE);

    @Override
    public Set<String> others() {
      return others;
    }

    @Override
    public boolean shows(String node, Version version, Duration wait) throws IOException {
      AtomicInteger now = asking.computeIfAbsent(node, _ -> new AtomicInteger());
      mostAtOnce.accumulateAndGet(now.incrementAndGet(), Math::max);
      asked.incrementAndGet();
      try {
        while (true) {
          Thread.sleep(1);
          if (broken.remove(node)) {
            throw new NoClassDefFoundError("once");
          }
          if (over || silent.contains(node)) {
            throw new IOException("silent");
          }
          Version has = shown.get(node);
          if (has != null && has.compareTo(version) >= 0) {
            return true;
          }
          if (lagging.contains(node)) {
            return false;
          }
        }
      } catch (InterruptedException e) {
        throw new IOException(e);
      } finally {
        now.decrementAndGet();
      }
    }

    @Override
    public Readers readers(Duration wait) {
      Readers now = readers;
      questions.incrementAndGet();
      answers.acquireUninterruptibly();
      return now;
    }
  }

  @AfterEach
  void close() {
    nodes.over = true;
    writes.close();
    threads.close();
  }

  private static Version version(long n) {
    return new Version(n, 1);
  }

  private Future<Set<String>> write(long n) {
    long since = System.nanoTime() + Duration.ofHours(1).toNanos();
    return threads.submit(() -> writes.await(version(n), since));
  }

  private static void until(BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + Duration.ofSeconds(50).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
      Thread.sleep(1);
    }
  }

  @Test
  void aWriteWaitsUntilEveryNodeShowsIt() throws Exception {
    nodes.shown.put("b", version(5));
    Future<Set<String>> write = write(5);
    until(() -> nodes.asked.get() == 2 && nodes.questions.get() == 1);
    assertThat(write.isDone()).as("c does not show it").isFalse();
    nodes.shown.put("c", version(7));
    assertThat(write.get()).isEmpty();
    int asked = nodes.asked.get();
    assertThat(write(5).get()).isEmpty();
    assertThat(nodes.asked.get()).as("what is known is not asked").isEqualTo(asked);
  }

  @Test
  void aSilentNodeThatMustAskIsNotWaitedFor() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.silent.add("c");
    assertThat(write(1).get()).containsExactly("c");
    assertThat(writes.silent()).containsExactly("c");
    nodes.silent.clear();
    nodes.shown.put("c", version(9));
    // It answers the next question, which one that need not wait for it may have asked.
    until(
        () -> {
          try {
            return write(2).get().isEmpty();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
    assertThat(writes.silent()).isEmpty();
  }

  @Test
  void aNodeThatAnswersIsWaitedForEvenIfItNeedNotBe() throws Exception {
    nodes.shown.put("b", version(9));
    Future<Set<String>> write = write(1);
    until(() -> nodes.asked.get() == 2 && nodes.questions.get() == 1);
    assertThat(write.isDone()).isFalse();
    nodes.shown.put("c", version(1));
    assertThat(write.get()).isEmpty();
  }

  @Test
  void aNodeThatSaysThatItLagsIsWaitedForOnlyIfItAskedLately() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.lagging.add("c");
    assertThat(write(1).get()).containsExactly("c");
    assertThat(writes.silent()).isEmpty();
    Duration left = Duration.ofMillis(200);
    nodes.readers = new Peers.Readers(LONG_AGO, Map.of("c", WriteThrough.LONGEST.minus(left)));
    long began = System.nanoTime();
    assertThat(write(2).get()).containsExactly("c");
    assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(left.toNanos());
  }

  @Test
  void whateverGoesWrongANodeIsAskedAgain() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.shown.put("c", version(9));
    nodes.broken.add("c");
    assertThat(write(1).get()).containsExactly("c");
    assertThat(write(2).get()).doesNotContain("b");
    until(
        () -> {
          try {
            return write(2).get().isEmpty();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
  }

  @Test
  void whatAskedThePrimaryBeforeItBecameOneCountsFromThen() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.silent.add("c");
    Duration left = Duration.ofMillis(200);
    nodes.readers = new Peers.Readers(WriteThrough.LONGEST.minus(left), Map.of("c", LONG_AGO));
    long began = System.nanoTime();
    assertThat(write(1).get()).containsExactly("c");
    assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(left.toNanos());
  }

  @Test
  void whileThePrimaryIsNewWritesWaitForNodesThatNobodyKnows() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.shown.put("c", version(9));
    Duration left = Duration.ofMillis(200);
    nodes.readers = new Peers.Readers(WriteThrough.LONGEST.minus(left), Map.of());
    long began = System.nanoTime();
    assertThat(write(1).get()).isEmpty();
    assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(left.toNanos());
  }

  @Test
  void aNodeThatIsAloneWaitsForNobody() throws Exception {
    nodes.others = Set.of();
    nodes.readers = new Peers.Readers(Duration.ZERO, Map.of());
    assertThat(write(1).get()).isEmpty();
  }

  @Test
  void aSilentNodeThatAskedLatelyIsWaitedForUntilItMustAskAgain() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.silent.add("c");
    Duration left = Duration.ofMillis(200);
    nodes.readers = new Peers.Readers(LONG_AGO, Map.of("c", WriteThrough.LONGEST.minus(left)));
    long began = System.nanoTime();
    assertThat(write(1).get()).containsExactly("c");
    assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(left.toNanos());
  }

  @Test
  void aSilentNodeThatAskedThePrimaryBeforeIsWaitedForAsWell() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.silent.add("c");
    Duration left = Duration.ofMillis(200);
    nodes.readers = new Peers.Readers(WriteThrough.LONGEST.minus(left), Map.of());
    long began = System.nanoTime();
    assertThat(write(1).get()).containsExactly("c");
    assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(left.toNanos());
  }

  @Test
  void aNodeThatOnlyThePrimaryKnowsIsWaitedFor() throws Exception {
    nodes.others = Set.of();
    Duration left = Duration.ofMillis(200);
    nodes.readers = new Peers.Readers(LONG_AGO, Map.of("new", WriteThrough.LONGEST.minus(left)));
    long began = System.nanoTime();
    assertThat(write(1).get()).isEmpty();
    assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(left.toNanos());
  }

  @Test
  void whatThePrimarySaidBeforeTheWriteDoesNotCount() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.silent.add("c");
    nodes.answers = new Semaphore(0);
    Future<Set<String>> first = write(1);
    until(() -> nodes.questions.get() == 1);
    // From here on c may have been told of what was acknowledged before the second write.
    Duration left = Duration.ofMillis(200);
    nodes.readers = new Peers.Readers(LONG_AGO, Map.of("c", WriteThrough.LONGEST.minus(left)));
    Future<Set<String>> second = write(2);
    until(() -> writes.waiting() == 2);
    nodes.answers.release();
    assertThat(first.get()).containsExactly("c");
    until(() -> nodes.questions.get() == 2);
    assertThat(second.isDone()).as("its own question has no answer").isFalse();
    nodes.answers.release();
    assertThat(second.get()).containsExactly("c");
  }

  @Test
  void whoGoesStaysForAWhile() throws Exception {
    nodes.shown.put("b", version(9));
    nodes.shown.put("c", version(1));
    long since = System.nanoTime() + Duration.ofHours(1).toNanos();
    assertThat(writes.await(version(1), since)).isEmpty();
    nodes.others = Set.of("b");
    nodes.silent.add("c");
    long longest = WriteThrough.LONGEST.toNanos();
    assertThat(writes.await(version(8), since + longest)).as("it may show it").containsExactly("c");
    assertThat(writes.await(version(8), since + longest + 1)).isEmpty();
  }

  @Test
  void noNodeIsAskedTwiceAtOnceAndManyWritesShareAQuestion() throws Exception {
    nodes.shown.put("b", version(1_000_000));
    nodes.shown.put("c", version(1_000_000));
    nodes.answers = new Semaphore(0);
    List<Future<Set<String>>> all = new ArrayList<>();
    for (int i = 1; i <= 2_000; i++) {
      all.add(write(i));
    }
    until(() -> writes.waiting() == 2_000);
    nodes.answers.release(100);
    for (Future<Set<String>> one : all) {
      assertThat(one.get()).isEmpty();
    }
    assertThat(nodes.mostAtOnce).hasValue(1);
    assertThat(nodes.asked.get()).isLessThan(2 * 2_000);
    assertThat(nodes.questions.get()).isLessThanOrEqualTo(2);
    assertThat(writes.waiting()).isZero();
  }

  @Test
  void theLongestWaitEndsWhateverNodesSay() {
    nodes.answers = new Semaphore(0);
    Set<String> unheard =
        writes.await(version(3), System.nanoTime() - WriteThrough.LONGEST.toNanos() + 50_000_000L);
    assertThat(unheard).containsExactly("b", "c");
    nodes.answers.release(100);
  }

  @Test
  void aWaitThatIsInterruptedSaysThatTheWriteWasDone() throws Exception {
    Thread[] waiting = new Thread[1];
    Future<Set<String>> write =
        threads.submit(
            () -> {
              waiting[0] = Thread.currentThread();
              return writes.await(version(1), System.nanoTime() + Duration.ofHours(1).toNanos());
            });
    until(() -> writes.waiting() == 1);
    waiting[0].interrupt();
    assertThatThrownBy(write::get)
        .cause()
        .isInstanceOfSatisfying(
            Unavailable.class, e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.UNKNOWN))
        .hasMessageStartingWith("The write was done, but");
  }

  @Test
  void closingLetsAllGo() throws Exception {
    Future<Set<String>> write = write(1);
    until(() -> writes.waiting() == 1);
    writes.close();
    assertThatThrownBy(write::get).cause().isInstanceOf(Unavailable.class);
  }
}
