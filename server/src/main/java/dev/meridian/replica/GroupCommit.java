package dev.meridian.replica;

import dev.meridian.store.LogCodec;
import dev.meridian.store.Outcome;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets writes that arrive while an entry is in flight share the next one, so that one fsync serves
 * them all. Commands are proposed in the order in which they came, by one thread, so timestamps
 * grow along the log.
 *
 * <p>One is in flight, and another only while what waits fills it. Where it pays, it waits for
 * those who were answered last ({@link Gathering}).
 *
 * <p>Writes that are put off and only add to the same fields of the same document are added up
 * while they wait ({@link Turn}): however many there are, they are one command of the entry.
 *
 * <p>Bounded everywhere: so many writes and bytes may wait, so many share an entry, so many entries
 * are in flight. Whoever finds the queue full is told at once, while nothing has happened yet.
 */
final class GroupCommit implements AutoCloseable {
  /** Where entries go. */
  interface Log {
    /** Why nothing can be proposed now, or null. Called before each entry. */
    @Nullable String refusal();

    /** A timestamp above all before. Called right after {@link #refusal} said null. */
    long nextTimestamp();

    /** The wall clock by which {@link #refusal} said null, milliseconds since 1970. */
    long wallMillis();

    /** Raft's term. Called first: an entry must not be taken in another one. */
    long term();

    /** An entry is safe that was handed over in {@code term}, at that moment or later. */
    void committed(long term, Lease.Moment proposed);

    /**
     * Hands the entry over. The log calls {@link LogGroup#applied} or {@link LogGroup#failed}, on
     * any thread, maybe before this returns; entries are applied in the order of these calls.
     */
    void submit(LogGroup group);
  }

  private static final Logger LOG = LoggerFactory.getLogger(GroupCommit.class);

  /** How late a deadline may be noticed. */
  private static final Duration TICK = Duration.ofMillis(50);

  private final ReplicaOptions options;
  private final Log log;
  private final ReplicaMetrics metrics;
  private final Thread proposer;
  private final Thread timekeeper;

  private final ReentrantLock lock = new ReentrantLock();

  /** Something to propose, room in flight, or the end. */
  private final Condition changed = lock.newCondition();

  private final Condition idle = lock.newCondition();

  /** Something waits that may come to its deadline. */
  private final Condition busy = lock.newCondition();

  /** All below are guarded by {@link #lock}. */
  private final Deque<Turn> queue = new ArrayDeque<>();

  /** The turn at the head of the queue that {@link #commitFirst} put there last. */
  private @Nullable Turn urgent;

  /** Those in the queue that others may join. */
  private final Map<String, Turn> open = new HashMap<>();

  /** Writes in the queue. */
  private int queuedWrites;

  private final Set<LogGroup> inFlight = new HashSet<>();

  /** Bytes of the writes in the queue. */
  private long queuedBytes;

  /** Bytes of the commands that they are: fewer, when some are added up. */
  private long commandBytes;

  /** Whether the proposer has writes that are in neither of the above. */
  private boolean proposing;

  /** Whether nothing is proposed for now. */
  private boolean held;

  /** Whether the timekeeper waits for {@link #busy}. */
  private boolean timekeeperRests;

  private final Gathering gathering = new Gathering();

  /** Why nothing is taken any more; null while it is. */
  private @Nullable String stopped;

  GroupCommit(ReplicaOptions options, Log log, ReplicaMetrics metrics) {
    this.options = options;
    this.log = log;
    this.metrics = metrics;
    this.proposer = Thread.ofPlatform().name("meridian-commit").daemon().unstarted(this::run);
    this.timekeeper = Thread.ofPlatform().name("meridian-deadline").daemon().unstarted(this::time);
    proposer.start();
    timekeeper.start();
  }

  /**
   * Proposes a command; the current thread is to wait for its outcome, at most {@code deadline}.
   *
   * @throws StoreException if it cannot be taken; it was not done
   */
  PendingWrite submit(Command command, Duration deadline) {
    return submit(new PendingWrite(command, deadline));
  }

