package dev.meridian.shard;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.DocumentPath;
import dev.meridian.peer.FreePort;
import dev.meridian.peer.JoinToken;
import dev.meridian.replica.ReplicaOptions;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.RocksStore;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;

/** Nodes' parts in clusters, each with a port and a folder of its own, in this process. */
public final class Clusters implements AutoCloseable {
  private final Path folder;
  private final Engine engine = new Engine(16 << 20, 8 << 20);
  private final List<InetSocketAddress> addresses = new ArrayList<>();
  private final List<Cluster> open = new CopyOnWriteArrayList<>();

  /** Room for so many nodes; none is started. */
  public Clusters(Path folder, int nodes) throws IOException {
    this.folder = folder;
    for (int i = 0; i < nodes; i++) {
      addresses.add(FreePort.find());
    }
  }

  /** A node's data folder. */
  public Path data(int number) {
    return folder.resolve("node" + number);
  }

  /** Where its peers reach it. */
  public InetSocketAddress address(int number) {
    return addresses.get(number);
  }

  /** Those that run, in the order in which they were started. */
  public List<Cluster> open() {
    return open;
  }

  /** Starts a node: the first of a new cluster, or what its data folder says that it is. */
  public Cluster start(int number) throws IOException {
    return start(options(number));
  }

  /** Lets a node join the cluster of another. */
  public Cluster join(int number, int at, String token) throws IOException {
    return start(joining(number, at, token));
  }

  /** How {@link #start} starts a node. */
  public Started options(int number) {
    return new Started(number, Optional.empty(), Formats.OURS, UnaryOperator.identity());
  }

  /** How {@link #join} starts one. */
  public Started joining(int number, int at, String token) {
    return new Started(
        number,
        Optional.of(new ClusterOptions.Join(address(at), JoinToken.parse(token))),
        Formats.OURS,
        UnaryOperator.identity());
  }

  /** How a node is started. */
  public record Started(
      int number,
      Optional<ClusterOptions.Join> join,
      Formats formats,
      UnaryOperator<ReplicaOptions.Builder> replica) {
    /** With a build of other formats. */
    public Started withFormats(int oldest, int newest) {
      return new Started(number, join, new Formats(oldest, newest), replica);
    }

    /** With other options of its replicas. */
    public Started with(UnaryOperator<ReplicaOptions.Builder> change) {
      return new Started(number, join, formats, change);
    }
  }

  /** What of it the node is told. */
  ClusterOptions told(Started how) {
    return new ClusterOptions(
        how.replica
            .apply(ReplicaOptions.DEFAULT.edit().peer(address(how.number)).diskReserve(1 << 20))
            .build(),
        "",
        how.formats.equals(Formats.OURS) ? "test" : "other-test",
        how.formats,
        "",
        how.join,
        ClusterOptions.REPLICAS,
        ClusterOptions.REPLACE_AFTER);
  }

  /** Starts a node. */
  public Cluster start(Started how) throws IOException {
    Cluster cluster =
        Cluster.open(
            data(how.number),
            told(how),
            RocksStore.Options.of(engine),
            List.of(),
            new SimpleMeterRegistry());
    open.add(cluster);
    return cluster;
  }

  /** A write of one document. */
  public static Batch put(String path, String json) {
    return Batch.of(
        new Write.Put(
            DocumentPath.parse(path), json.getBytes(UTF_8), Condition.NONE, Expiry.NEVER));
  }

  /** Stops those that run. */
  public void closeAll() {
    open.forEach(Cluster::close);
    open.clear();
  }

  @Override
  public void close() {
    closeAll();
    engine.close();
  }
}
