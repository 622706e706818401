package dev.meridian.shard;

import dev.meridian.peer.Authority;
import dev.meridian.peer.TrustedAuthorities;
import dev.meridian.replica.Identity;
import dev.meridian.replica.Recovery;
import dev.meridian.store.RocksStore;
import dev.meridian.store.StoreException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Recovers a cluster whose majority is lost for good: one node, which does not run, becomes the
 * only node of a new cluster with all that its replicas hold. Others join that one as any.
 *
 * <p>A node of the old cluster that comes back finds no way in: it has certificates of another
 * cluster and members of other groups. The new authority has the old one's key, so that such a node
 * can tell that its cluster has been recovered, and stops; see {@link
 * TrustedAuthorities#successor}.
 *
 * <p>Used by one thread.
 */
public final class ClusterRecovery implements AutoCloseable {
  private final Path data;
  private final Recovery recovery;
  private final Catalog catalog;
  private final List<Member> givenUp;

  private ClusterRecovery(Path data, Recovery recovery) {
    this.data = data;
    this.recovery = recovery;
    this.catalog = new Catalog(recovery.store(Cluster.CATALOG));
    this.givenUp = others();
  }

  /**
   * Looks at what a node's folder holds, and checks all of it. The folder stays as it is.
   *
   * @throws IOException if it is no node's, in use or damaged, or if there is nothing to recover;
   *     the message says which
   */
  public static ClusterRecovery open(Path data, RocksStore.Options options) throws IOException {
    Recovery recovery = Recovery.open(data, List.of(Cluster.CATALOG, Cluster.SHARD), options);
    try {
      return new ClusterRecovery(data, recovery);
    } catch (StoreException e) {
      recovery.close();
      throw new IOException(e.getMessage(), e);
    } catch (RuntimeException | Error e) {
      recovery.close();
      throw e;
    }
  }

  /**
   * Finishes a recovery that was cut off when it had been decided; see {@link Recovery#finish}.
   *
   * @return whether there was one
   */
  public static boolean finish(Path data) throws IOException {
    return Recovery.finish(data);
  }

  /** The other nodes that the catalog or a group names, in the order in which they joined. */
  private List<Member> others() {
    Map<String, Member> others = new TreeMap<>();
    for (Recovery.Replica replica : recovery.replicas()) {
      replica
          .members()
          .forEach(
              (id, address) ->
                  others.put(id, new Member(id, address, "", "", "", Member.State.IN, 0)));
    }
    catalog.nodes(Cluster.EVENTUAL).forEach(node -> others.put(node.id(), node));
    others.remove(before().node());
    List<Member> sorted = new ArrayList<>(others.values());
    sorted.sort(Comparator.comparingLong(Member::joinedMillis).thenComparing(Member::id));
    return List.copyOf(sorted);
  }

  /** Who the node is now. */
  public Identity before() {
    return recovery.before();
  }

  /** Who it is to be. */
  public Identity after() {
    return recovery.after();
  }

  /** What it has of each group. */
  public List<Recovery.Replica> replicas() {
    return recovery.replicas();
  }

  /** The nodes that are given up. */
  public List<Member> givenUp() {
    return givenUp;
  }

  /**
   * Makes the node a cluster of its own, for good.
   *
   * @throws IOException if it cannot; then either nothing has changed, or {@link #finish} and the
   *     next start finish it
   */
  public void run(Instant now) throws IOException {
    try {
      catalog.forgetNodes();
    } catch (StoreException e) {
      throw new IOException(e.getMessage(), e);
    }
    Authority authority = authority(now);
    Path trust = Joining.trust(recovery.folder());
    TrustedAuthorities.of(List.of(authority.certificate())).save(trust);
    authority.save(trust);
    recovery.commit();
  }

  private Authority authority(Instant now) {
    try {
      return Authority.load(Joining.trust(data)).successor(after().cluster(), now);
    } catch (IOException e) {
      // It is lost or damaged. A new one does as well, but the old nodes cannot tell whose it is.
      return Authority.create(after().cluster(), now);
    }
  }

  /** Gives the folder back, as it was unless {@link #run} has returned. */
  @Override
  public void close() throws IOException {
    recovery.close();
  }
}