  /**
   * Proposes a write of the current thread, which is to wait for its outcome.
   *
   * @throws StoreException if it cannot be taken; it was not done
   */
  PendingWrite submit(PendingWrite write) {
    if (write.bytes() > ReplicaOptions.MAX_ENTRY_BYTES) {
      throw new StoreException.Rejected(
          StoreException.Rejected.Reason.TOO_LARGE,
          "The batch has "
              + write.bytes()
              + " bytes; at most "
              + ReplicaOptions.MAX_ENTRY_BYTES
              + " can be written at once. Split it.");
    }
    enqueue(write);
    return write;
  }

  /**
   * Proposes a command and waits for its outcome, at most {@code deadline}.
   *
   * @throws StoreException what is known when there is no outcome
   */
  Outcome commit(Command command, Duration deadline) {
    return submit(command, deadline).await();
  }

  /**
   * As {@link #commit}, before all that waits and however much that is: for what makes room for
   * others. One at a time: an earlier one that waits still is given up.
   */
  Outcome commitFirst(Command command, Duration deadline) {
    PendingWrite write = new PendingWrite(command, deadline);
    lock.lock();
    try {
      if (stopped != null) {
        throw notDone(stopped);
      }
      Turn earlier = urgent;
      if (earlier != null && queue.peek() == earlier) {
        remove();
        earlier.fail(notDone("Another one came first."));
      }
      Turn turn = Turn.of(write);
      urgent = turn;
      queue.addFirst(turn);
      queuedWrites++;
      queuedBytes += turn.queuedBytes();
      commandBytes += turn.bytes();
      if (isDue()) {
        changed.signal();
      }
      watch();
    } finally {
      lock.unlock();
    }
    return write.await();
  }

  /** Lets what is submitted meanwhile share an entry, as far as there is room in one. */
  <T> T together(Supplier<T> submissions) {
    lock.lock();
    try {
      return submissions.get();
    } finally {
      lock.unlock();
    }
  }

  private void enqueue(PendingWrite write) {
    enqueue(write, write.addition());
  }

  private void enqueue(PendingWrite write, Turn.@Nullable Addition addition) {
    lock.lock();
    try {
      if (stopped != null) {
        throw notDone(stopped);
      }
      // An empty queue takes any write, or one above the bound could never pass.
      if (queuedWrites >= options.queuedWrites()
          || (!queue.isEmpty() && queuedBytes + write.bytes() > options.queuedBytes())) {
        metrics.refused();
        throw notDone(
            "Too many writes are waiting ("
                + queuedWrites
                + " writes, "
                + queuedBytes
                + " bytes). Slow down and try again.");
      }
      boolean first = queue.isEmpty();
      queuedWrites++;
      Turn turn = addition == null ? null : open.get(addition.key());
      if (turn != null && turn.hasRoom()) {
        turn.join(write);
        queuedBytes += write.bytes();
        signalIfDue(false);
        return;
      }
      turn = Turn.of(write, addition);
      queue.add(turn);
      if (addition != null) {
        open.put(addition.key(), turn);
      }
      queuedBytes += write.bytes();
      commandBytes += turn.bytes();
      signalIfDue(first);
      watch();
    } finally {
      lock.unlock();
    }
  }

  /**
   * The proposer takes all that waits. So it must be woken for the first, when all are there that
   * it gathers, and when more of it would not fit; and while an entry is in flight, whoever settles
   * that wakes it. Called with {@link #lock} held.
   */
  private void signalIfDue(boolean first) {
    if ((first || queuedWrites == gathering.everybody() || isFull()) && isDue()) {
      changed.signal();
    }
  }

  /**
   * Whether what waits is to be proposed now: when nothing is in flight, or when it fills an entry,
   * which waiting would not make any larger. Called with {@link #lock} held.
   */
  private boolean isDue() {
    return inFlight.isEmpty() || (isFull() && inFlight.size() < options.entriesInFlight());
  }

  /** Whether what waits fills an entry. Called with {@link #lock} held. */
  private boolean isFull() {
    return queue.size() >= options.entryWrites() || commandBytes >= options.entryBytes();
  }

  /** Something waits from now on. Called with {@link #lock} held. */
  private void watch() {
    if (timekeeperRests) {
      timekeeperRests = false;
      busy.signal();
    }
  }

