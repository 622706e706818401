package dev.meridian.replica;

import dev.meridian.peer.PeerException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Calls of another node that requests share, so that many cost little more than one. One alone
 * waits for nobody, and neither do two. Those that come while two calls or more are under way go
 * together with the next one: it begins when the last one began a quarter of a call's usual time
 * ago, so nobody waits for all of another's call. While one takes far longer than usual, as its
 * receiver may be gone, no third is begun. Every call is made after the requests in it came. Any
 * thread may use it.
 *
 * @param <Q> a request
 * @param <A> its answer
 */
final class SharedCalls<Q, A> {
  /** Requests that wait for their turn at once, at most. */
  private static final int MAX_WAITING = 10_000;

  /** Their bytes; one alone may be larger. */
  private static final long MAX_WAITING_BYTES = 64L << 20;

  /** How many calls begin in the time that one takes, as a rule. */
  private static final int STAGGER = 4;

  /** So many calls begin without a wait between them. */
  private static final int PROMPT = 2;

  /** A call that takes so many times the usual, and so long, is taken for one that hangs. */
  private static final int HANGS = 4;

  private static final long HANGS_NANOS = 50_000_000;

  /** The longest time between two. */
  private static final long MAX_PACE_NANOS = 10_000_000;

  /** How late it may be noticed that a request's time is over. */
  private static final long TICK_NANOS = 50_000_000;

  /** How much of a call's time goes into what one usually takes: a moving average. */
  private static final int SMOOTH = 8;

  /** One call for several requests. */
  interface Call<Q, A> {
    /** Makes it; the answers are in the order of the requests. */
    CompletableFuture<List<A>> of(List<Q> requests);
  }

  /** The request was not sent, and will not be. */
  static final class NotSent extends Exception {
    private static final long serialVersionUID = 1;

    NotSent(String message) {
      super(message, null, false, false);
    }
  }

  private static final class Waiting<Q, A> {
    final Q request;
    final int bytes;

    /** Until when it waits for its turn, and for its answer ({@link System#nanoTime}). */
    final long turnNanos;

    final long dueNanos;
    final CompletableFuture<A> answer = new CompletableFuture<>();
    private final AtomicBoolean claimed = new AtomicBoolean();

    Waiting(Q request, int bytes, long turnNanos, long dueNanos) {
      this.request = request;
      this.bytes = bytes;
      this.turnNanos = turnNanos;
      this.dueNanos = dueNanos;
    }

    /** One of two does: the call that takes it, or the caller that gives it up. */
    boolean claim() {
      return claimed.compareAndSet(false, true);
    }
  }

  /** A call under way. */
  private record Begun<Q, A>(List<Waiting<Q, A>> requests, long sinceNanos) {}

  /** When it is no use to wait for an answer any longer. */
  interface Elsewhere<Q> {
    /** Whether requests to another node would be answered now. Does not wait, nor throw. */
    boolean known();

    /** Whether it does no harm to send this one there, too. */
    boolean mayRepeat(Q request);
  }

  private final Duration turn;
  private final int atOnce;
  private final int most;
  private final long mostBytes;
  private final Elsewhere<Q> elsewhere;
  private final Call<Q, A> call;
  private final ReentrantLock lock = new ReentrantLock();

  /** All are guarded by {@link #lock}. */
  private final Queue<Waiting<Q, A>> queue = new ArrayDeque<>();

  private long queuedBytes;

  /** Requests in the queue; read without the lock. */
  private volatile int queued;

  /** In the order in which they began. */
  private final List<Begun<Q, A>> underWay = new ArrayList<>();

  private long lastNanos;
  private long usualNanos;

  /** Whether the next call is sent when its time has come. */
  private boolean planned;

  /** Waits for more where that pays; null if it never does. */
  private final @Nullable Gathering gathering;

  /** How many waited when it was looked last whether more come. */
  private int seen;

  /** Whether it is looked again whose time is over. */
  private boolean watched;

  /** Whether another node would have answered when it was looked last. */
  private boolean others;

  /**
   * Begins with none.
   *
   * @param turn how long a request waits for its turn
   * @param atOnce calls under way at once
   * @param most requests that share a call
   * @param mostBytes of requests that share a call; a larger one goes alone
   * @param elsewhere ends the wait for a node that does not answer, before its time is over
   */
  SharedCalls(
      Duration turn,
      int atOnce,
      int most,
      long mostBytes,
      Elsewhere<Q> elsewhere,
      Call<Q, A> call) {
    this(turn, atOnce, most, mostBytes, null, elsewhere, call);
  }

  private SharedCalls(
      Duration turn,
      int atOnce,
      int most,
      long mostBytes,
      @Nullable Gathering gathering,
      Elsewhere<Q> elsewhere,
      Call<Q, A> call) {
    this.gathering = gathering;
    this.elsewhere = elsewhere;
    this.turn = turn;
    this.atOnce = atOnce;
    this.most = most;
    this.mostBytes = mostBytes;
    this.call = call;
  }

