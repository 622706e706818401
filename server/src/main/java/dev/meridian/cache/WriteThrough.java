package dev.meridian.cache;

import dev.meridian.document.Version;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.Unavailable;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets writes wait until all nodes show them. A node does if it says so, or if it must ask the
 * primary before it shows anything ({@link ReadLease}); the longest wait is {@link #LONGEST}, as by
 * then every node has asked since the write or shows nothing. Any thread may use it.
 *
 * <p>However many writes wait, each node is asked one thing at a time, for the newest of them.
 */
final class WriteThrough implements AutoCloseable {
  /*
   * A write that is done at time t need wait for no node that was told by the primary what to read
   * after t. A node reads what it was told for LENGTH. So: nodes that answer say when they have it.
   * For those that do not, the primary is asked after t, which of them asked it lately; the rest
   * cannot show anything without asking it after t. That list is also why nobody need know who is a
   * member: a node that joins, or has just been removed, is on it.
   *
   * A primary knows who asked it, not who asked the one before: everyone may have, until it became
   * primary. So while that is less than LONGEST ago, each write waits for the rest of it, as there
   * may be nodes that neither it nor this node knows (one that has just been removed, or joined). A
   * node that never knew of any other is alone, and does not wait.
   */

  /** How much slower than another a clock may go, and a bit. */
  private static final Duration MARGIN = Duration.ofMillis(500);

  /** After so long a node that has not asked the primary since shows nothing of its own. */
  static final Duration LONGEST = ReadLease.LENGTH.plus(MARGIN);

  /** How long a node is asked; then it says what it has, and is asked again. */
  static final Duration CALL = Duration.ofSeconds(1);

  /** How soon is asked again who had no answer. */
  private static final Duration AGAIN_AFTER = Duration.ofMillis(20);

  private static final Logger LOG = LoggerFactory.getLogger(WriteThrough.class);

  private final Peers peers;
  private final Duration longest;
  private final Duration call;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  // All below, and the fields of nodes, are guarded by the lock.
  private final Map<String, Node> nodes = new HashMap<>();
  private int waiting;
  private long questions; // to the primary, that writes need an answer to
  private long answered; // the newest of them that has one
  private boolean asking;
  private Peers.@Nullable Readers readers;
  private long readersNanos;
  private boolean closed;

  /** Whether there never was another node, as far as is known. */
  private boolean alone = true;

  /** Another node. */
  private static final class Node {
    final String id;

    /** It shows everything up to here. */
    @Nullable Version shown;

    /** It is asked for that. */
    @Nullable Version wanted;

    boolean asked;

    /** Whether it did not answer last. */
    boolean silent;

    /** Whether it said last that it does not show what it was asked for. */
    boolean lags;

    /** When it was known as a node of the site last. */
    long knownNanos;

    Node(String id) {
      this.id = id;
    }

    boolean shows(Version version) {
      return shown != null && shown.compareTo(version) >= 0;
    }
  }

  WriteThrough(Peers peers) {
    this(peers, LONGEST, CALL);
  }

  /**
   * With times of its own.
   *
   * @param longest after so long, a node that has not asked the primary since shows nothing
   * @param call how long a node is asked at a time
   */
  WriteThrough(Peers peers, Duration longest, Duration call) {
    this.peers = peers;
    this.longest = longest;
    this.call = call;
  }

  /**
   * Waits until all other nodes show a write.
   *
   * @param sinceNanos when it was done, or later ({@link System#nanoTime})
   * @return nodes that were not heard to show it, but show nothing older
   * @throws Unavailable if the wait is interrupted or this is closed, as unknown: the write is done
   */
  Set<String> await(Version version, long sinceNanos) {
    Set<String> known = others(); // not under the lock, whatever it does
    lock.lock();
    try {
      waiting++;
      try {
        long question = ++questions;
        know(known, sinceNanos);
        want(version);
        askReaders();
        while (true) {
          if (closed) {
            throw unknown("this node is stopping", null);
          }
          long now = System.nanoTime();
          long left = sinceNanos + longest.toNanos() - now;
          Set<String> lacking = lacking(version);
          if (left <= 0) {
            return lacking;
          }
          if (answered >= question) {
            left = Math.min(left, left(lacking, now));
            if (left <= 0) {
              return lacking;
            }
          }
          long unused = changed.awaitNanos(left);
        }
      } finally {
        waiting--;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unknown("the time for the request is over", e);
    } finally {
      lock.unlock();
    }
  }

  static Unavailable unknown(String why, @Nullable Throwable cause) {
    return new Unavailable(
        Unavailable.Outcome.UNKNOWN,
        "The write was done, but it is not known whether all nodes show it yet, as "
            + why
            + ". Repeat it with the same idempotency key, or read the document again.",
        cause);
  }

  /** Those that are not known to show a write. */
  private Set<String> lacking(Version version) {
    Set<String> lacking = new TreeSet<>();
    for (Node node : nodes.values()) {
      if (!node.shows(version)) {
        lacking.add(node.id);
      }
    }
    return lacking;
  }

  /** How long they must be waited for, by what the primary said after the write was done. */
  private long left(Set<String> lacking, long now) {
    Peers.Readers known = readers;
    if (known == null) {
      return Long.MAX_VALUE;
    }
    long left = 0;
    Set<String> all = new HashSet<>(lacking);
    for (String id : known.ages().keySet()) {
      if (!nodes.containsKey(id)) {
        all.add(id);
      }
    }
    for (String id : all) {
      Node node = nodes.get(id);
      if (node != null && !node.silent && !node.lags) {
        return Long.MAX_VALUE; // it will say so
      }
      Duration age = known.ages().getOrDefault(id, known.known());
      left = Math.max(left, left(age, known.known(), now));
    }
    return alone && all.isEmpty() && known.ages().isEmpty()
        ? left
        : Math.max(left, left(known.known(), known.known(), now));
  }

  /** What is left for one that asked so long ago, of a primary that knows no longer than that. */
  private long left(Duration age, Duration known, long now) {
    Duration sure = age.compareTo(known) < 0 ? age : known;
    return longest.minus(sure).toNanos() - (now - readersNanos);
  }

  /** Who is there; null if that is not known. */
  private @Nullable Set<String> others() {
    try {
      return peers.others();
    } catch (RuntimeException e) {
      LOG.debug("Which nodes there are is not known now", e);
      return null;
    }
  }

  /** Notes who is there; who went stays for as long as it may show something. */
  private void know(@Nullable Set<String> others, long nowNanos) {
    if (others == null) {
      alone = false;
      return;
    }
    if (!others.isEmpty()) {
      alone = false;
    }
    for (String id : others) {
      nodes.computeIfAbsent(id, Node::new).knownNanos = nowNanos;
    }
    if (nodes.size() > others.size()) {
      nodes
          .values()
          .removeIf(
              node -> !others.contains(node.id) && nowNanos - node.knownNanos > longest.toNanos());
    }
  }

  // --- Nodes

  private void want(Version version) {
    for (Node node : nodes.values()) {
      Version wanted = node.wanted;
      if (wanted == null || wanted.compareTo(version) < 0) {
        node.wanted = version;
      }
      if (!node.asked && !node.shows(version)) {
        node.asked = start(() -> ask(node));
      }
    }
  }

  /** Whether that runs now; if not, the next write tries again, and this one waits meanwhile. */
  private static boolean start(Runnable work) {
    try {
      Thread.ofVirtual().name("write-through").start(work);
      return true;
    } catch (RuntimeException | Error e) {
      LOG.warn("Other nodes cannot be asked now", e);
      return false;
    }
  }

  /** Asks a node until nobody wants to know, or it does not answer. */
  private void ask(Node node) {
    Version version = next(node);
    while (version != null) {
      boolean shows = false;
      boolean answers = false;
      try {
        shows = peers.shows(node.id, version, call);
        answers = true;
      } catch (IOException e) {
        LOG.debug("{} does not say what it shows", node.id, e);
      } catch (RuntimeException | Error e) {
        // Whatever it is: nobody asks the node while this seems to.
        LOG.warn("{} cannot be asked what it shows", node.id, e);
      }
      if (answers && !shows) {
        pause();
      }
      version = after(node, version, answers, shows);
    }
  }

  /** What to ask it for; null if nothing. */
  private @Nullable Version next(Node node) {
    lock.lock();
    try {
      Version wanted = node.wanted;
      boolean go = !closed && waiting > 0 && wanted != null && !node.shows(wanted);
      node.asked = go;
      return go ? wanted : null;
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Version after(Node node, Version version, boolean answers, boolean shows) {
    lock.lock();
    try {
      if (shows && !node.shows(version)) {
        node.shown = version;
      }
      node.lags = answers && !shows;
      if (node.silent == answers) {
        node.silent = !answers;
        if (answers) {
          LOG.info("{} says again what it shows", node.id);
        } else {
          LOG.info(
              "{} does not say what it shows; writes do not wait for it while it must ask before it"
                  + " shows anything",
              node.id);
        }
      }
      changed.signalAll();
      if (!answers) {
        // The next write asks it again.
        node.asked = false;
        return null;
      }
      return next(node);
    } finally {
      lock.unlock();
    }
  }

  // --- The primary

  private void askReaders() {
    if (!asking) {
      asking = start(this::askPrimary);
    }
  }

  private void askPrimary() {
    long question = nextQuestion();
    while (question > 0) {
      Peers.Readers answer = null;
      try {
        answer = peers.readers(call);
      } catch (StoreException e) {
        LOG.debug("No primary says which nodes asked it", e);
        pause();
      } catch (RuntimeException | Error e) {
        LOG.warn("It is not known which nodes asked the primary", e);
        pause();
      }
      if (answer != null) {
        answered(question, answer);
      }
      question = nextQuestion();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(AGAIN_AFTER);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What to ask; 0 if nothing. */
  private long nextQuestion() {
    lock.lock();
    try {
      asking = !closed && waiting > 0 && answered < questions;
      return asking ? questions : 0;
    } finally {
      lock.unlock();
    }
  }

  private void answered(long question, Peers.Readers answer) {
    lock.lock();
    try {
      readers = answer;
      readersNanos = System.nanoTime();
      answered = question;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Nodes that did not answer last. */
  Set<String> silent() {
    lock.lock();
    try {
      Set<String> silent = new TreeSet<>();
      for (Node node : nodes.values()) {
        if (node.silent) {
          silent.add(node.id);
        }
      }
      return silent;
    } finally {
      lock.unlock();
    }
  }

  /** The longest that a write waits. */
  Duration longest() {
    return longest;
  }

  /** How many writes wait. */
  int waiting() {
    lock.lock();
    try {
      return waiting;
    } finally {
      lock.unlock();
    }
  }

  /** Lets all go that wait. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
