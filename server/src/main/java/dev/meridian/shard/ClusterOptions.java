package dev.meridian.shard;

import dev.meridian.peer.JoinToken;
import dev.meridian.replica.ReplicaOptions;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How this node takes part in its cluster.
 *
 * @param replica how its replicas behave and where its peers reach it
 * @param zone the failure zone it is in; empty for none
 * @param version of this build
 * @param formats that this build understands
 * @param http where its web tier listens, for people; empty when off
 * @param join whose cluster to join when the data folder is new; empty founds one
 * @param replicas how many replicas a group should have, when there are so many nodes
 * @param replaceAfter how long a node may be silent before another takes its place
 */
public record ClusterOptions(
    ReplicaOptions replica,
    String zone,
    String version,
    Formats formats,
    String http,
    Optional<Join> join,
    int replicas,
    Duration replaceAfter) {
  /** Replicas of a group, unless told otherwise. */
  public static final int REPLICAS = 3;

  /** Silence after which a node is replaced, unless told otherwise. */
  public static final Duration REPLACE_AFTER = Duration.ofMinutes(10);

  /**
   * Whose cluster to join.
   *
   * @param node where a node of the cluster listens for its peers
   * @param token from {@code meridian token}; null for a node that has joined already
   */
  public record Join(InetSocketAddress node, @Nullable JoinToken token) {}
}
