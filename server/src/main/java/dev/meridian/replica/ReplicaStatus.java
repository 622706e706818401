package dev.meridian.replica;

import dev.meridian.store.PendingStatus;
import org.jspecify.annotations.Nullable;

/**
 * How a replica is doing, for people and for monitors.
 *
 * @param role {@code primary}, {@code replica}, {@code candidate} or {@code stopped}
 * @param ready whether it serves strong reads and takes writes
 * @param problem why it does not take writes, or null
 * @param group id of its Raft group
 * @param member its id in that group
 * @param members how many members the group has
 * @param spareFailures how many members may fail before writes stop
 * @param term Raft's
 * @param committedIndex newest entry of the log that is safe
 * @param appliedIndex newest entry of the log that is in the database
 * @param snapshotIndex newest entry in the newest snapshot, -1 without one
 * @param logBytes log since that snapshot
 * @param queuedWrites writes waiting for their turn
 * @param entriesInFlight entries handed to the log and not yet applied
 * @param entries entries proposed since the start
 * @param writesPerEntry writes that shared an entry, on average
 * @param commitMillis from proposing an entry until it was durable and applied, on average
 * @param clockLeadMillis how far timestamps lead the wall clock
 * @param diskFreeBytes free on the data folder's disk
 * @param pending what write-behind has put off
 */
public record ReplicaStatus(
    String role,
    boolean ready,
    @Nullable String problem,
    String group,
    String member,
    int members,
    int spareFailures,
    long term,
    long committedIndex,
    long appliedIndex,
    long snapshotIndex,
    long logBytes,
    int queuedWrites,
    int entriesInFlight,
    long entries,
    double writesPerEntry,
    double commitMillis,
    long clockLeadMillis,
    long diskFreeBytes,
    PendingStatus pending) {}