  /** Ends the waits that last too long: all of them here, so that none needs a timer of its own. */
  private void time() {
    try {
      while (true) {
        awaitBusy();
        Thread.sleep(TICK);
        for (PendingWrite write : waiting()) {
          write.expire(System.nanoTime());
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private void awaitBusy() throws InterruptedException {
    lock.lock();
    try {
      while (queue.isEmpty() && inFlight.isEmpty()) {
        timekeeperRests = true;
        busy.await();
      }
    } finally {
      timekeeperRests = false;
      lock.unlock();
    }
  }

  private List<PendingWrite> waiting() {
    lock.lock();
    try {
      List<PendingWrite> all = new ArrayList<>(queuedWrites);
      queue.forEach(turn -> all.addAll(turn.writes()));
      inFlight.forEach(group -> all.addAll(group.writes()));
      return all;
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    while (true) {
      List<Turn> turns;
      try {
        turns = take();
      } catch (InterruptedException e) {
        // Nobody interrupts this thread; if somebody does, writes are refused, not lost.
        stop("The write queue was interrupted; restart this node.");
        return;
      }
      if (turns.isEmpty()) {
        return;
      }
      try {
        propose(turns);
      } catch (RuntimeException | Error e) {
        // Whatever it was, this thread goes on, and those who wait are told.
        LOG.error("Writes could not be proposed", e);
        Unavailable problem =
            new Unavailable(
                Unavailable.Outcome.UNKNOWN,
                "The write met an error of the server's; it may have been done. Read the document"
                    + " again.",
                e);
        turns.forEach(turn -> turn.fail(problem));
      } finally {
        lock.lock();
        try {
          proposing = false;
          if (inFlight.isEmpty()) {
            idle.signalAll();
          }
        } finally {
          lock.unlock();
        }
      }
    }
  }

  /** The next to share an entry; empty when stopped. */
  private List<Turn> take() throws InterruptedException {
    lock.lock();
    try {
      while (true) {
        while (stopped == null && (held || queue.isEmpty() || !isDue())) {
          changed.await();
        }
        if (stopped != null) {
          return List.of();
        }
        gather();
        if (stopped != null || held) {
          continue;
        }
        List<Turn> turns = new ArrayList<>();
        long bytes = 0;
        for (Turn next; (next = queue.peek()) != null; ) {
          if (!turns.isEmpty()
              && (turns.size() == options.entryWrites()
                  || bytes + next.bytes() > options.entryBytes())) {
            break;
          }
          remove();
          if (next.submit()) {
            turns.add(next);
            bytes += next.bytes();
          }
        }
        if (!turns.isEmpty()) {
          proposing = true;
          return turns;
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Removes the first in the queue. Called with {@link #lock} held. */
  private void remove() {
    Turn turn = queue.remove();
    queuedBytes -= turn.queuedBytes();
    commandBytes -= turn.bytes();
    if (turn == urgent) {
      urgent = null;
    }
    queuedWrites -= turn.writes().size();
    String key = turn.key();
    if (key != null) {
      open.remove(key, turn);
    }
  }

  /** Waits for more where it pays. Called with {@link #lock} held. */
  private void gather() throws InterruptedException {
    int seen = 0;
    while (stopped == null && !held && !isFull()) {
      long pause = gathering.pause(queuedWrites, queuedWrites - seen, System.nanoTime());
      if (pause <= 0) {
        return;
      }
      seen = queuedWrites;
      changed.awaitNanos(pause);
    }
  }

  private void propose(List<Turn> turns) {
    long term = log.term();
    String refusal = log.refusal();
    if (refusal != null) {
      RuntimeException problem = notDone(refusal);
      turns.forEach(turn -> turn.fail(problem));
      return;
    }
    ByteBuffer entry =
        LogCodec.entry(
            turns.stream().map(Turn::command).toList(),
            log.nextTimestamp(),
            log.wallMillis(),
            options.region());
    int writes = turns.stream().mapToInt(turn -> turn.writes().size()).sum();
    metrics.proposed(writes, entry.remaining());
    Settling settling = new Settling(term, writes);
    LogGroup group = new LogGroup(term, turns, entry, settling);
    settling.group = group;
    lock.lock();
    try {
      inFlight.add(group);
      watch();
    } finally {
      lock.unlock();
    }
    try {
      log.submit(group);
    } catch (RuntimeException | Error e) {
      group.failed(g -> unavailable(g, "The log did not take the write: " + e.getMessage(), e));
    }
  }

  /** Makes room for the next entry when its group has been answered. */
  private final class Settling implements LogGroup.Listener {
    private final long term;
    private final int writes;
    private final Lease.Moment since = Lease.Moment.now();
    private @Nullable LogGroup group;

    Settling(long term, int writes) {
      this.term = term;
      this.writes = writes;
    }

    @Override
    public void alone(PendingWrite write) {
      try {
        write.again();
        enqueue(write, null);
      } catch (StoreException e) {
        write.fail(e);
      }
    }

    @Override
    public void settled(boolean applied) {
      if (applied) {
        log.committed(term, since);
      }
      long now = System.nanoTime();
      long took = now - since.nanos();
      metrics.settled(took);
      lock.lock();
      try {
        inFlight.remove(group);
        if (applied) {
          gathering.answered(writes, queuedWrites, took, now);
        }
        if (!queue.isEmpty()) {
          changed.signal();
        }
        if (inFlight.isEmpty()) {
          idle.signalAll();
        }
      } finally {
        lock.unlock();
      }
    }
  }

  /** What is known about a group's writes when something went wrong with its entry. */
  static Unavailable unavailable(boolean appended, String message, @Nullable Throwable cause) {
    return appended
        ? new Unavailable(
            Unavailable.Outcome.UNKNOWN, message + " The write may have been done.", cause)
        : new Unavailable(
            Unavailable.Outcome.NOT_DONE, message + " The write was not done.", cause);
  }

  private static Unavailable notDone(String message) {
    return new Unavailable(Unavailable.Outcome.NOT_DONE, message, null);
  }

  /** Writes waiting for their turn. */
  int queued() {
    lock.lock();
    try {
      return queuedWrites;
    } finally {
      lock.unlock();
    }
  }

  /** Entries handed to the log and not yet applied. */
  int inFlight() {
    lock.lock();
    try {
      return inFlight.size();
    } finally {
      lock.unlock();
    }
  }

  /** Proposes nothing more until {@link #release}; writes wait meanwhile. */
  void hold() {
    lock.lock();
    try {
      held = true;
    } finally {
      lock.unlock();
    }
  }

  /** Goes on. */
  void release() {
    lock.lock();
    try {
      held = false;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Takes no more writes; those that wait are told that they were not done. */
  void stop(String why) {
    List<Turn> waiting;
    lock.lock();
    try {
      if (stopped == null) {
        stopped = why;
      }
      waiting = List.copyOf(queue);
      queue.clear();
      open.clear();
      urgent = null;
      queuedBytes = 0;
      commandBytes = 0;
      queuedWrites = 0;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    RuntimeException problem = notDone(why);
    waiting.forEach(turn -> turn.fail(problem));
  }

  /** Waits until nothing is in flight; false if that takes longer. */
  boolean awaitIdle(Duration limit) throws InterruptedException {
    long nanos = limit.toNanos();
    lock.lock();
    try {
      while (!inFlight.isEmpty() || proposing) {
        if (nanos <= 0) {
          return false;
        }
        nanos = idle.awaitNanos(nanos);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Answers everything in flight: nobody will any more. */
  void abandon(String why, @Nullable Throwable cause) {
    List<LogGroup> groups;
    lock.lock();
    try {
      groups = List.copyOf(inFlight);
    } finally {
      lock.unlock();
    }
    groups.forEach(group -> group.failed(g -> unavailable(g, why, cause)));
  }

  @Override
  public void close() {
    String why = "This store was closed.";
    stop(why);
    abandon(why, null);
    try {
      proposer.join(TimeUnit.SECONDS.toMillis(5));
      // What the proposer was about to hand over when the others were answered.
      abandon(why, null);
      timekeeper.interrupt();
      timekeeper.join(TimeUnit.SECONDS.toMillis(5));
    } catch (InterruptedException e) {
      timekeeper.interrupt();
      Thread.currentThread().interrupt();
    }
  }
}
