package dev.meridian.node;

import dev.meridian.handler.Routes;
import dev.meridian.shard.ClusterOptions;
import dev.meridian.site.Listeners;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/**
 * What to start.
 *
 * @param site the site's folder; a node that joins fetches the cluster's site there when there is
 *     no such folder
 * @param data the folder for everything this node keeps; made when it is not there
 * @param listeners turns the site's listeners into this node's, as flags ask
 * @param development whether error pages show what is wrong in a template; asked once, for the
 *     listeners that this node gets
 * @param version of the product, for people
 * @param acceptClock whether to start although the wall clock is long past the newest write
 * @param shortLogs whether to cut the log every few hundred entries: only for tests, where a member
 *     that was away for seconds shall need a snapshot
 * @param membership the node's part in its cluster
 * @param handlers what the team's own Java answers, before pages and files
 */
public record NodeOptions(
    Path site,
    Path data,
    UnaryOperator<Listeners> listeners,
    Predicate<Listeners> development,
    String version,
    boolean acceptClock,
    boolean shortLogs,
    Membership membership,
    Routes handlers) {
  /**
   * A node's part in its cluster.
   *
   * @param join whose cluster to join when the data folder is new; empty founds one
   * @param advertised where other nodes reach this one, when it is not where it listens for them
   * @param zone the failure zone the node is in; empty for none
   * @param replicas how many replicas data should have, when there are so many nodes
   * @param replaceAfter how long a node may be silent before another takes its place
   */
  public record Membership(
      Optional<ClusterOptions.Join> join,
      Optional<InetSocketAddress> advertised,
      String zone,
      int replicas,
      Duration replaceAfter) {
    /** A node that founds a cluster, or is of one already. */
    public static final Membership ALONE =
        new Membership(
            Optional.empty(),
            Optional.empty(),
            "",
            ClusterOptions.REPLICAS,
            ClusterOptions.REPLACE_AFTER);
  }

  /** Without handlers. */
  public NodeOptions(
      Path site,
      Path data,
      UnaryOperator<Listeners> listeners,
      Predicate<Listeners> development,
      String version,
      boolean acceptClock,
      boolean shortLogs,
      Membership membership) {
    this(
        site,
        data,
        listeners,
        development,
        version,
        acceptClock,
        shortLogs,
        membership,
        Routes.NONE);
  }

  /** A node that founds a cluster, or is of one already. */
  public NodeOptions(
      Path site,
      Path data,
      UnaryOperator<Listeners> listeners,
      boolean development,
      String version) {
    this(site, data, listeners, _ -> development, version, false, false, Membership.ALONE);
  }

  /** The same with handlers. */
  public NodeOptions withHandlers(Routes routes) {
    return new NodeOptions(
        site, data, listeners, development, version, acceptClock, shortLogs, membership, routes);
  }
}