  /**
   * The same, of calls that cost about as much with any number of requests: one at a time, and when
   * the last one served several requests, the next waits for those who may be back in a moment.
   */
  static <Q, A> SharedCalls<Q, A> gathered(Duration turn, Elsewhere<Q> elsewhere, Call<Q, A> call) {
    return new SharedCalls<>(
        turn, 1, Integer.MAX_VALUE, Long.MAX_VALUE, new Gathering(), elsewhere, call);
  }

  /** For tests: what a call usually takes from now on. */
  void usually(Duration time) {
    lock.lock();
    try {
      usualNanos = time.toNanos();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @param bytes its size
   * @throws NotSent if its turn did not come, or too many wait already; nothing was done
   * @throws PeerException if the call failed
   * @throws TimeoutException if there is no answer in time, or another node would give one
   *     meanwhile and may be asked, too, or this thread was interrupted
   */
  A ask(Q request, int bytes, Duration limit) throws NotSent, PeerException, TimeoutException {
    long now = System.nanoTime();
    long due = now + limit.toNanos();
    Waiting<Q, A> waiting =
        new Waiting<>(request, bytes, now + Math.min(turn.toNanos(), limit.toNanos()), due);
    lock.lock();
    try {
      if (queue.size() >= MAX_WAITING
          || (!queue.isEmpty() && queuedBytes + bytes > MAX_WAITING_BYTES)) {
        throw new NotSent("too many requests to it wait");
      }
      watch();
      queue.add(waiting);
      queuedBytes += bytes;
      queued = queue.size();
    } finally {
      lock.unlock();
    }
    send();
    try {
      // Without a timer of its own, which would cost more than the rest of the wait.
      return waiting.answer.get();
    } catch (InterruptedException e) {
      throw interrupted(waiting);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case NotSent problem -> throw problem;
        case TimeoutException problem -> throw problem;
        case null, default -> throw problem(e.getCause());
      }
    }
  }

  /** Has those told whose time is over. Called with {@link #lock} held. */
  private void watch() {
    if (!watched) {
      later(TICK_NANOS, this::expire);
      watched = true;
    }
  }

  /** Runs a task then, on a thread that waits for no other task. */
  private static void later(long nanos, Runnable task) {
    CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS, Thread::startVirtualThread)
        .execute(task);
  }

  private void expire() {
    List<Waiting<Q, A>> unsent = new ArrayList<>();
    List<Waiting<Q, A>> unanswered = new ArrayList<>();
    boolean known = elsewhere.known();
    lock.lock();
    try {
      watched = false;
      // Not at the first look: an answer may be on its way.
      boolean late = known && others;
      others = known;
      long now = System.nanoTime();
      for (Waiting<Q, A> waiting : queue) {
        if (now - waiting.turnNanos >= 0 && waiting.claim()) {
          unsent.add(waiting);
          queuedBytes -= waiting.bytes;
        }
      }
      queue.removeAll(Set.copyOf(unsent));
      queued = queue.size();
      for (Begun<Q, A> begun : underWay) {
        begun.requests.stream()
            .filter(waiting -> !waiting.answer.isDone())
            .filter(
                waiting ->
                    now - waiting.dueNanos >= 0 || (late && elsewhere.mayRepeat(waiting.request)))
            .forEach(unanswered::add);
      }
      if (!queue.isEmpty() || !underWay.isEmpty()) {
        watch();
      } else {
        others = false; // nobody looks until somebody asks again
      }
    } finally {
      lock.unlock();
    }
    for (Waiting<Q, A> waiting : unsent) {
      waiting.answer.completeExceptionally(new NotSent("earlier requests to it are not answered"));
    }
    for (Waiting<Q, A> waiting : unanswered) {
      waiting.answer.completeExceptionally(new TimeoutException("it did not answer in time"));
    }
  }

  private TimeoutException interrupted(Waiting<Q, A> waiting) throws NotSent {
    Thread.currentThread().interrupt();
    if (giveUp(waiting)) {
      throw new NotSent("it was interrupted");
    }
    return new TimeoutException("it was interrupted");
  }

  private boolean giveUp(Waiting<Q, A> waiting) {
    if (!waiting.claim()) {
      return false;
    }
    lock.lock();
    try {
      if (queue.remove(waiting)) {
        queuedBytes -= waiting.bytes;
        queued = queue.size();
      }
    } finally {
      lock.unlock();
    }
    return true;
  }

  private static PeerException problem(@Nullable Throwable cause) {
    return switch (cause) {
      case PeerException e -> e;
      case null, default ->
          throw new IllegalStateException("an answer could not be read: " + cause, cause);
    };
  }

  private void send() {
    for (Begun<Q, A> next; (next = take()) != null; ) {
      begin(next);
    }
  }

