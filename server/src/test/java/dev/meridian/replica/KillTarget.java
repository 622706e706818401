package dev.meridian.replica;

import static dev.meridian.replica.Fixture.increment;
import static dev.meridian.replica.Fixture.keyed;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;

import dev.meridian.store.Batch;
import dev.meridian.store.Deferral;
import dev.meridian.store.StoreException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The process that {@link KillTest} kills: writes as fast as it can and says so, a line before each
 * write ({@code S what path number}) and one after it was acknowledged ({@code A …}).
 */
final class KillTarget {
  /** What the process does wrong, for the checker to find out. */
  enum Bug {
    NONE,
    /** Says that a write was acknowledged while it is not yet committed. */
    EARLY_ACKNOWLEDGEMENT,
    /** Writes a batch piece by piece. */
    SPLIT_BATCH,
    /** Counts without the key that makes trying again safe. */
    NO_KEY,
    /**
     * What write-behind put off is not in the database, only in memory: {@link KillTest} does it.
     */
    PENDING_LOST
  }

  /** So small that most kills hit a snapshot or a cut of the log. */
  static final ReplicaOptions TINY =
      Fixture.SMALL
          .edit()
          .segmentBytes(16 << 10)
          .snapshots(24 << 10, 40, Duration.ofMillis(50))
          .entriesInFlight(4)
          .build();

  static final int WRITERS = 12;
  static final int PATHS = 5;
  static final int COUNTERS = 3;
  static final int PARTS = 3;

  /** So short that flushes and kills meet, and so long that writes do. */
  private static final Deferral DEFERRAL = new Deferral(Duration.ofMillis(150), 1 << 20);

  private static final Pattern NUMBER = Pattern.compile("\"n\":(\\d+)");

  private final ReplicatedStore store;
  private final Bug bug;
  private final OutputStream out = new FileOutputStream(FileDescriptor.out);
  private final ReentrantLock lock = new ReentrantLock();

  private KillTarget(ReplicatedStore store, Bug bug) {
    this.store = store;
    this.bug = bug;
  }

  /** Arguments: data folder, seed, bug, options ("tiny" or "default"). */
  public static void main(String[] args) throws Exception {
    ReplicaOptions options = args[3].equals("tiny") ? TINY : Fixture.SMALL;
    @SuppressWarnings("resource") // it is killed, not closed
    KillTarget target =
        new KillTarget(Fixture.open(Path.of(args[0]), options), Bug.valueOf(args[2]));
    Random seeds = new Random(Long.parseLong(args[1]));
    for (int writer = 0; writer < WRITERS; writer++) {
      int id = writer;
      Random random = new Random(seeds.nextLong());
      Thread.ofVirtual().start(() -> target.run(id, random));
    }
    Thread.sleep(Duration.ofMinutes(5));
  }

  private void run(int writer, Random random) {
    try {
      long[] next = new long[PATHS];
      for (int i = 0; i < PATHS; i++) {
        next[i] = number(read(store, single(writer, i))) + 1;
      }
      long batch = number(read(store, root(writer))) + 1;
      String run = Long.toHexString(random.nextLong());
      for (int i = 0; ; i++) {
        switch (random.nextInt(6)) {
          case 0 -> {
            String path = root(writer);
            long n = batch++;
            write("b", path, Long.toString(n), () -> batch(writer, n));
          }
          case 1 -> {
            String counter = counter(random.nextInt(COUNTERS));
            String key = run + "-" + writer + "-" + i;
            write("c", counter, key, () -> count(counter, key));
          }
          case 2, 3 -> {
            String counter = behind(random.nextInt(COUNTERS));
            write(
                "d",
                counter,
                "-",
                () -> store.write(Batch.of(increment(counter, "n", 1)).deferred(DEFERRAL)));
          }
          default -> {
            int which = random.nextInt(PATHS);
            long n = next[which]++;
            String path = single(writer, which);
            String pad = "x".repeat(random.nextInt(300));
            Batch plain = Batch.of(put(path, value(n, pad)));
            Batch maybe = random.nextBoolean() ? plain : plain.deferred(DEFERRAL);
            write("p", path, Long.toString(n), () -> store.write(maybe));
          }
        }
      }
    } catch (IOException | RuntimeException e) {
      // The parent sees the end of the pipe and shows this.
      e.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
  }

  private void batch(int writer, long n) {
    if (bug == Bug.SPLIT_BATCH) {
      store.write(Batch.of(put(root(writer), value(n, ""))));
      for (int i = 0; i < PARTS; i++) {
        store.write(Batch.of(put(part(writer, i), value(n, ""))));
      }
    } else {
      store.write(
          Batch.of(
              put(root(writer), value(n, "")),
              put(part(writer, 0), value(n, "")),
              put(part(writer, 1), value(n, "")),
              put(part(writer, 2), value(n, ""))));
    }
  }

  private void count(String counter, String key) {
    if (bug == Bug.NO_KEY) {
      store.write(Batch.of(increment(counter, "n", 1)));
    } else {
      store.write(keyed(key, increment(counter, "n", 1)));
    }
  }

  private void write(String what, String path, String number, Runnable work) throws IOException {
    say("S " + what + " " + path + " " + number);
    if (bug == Bug.EARLY_ACKNOWLEDGEMENT) {
      say("A " + what + " " + path + " " + number);
    }
    while (true) {
      try {
        work.run();
        break;
      } catch (StoreException.Unavailable e) {
        say("X " + e.getMessage());
        if (what.equals("c")) {
          continue;
        }
        throw e;
      }
    }
    if (bug != Bug.EARLY_ACKNOWLEDGEMENT) {
      say("A " + what + " " + path + " " + number);
    }
  }

  /** One write each, so that a kill leaves whole lines. */
  private void say(String line) throws IOException {
    byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
    lock.lock();
    try {
      out.write(bytes);
    } finally {
      lock.unlock();
    }
  }

  static String single(int writer, int which) {
    return "items/w" + writer + "-" + which;
  }

  static String root(int writer) {
    return "items/tree" + writer;
  }

  static String part(int writer, int i) {
    return root(writer) + "/parts/p" + i;
  }

  static String counter(int i) {
    return "items/counter" + i;
  }

  /** A counter whose increments are put off. */
  static String behind(int i) {
    return "items/behind" + i;
  }

  static String value(long n, String pad) {
    return "{\"n\":" + n + ",\"pad\":\"" + pad + "\"}";
  }

  /** The number in a document, 0 when there is none. */
  static long number(@Nullable String json) {
    if (json == null) {
      return 0;
    }
    Matcher matcher = NUMBER.matcher(json);
    if (!matcher.find()) {
      throw new IllegalStateException("no number in " + json);
    }
    return Long.parseLong(matcher.group(1));
  }
}
