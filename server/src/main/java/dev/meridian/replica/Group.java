package dev.meridian.replica;

import java.util.List;

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
   * @param index the newest entry in its log
   * @param silentMillis since it last answered the primary
   */
  public record Follower(String node, long index, long silentMillis) {}
}