  private void begin(Begun<Q, A> begun) {
    CompletableFuture<List<A>> answers;
    try {
      answers = call.of(begun.requests.stream().map(waiting -> waiting.request).toList());
    } catch (RuntimeException | Error e) {
      answers = CompletableFuture.failedFuture(e);
    }
    var unused =
        answers.whenComplete(
            (given, error) -> {
              int others = queued; // before those who are answered come again
              settle(begun.requests, given, error);
              ended(begun, error != null, others);
            });
  }

  /**
   * A call is over, and the next may begin. Does not wait: it may be on a thread that reads
   * connections; and a call that fails as it begins is over within the one that began it.
   */
  private void ended(Begun<Q, A> begun, boolean failed, int others) {
    if (failed || gathering == null || !lock.tryLock()) {
      Thread.startVirtualThread(
          () -> {
            lock.lock();
            try {
              over(begun, failed, others);
            } finally {
              lock.unlock();
            }
            send();
          });
      return;
    }
    Begun<Q, A> next;
    try {
      over(begun, false, others);
      next = taken();
    } finally {
      lock.unlock();
    }
    if (next != null) {
      begin(next); // the only one: they go one at a time
    }
  }

  /** Called with {@link #lock} held. */
  private void over(Begun<Q, A> begun, boolean failed, int others) {
    underWay.remove(begun);
    if (failed) {
      return; // it says nothing of the next
    }
    long now = System.nanoTime();
    long took = now - begun.sinceNanos;
    usualNanos += (took - usualNanos) / SMOOTH;
    if (gathering != null) {
      gathering.answered(begun.requests.size(), others, took, now);
    }
  }

  /** The next call, which is under way from now on; null when there is none. */
  private @Nullable Begun<Q, A> take() {
    lock.lock();
    try {
      return taken();
    } finally {
      lock.unlock();
    }
  }

  /** The same. Called with {@link #lock} held. */
  private @Nullable Begun<Q, A> taken() {
    if (isEarly()) {
      return null;
    }
    List<Waiting<Q, A>> taken = new ArrayList<>();
    long bytes = 0;
    for (Waiting<Q, A> next; underWay.size() < atOnce && (next = queue.peek()) != null; ) {
      if (!taken.isEmpty() && (taken.size() == most || bytes + next.bytes > mostBytes)) {
        break;
      }
      queue.remove();
      queuedBytes -= next.bytes;
      if (next.claim()) {
        taken.add(next);
        bytes += next.bytes;
      }
    }
    queued = queue.size();
    if (taken.isEmpty()) {
      return null;
    }
    lastNanos = System.nanoTime();
    Begun<Q, A> begun = new Begun<>(taken, lastNanos);
    underWay.add(begun);
    return begun;
  }

  /**
   * Whether the next call is to wait, for its time, which is seen to, or for the end of one that
   * hangs. Called with {@link #lock} held.
   */
  private boolean isEarly() {
    if (gathering != null && underWay.isEmpty()) {
      return gathers(gathering);
    }
    if (queue.isEmpty() || underWay.size() < PROMPT || underWay.size() >= atOnce) {
      return false;
    }
    long now = System.nanoTime();
    if (now - underWay.getFirst().sinceNanos > Math.max(HANGS_NANOS, HANGS * usualNanos)) {
      return true;
    }
    long pace = Math.min(usualNanos / STAGGER, MAX_PACE_NANOS);
    long left = lastNanos + pace - now;
    if (left <= 0 || queue.size() >= most || queuedBytes >= mostBytes) {
      return false;
    }
    if (!planned) {
      later(left, this::sendPlanned);
      planned = true;
    }
    return true;
  }

  /** Whether the next call waits for more. Called with {@link #lock} held. */
  private boolean gathers(Gathering company) {
    int waiting = queue.size();
    if (waiting == 0 || waiting >= company.everybody()) {
      seen = 0;
      return false;
    }
    if (planned) {
      return true; // it is looked again then
    }
    long pause = company.pause(waiting, waiting - seen, System.nanoTime());
    if (pause <= 0) {
      seen = 0;
      return false;
    }
    seen = waiting;
    later(pause, this::sendPlanned);
    planned = true;
    return true;
  }

  private void sendPlanned() {
    lock.lock();
    try {
      planned = false;
    } finally {
      lock.unlock();
    }
    send();
  }

  private void settle(
      List<Waiting<Q, A>> requests, @Nullable List<A> given, @Nullable Throwable error) {
    Throwable why = error instanceof CompletionException e ? e.getCause() : error;
    if (why == null && (given == null || given.size() != requests.size())) {
      why = new IllegalStateException("there are not as many answers as requests");
    }
    for (int i = 0; i < requests.size(); i++) {
      if (why != null || given == null) {
        requests.get(i).answer.completeExceptionally(why);
      } else {
        requests.get(i).answer.complete(given.get(i));
      }
    }
  }
}
