package dev.meridian.shard;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.shard.proto.PingReply;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Compares this machine's clock with those of the other members before a node takes part. As a
 * primary, one whose clock is ahead would date writes into the future and expire documents early;
 * one whose clock is behind could date none. (While nodes run, a clock that jumps is noticed by
 * itself.)
 */
final class ClockCheck {
  /** Further apart, somebody's clock is wrong. */
  static final Duration MOST_APART = Duration.ofMinutes(2);

  private static final Duration CALL = Duration.ofSeconds(1);

  private ClockCheck() {}

  /**
   * Why this node should not start under its clock, or null: most of those that answer have another
   * time. Where nobody answers there is nothing to compare.
   */
  static @Nullable String refusal(
      PeerClient client, Collection<InetSocketAddress> others, LongSupplier wallMillis) {
    Map<String, Duration> apart = new TreeMap<>();
    int answers = 0;
    for (InetSocketAddress other : others) {
      Duration ahead = ahead(client, other, wallMillis);
      if (ahead != null) {
        answers++;
        if (ahead.abs().compareTo(MOST_APART) > 0) {
          apart.put(other.getHostString() + ":" + other.getPort(), ahead);
        }
      }
    }
    return apart.size() * 2 <= answers ? null : refusal(apart, answers);
  }

  private static String refusal(Map<String, Duration> apart, int answers) {
    Duration ahead = apart.values().iterator().next();
    return "The clock of this machine is "
        + ahead.abs().toSeconds()
        + " s "
        + (ahead.isNegative() ? "behind" : "ahead of")
        + " that of "
        + String.join(", ", apart.keySet())
        + (apart.size() == answers ? "" : " (of %d that answer)".formatted(answers))
        + ". Set it right, best by NTP, and start this node again; if it is right and theirs are"
        + " wrong, set those right, and start once with --accept-clock.";
  }

  /** How far this clock is ahead of another's; null if that is not known. */
  private static @Nullable Duration ahead(
      PeerClient client, InetSocketAddress other, LongSupplier wallMillis) {
    try {
      long before = wallMillis.getAsLong();
      PingReply reply = PingReply.parseFrom(client.call(other, Cluster.PING, new byte[0], CALL));
      long between = before + (wallMillis.getAsLong() - before) / 2;
      return reply.getWallMillis() == 0
          ? null // an earlier version's
          : Duration.ofMillis(between - reply.getWallMillis());
    } catch (PeerException | InvalidProtocolBufferException e) {
      return null;
    }
  }
}
