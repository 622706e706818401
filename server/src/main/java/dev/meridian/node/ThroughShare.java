package dev.meridian.node;

import dev.meridian.cache.CachedStore;
import dev.meridian.cache.Peers;
import dev.meridian.document.Version;
import dev.meridian.node.proto.ShowsReply;
import dev.meridian.node.proto.ShowsRequest;
import dev.meridian.replica.Fenced;
import dev.meridian.shard.Cluster;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Asks the other nodes whether they show what was written through, and answers them. */
final class ThroughShare implements Peers, AutoCloseable {
  private static final String SHOWS = "cache/shows";

  /** The longest that another node's question is held. */
  private static final Duration LONGEST = Duration.ofSeconds(2);

  /** How much longer a call may take than the node waits that is asked. */
  private static final Duration LAST_WORD = Duration.ofMillis(500);

  private final Cluster cluster;

  ThroughShare(Cluster cluster) {
    this.cluster = cluster;
  }

  /** Answers the others from here on. */
  void offer(CachedStore store) {
    cluster
        .service()
        .offer(
            SHOWS,
            request -> {
              ShowsRequest asked = ShowsRequest.parseFrom(request);
              Duration wait = Duration.ofMillis(Integer.toUnsignedLong(asked.getWaitMillis()));
              boolean shows =
                  store.shows(
                      new Version(asked.getTimestamp(), asked.getRegion()),
                      wait.compareTo(LONGEST) < 0 ? wait : LONGEST);
              return ShowsReply.newBuilder().setShows(shows).build().toByteArray();
            });
  }

  @Override
  public Set<String> others() {
    return cluster.peers();
  }

  @Override
  public boolean shows(String node, Version version, Duration wait) throws IOException {
    InetSocketAddress at =
        cluster
            .peer(node)
            .orElseThrow(
                () -> new IOException("'" + node + "' is no node of the cluster any more."));
    ShowsRequest request =
        ShowsRequest.newBuilder()
            .setTimestamp(version.timestamp())
            .setRegion(version.region())
            .setWaitMillis((int) wait.toMillis())
            .build();
    return ShowsReply.parseFrom(
            cluster.client().call(at, SHOWS, request.toByteArray(), wait.plus(LAST_WORD)))
        .getShows();
  }

  @Override
  public Readers readers(Duration wait) {
    Fenced fenced = cluster.store().fenced(wait);
    Map<String, Duration> ages = new HashMap<>(fenced.ages());
    // It asks itself, and keeps no book of that.
    ages.put(fenced.primary(), Duration.ZERO);
    ages.remove(cluster.self());
    return new Readers(fenced.office(), ages);
  }

  @Override
  public void close() {
    cluster.service().withdraw(SHOWS);
  }
}
