package dev.meridian.replica;

import java.util.List;
import java.util.Optional;

/**
 * A Raft group as its primary sees it.
 *
 * @param primary the primary's node id
 * @param index the newest entry of its log that is safe
 * @param followers the other members
 */
public record Group(String primary, long index, List<Follower> followers) {
  /** Copies. */
  public Group {
    followers = List.copyOf(followers);
  }

  /**
   * Another member.
   *
   * @param node its id
   * @param address where its peers reach it
   * @param index the newest entry in its log
   * @param lagMillis about how long it has lacked what comes next; 0 when it lacks nothing
   * @param silentMillis since it last answered the primary; {@link Long#MAX_VALUE} for one to whom
   *     the primary sends nothing
   * @param spare whether it follows without a vote: nobody waits for it
   * @param snapshotPercent how much it has of the snapshot that it fetches, or empty
   */
  public record Follower(
      String node,
      String address,
      long index,
      long lagMillis,
      long silentMillis,
      boolean spare,
      Optional<Integer> snapshotPercent) {
    /** Whether the primary sends it nothing, so knows nothing of it either. */
    public boolean isForgotten() {
      return silentMillis == Long.MAX_VALUE;
    }
  }
}
