package dev.meridian.replica;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link ReplicatedStore} behaves: every bound and wait of the room, in one place.
 *
 * @param region number of the region that writes, 0 to 65535; part of every version
 * @param peer where this replica listens for the others of its group; port 0 lets the system
 *     choose, which is right as long as the group has one member
 * @param advertised where the others reach it, when that is not {@code peer}: behind a forwarded
 *     port, or when it listens on all addresses
 * @param queuedWrites most writes waiting for their turn; more are refused at once
 * @param queuedBytes most bytes of writes waiting for their turn; more are refused at once
 * @param entryWrites most writes that share one entry of the log
 * @param entryBytes about how many bytes of writes share one entry; one larger batch has an entry
 *     of its own, up to {@link #MAX_ENTRY_BYTES}
 * @param entriesInFlight most entries handed to the log and not yet applied; another than the first
 *     is only while what waits fills it
 * @param writeDeadline how long a write may take before it is answered as unknown
 * @param readDeadline how long a read may wait for the consistency it asked for
 * @param startDeadline how long opening may wait for the replica to be able to serve
 * @param diskReserve bytes that writes leave free on the disk of the data folder
 * @param snapshotEveryBytes bytes of log after which a snapshot is taken and the log is cut
 * @param snapshotEveryEntries entries of log after which a snapshot is taken and the log is cut
 * @param snapshotEvery time after which a snapshot is taken if anything changed
 * @param snapshotsKept newest snapshots that stay, at least 1
 * @param segmentBytes size of a file of the log
 * @param entriesKept entries of the log that stay when it is cut, for members that were away
 * @param electionTimeout a replica that hears nothing from the primary for this to twice this long
 *     asks for an election; the primary's lease is shorter
 * @param snapshotBytesPerSecond how fast another member's snapshot is fetched at most
 * @param sweepEvery how often expired documents are looked for
 * @param wallMillis the wall clock: milliseconds since 1970
 * @param uptimeMillis milliseconds since some fixed moment, time asleep included; never set by hand
 * @param acceptClock whether to start although the wall clock is long past the newest write
 */
public record ReplicaOptions(
    int region,
    InetSocketAddress peer,
    @Nullable InetSocketAddress advertised,
    int queuedWrites,
    long queuedBytes,
    int entryWrites,
    int entryBytes,
    int entriesInFlight,
    Duration writeDeadline,
    Duration readDeadline,
    Duration startDeadline,
    long diskReserve,
    long snapshotEveryBytes,
    long snapshotEveryEntries,
    Duration snapshotEvery,
    int snapshotsKept,
    long segmentBytes,
    long entriesKept,
    Duration electionTimeout,
    long snapshotBytesPerSecond,
    Duration sweepEvery,
    LongSupplier wallMillis,
    LongSupplier uptimeMillis,
    boolean acceptClock) {

  /** Largest entry of the log, so also the largest batch. */
  public static final int MAX_ENTRY_BYTES = 16 << 20;

  /** What a node uses unless it is told otherwise. */
  public static final ReplicaOptions DEFAULT =
      new ReplicaOptions(
          0,
          new InetSocketAddress("127.0.0.1", 0),
          null,
          16_384,
          64L << 20,
          1024,
          1 << 20,
          4,
          Duration.ofSeconds(10),
          Duration.ofSeconds(2),
          Duration.ofSeconds(60),
          256L << 20,
          64L << 20,
          100_000,
          Duration.ofMinutes(10),
          1,
          8L << 20,
          10_000,
          Duration.ofMillis(400),
          100L << 20,
          Duration.ofSeconds(1),
          System::currentTimeMillis,
          Uptime::millis,
          false);

  /** Checks that every bound makes sense. */
  public ReplicaOptions {
    check(region >= 0 && region <= 0xffff, "region is 0 to 65535");
    check(queuedWrites >= 1 && queuedBytes >= 1, "the queue holds at least one write");
    check(entryWrites >= 1 && entryBytes >= 1, "an entry holds at least one write");
    check(entryBytes <= MAX_ENTRY_BYTES, "entryBytes is at most " + MAX_ENTRY_BYTES);
    check(entriesInFlight >= 1 && entriesInFlight <= 64, "entriesInFlight is 1 to 64");
    check(diskReserve >= 0, "diskReserve is not negative");
    check(snapshotEveryBytes >= 1 && snapshotEveryEntries >= 1, "snapshots have a distance");
    check(snapshotsKept >= 1, "snapshotsKept is at least 1");
    check(segmentBytes >= 4096, "segmentBytes is at least 4096");
    check(entriesKept >= 0, "entriesKept is not negative");
    check(snapshotBytesPerSecond >= 1, "snapshots are fetched at some speed");
    for (Duration wait :
        new Duration[] {
          writeDeadline, readDeadline, startDeadline, snapshotEvery, sweepEvery, electionTimeout
        }) {
      check(wait.isPositive(), "every time is positive");
    }
  }

  private static void check(boolean holds, String rule) {
    if (!holds) {
      throw new IllegalArgumentException(rule);
    }
  }

  /** Where the other members reach this one. */
  public InetSocketAddress reachableAt() {
    return advertised == null ? peer : advertised;
  }

  /** A builder that begins with these options. */
  public Builder edit() {
    return new Builder(this);
  }

  /** Changes some options and keeps the rest. Used by one thread. */
  public static final class Builder {
    private int region;
    private InetSocketAddress peer;
    private @Nullable InetSocketAddress advertised;
    private int queuedWrites;
    private long queuedBytes;
    private int entryWrites;
    private int entryBytes;
    private int entriesInFlight;
    private Duration writeDeadline;
    private Duration readDeadline;
    private Duration startDeadline;
    private long diskReserve;
    private long snapshotEveryBytes;
    private long snapshotEveryEntries;
    private Duration snapshotEvery;
    private int snapshotsKept;
    private long segmentBytes;
    private long entriesKept;
    private Duration electionTimeout;
    private long snapshotBytesPerSecond;
    private Duration sweepEvery;
    private LongSupplier wallMillis;
    private LongSupplier uptimeMillis;
    private boolean acceptClock;

    private Builder(ReplicaOptions from) {
      region = from.region;
      peer = from.peer;
      advertised = from.advertised;
      queuedWrites = from.queuedWrites;
      queuedBytes = from.queuedBytes;
      entryWrites = from.entryWrites;
      entryBytes = from.entryBytes;
      entriesInFlight = from.entriesInFlight;
      writeDeadline = from.writeDeadline;
      readDeadline = from.readDeadline;
      startDeadline = from.startDeadline;
      diskReserve = from.diskReserve;
      snapshotEveryBytes = from.snapshotEveryBytes;
      snapshotEveryEntries = from.snapshotEveryEntries;
      snapshotEvery = from.snapshotEvery;
      snapshotsKept = from.snapshotsKept;
      segmentBytes = from.segmentBytes;
      entriesKept = from.entriesKept;
      electionTimeout = from.electionTimeout;
      snapshotBytesPerSecond = from.snapshotBytesPerSecond;
      sweepEvery = from.sweepEvery;
      wallMillis = from.wallMillis;
      uptimeMillis = from.uptimeMillis;
      acceptClock = from.acceptClock;
    }

    /** See {@link ReplicaOptions#region}. */
    public Builder region(int number) {
      region = number;
      return this;
    }

    /** See {@link ReplicaOptions#peer}. */
    public Builder peer(InetSocketAddress address) {
      peer = address;
      return this;
    }

    /** See {@link ReplicaOptions#advertised}. */
    public Builder advertised(@Nullable InetSocketAddress address) {
      advertised = address;
      return this;
    }

    /** See {@link ReplicaOptions#queuedWrites} and {@link ReplicaOptions#queuedBytes}. */
    public Builder queue(int writes, long bytes) {
      queuedWrites = writes;
      queuedBytes = bytes;
      return this;
    }

    /** See {@link ReplicaOptions#entryWrites} and {@link ReplicaOptions#entryBytes}. */
    public Builder entry(int writes, int bytes) {
      entryWrites = writes;
      entryBytes = bytes;
      return this;
    }

    /** See {@link ReplicaOptions#entriesInFlight}. */
    public Builder entriesInFlight(int entries) {
      entriesInFlight = entries;
      return this;
    }

    /** See {@link ReplicaOptions#writeDeadline}. */
    public Builder writeDeadline(Duration wait) {
      writeDeadline = wait;
      return this;
    }

    /** See {@link ReplicaOptions#readDeadline}. */
    public Builder readDeadline(Duration wait) {
      readDeadline = wait;
      return this;
    }

    /** See {@link ReplicaOptions#startDeadline}. */
    public Builder startDeadline(Duration wait) {
      startDeadline = wait;
      return this;
    }

    /** See {@link ReplicaOptions#diskReserve}. */
    public Builder diskReserve(long bytes) {
      diskReserve = bytes;
      return this;
    }

    /** See {@link ReplicaOptions#snapshotEveryBytes} and the two after it. */
    public Builder snapshots(long everyBytes, long everyEntries, Duration every) {
      snapshotEveryBytes = everyBytes;
      snapshotEveryEntries = everyEntries;
      snapshotEvery = every;
      return this;
    }

    /** See {@link ReplicaOptions#snapshotsKept}. */
    public Builder snapshotsKept(int number) {
      snapshotsKept = number;
      return this;
    }

    /** See {@link ReplicaOptions#segmentBytes}. */
    public Builder segmentBytes(long bytes) {
      segmentBytes = bytes;
      return this;
    }

    /** See {@link ReplicaOptions#entriesKept}. */
    public Builder entriesKept(long number) {
      entriesKept = number;
      return this;
    }

    /** See {@link ReplicaOptions#electionTimeout}. */
    public Builder electionTimeout(Duration time) {
      electionTimeout = time;
      return this;
    }

    /** See {@link ReplicaOptions#snapshotBytesPerSecond}. */
    public Builder snapshotBytesPerSecond(long bytes) {
      snapshotBytesPerSecond = bytes;
      return this;
    }

    /** See {@link ReplicaOptions#sweepEvery}. */
    public Builder sweepEvery(Duration time) {
      sweepEvery = time;
      return this;
    }

    /** See {@link ReplicaOptions#wallMillis} and {@link ReplicaOptions#uptimeMillis}. */
    public Builder clocks(LongSupplier wall, LongSupplier uptime) {
      wallMillis = wall;
      uptimeMillis = uptime;
      return this;
    }

    /** See {@link ReplicaOptions#acceptClock}. */
    public Builder acceptClock(boolean accept) {
      acceptClock = accept;
      return this;
    }

    /** The options. */
    public ReplicaOptions build() {
      return new ReplicaOptions(
          region,
          peer,
          advertised,
          queuedWrites,
          queuedBytes,
          entryWrites,
          entryBytes,
          entriesInFlight,
          writeDeadline,
          readDeadline,
          startDeadline,
          diskReserve,
          snapshotEveryBytes,
          snapshotEveryEntries,
          snapshotEvery,
          snapshotsKept,
          segmentBytes,
          entriesKept,
          electionTimeout,
          snapshotBytesPerSecond,
          sweepEvery,
          wallMillis,
          uptimeMillis,
          acceptClock);
    }
  }
}
