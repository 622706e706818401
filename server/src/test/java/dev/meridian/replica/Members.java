package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.lab.Link;
import dev.meridian.peer.FreePort;
import dev.meridian.peer.PeerTransport;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Several members of one group, each with a port and a folder of its own, in this process. */
final class Members implements AutoCloseable {
  static final Duration LONG = Duration.ofSeconds(60);

  /** One of them. */
  static final class Node {
    final Path data;

    /** Where the others reach it. */
    final InetSocketAddress at;

    final ReplicaOptions options;
    private final int number;
    private final Link.@Nullable Network network;
    @Nullable RaftHost host;
    @Nullable ReplicatedStore store;

    private @Nullable Link link;

    private Node(
        Path data,
        InetSocketAddress at,
        ReplicaOptions options,
        int number,
        Link.@Nullable Network network) {
      this.data = data;
      this.at = at;
      this.options = options;
      this.number = number;
      this.network = network;
    }

    ReplicatedStore store() {
      return java.util.Objects.requireNonNull(store);
    }

    RaftHost host() {
      return java.util.Objects.requireNonNull(host);
    }

    String id() {
      return host().identity().node();
    }

    void start() throws IOException {
      if (network != null) {
        link = new Link(at, options.peer(), number, network);
      }
      RaftHost opened = RaftHost.open(data, options, self -> PeerTransport.plainText());
      host = opened;
      store =
          ReplicatedStore.attach(
              opened,
              Layout.FIRST_SHARD,
              options,
              Fixture.DATABASE,
              Fixture.INDEXES,
              new SimpleMeterRegistry());
      opened.start();
    }

    void stop() {
      ReplicatedStore stopping = store;
      RaftHost leaving = host;
      Link way = link;
      store = null;
      host = null;
      link = null;
      // As a node does: Raft stops before the database that it applies to is closed.
      if (stopping != null) {
        stopping.quiesce();
      }
      if (leaving != null) {
        leaving.close();
      }
      if (stopping != null) {
        stopping.close();
      }
      if (way != null) {
        try {
          way.close();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  final List<Node> nodes = new ArrayList<>();
  private final Path folder;
  private final UnaryOperator<ReplicaOptions.Builder> options;

  /** The number of the member, from 0, whose answers to the others are lost now. */
  private volatile int mute = -1;

  /** Whether the others reach a member through a link that can be cut. */
  private final boolean linked;

  Members(Path folder, boolean linked, UnaryOperator<ReplicaOptions.Builder> options) {
    this.folder = folder;
    this.linked = linked;
    this.options = options;
  }

  /** Starts the first and lets the others join. */
  static Members start(Path folder, int number, UnaryOperator<ReplicaOptions.Builder> options)
      throws Exception {
    return start(new Members(folder, false, options), number);
  }

  /** The same, with links between them. */
  static Members startLinked(Path folder, int number, UnaryOperator<ReplicaOptions.Builder> options)
      throws Exception {
    return start(new Members(folder, true, options), number);
  }

  private static Members start(Members members, int number) throws Exception {
    try {
      members.first();
      for (int i = 1; i < number; i++) {
        members.join();
      }
      return members;
    } catch (Exception | Error e) {
      members.close();
      throw e;
    }
  }

  private Node make() throws IOException {
    int number = nodes.size();
    InetSocketAddress at = FreePort.find();
    InetSocketAddress listener = linked ? FreePort.find() : at;
    Node node =
        new Node(
            folder.resolve("node" + number),
            at,
            options.apply(Fixture.SMALL.edit().peer(listener).advertised(at)).build(),
            number,
            linked ? new Answers() : null);
    nodes.add(node);
    return node;
  }

  /** Lets nothing come back from a member whom the others ask, until {@link #hear} is called. */
  void mute(Node node) {
    mute = node.number;
  }

  /** Ends the connections of a mute member, with all that was lost on them; new ones work. */
  void hear(Node node) {
    mute = -1;
    java.util.Objects.requireNonNull(node.link).endAll();
  }

  private final class Answers implements Link.Network {
    @Override
    public int owner(Socket connection, InetSocketAddress link) {
      return -2; // whoever it is
    }

    @Override
    public boolean isCut(int from, int to) {
      return from == mute;
    }
  }

  Node first() throws IOException {
    Node node = make();
    node.start();
    node.store().awaitServing();
    return node;
  }

  /** A new node, as a replica when this returns. */
  Node join() throws Exception {
    return join(Membership::withReplica);
  }

  /** A new node, as a spare when this returns. */
  Node joinAsSpare() throws Exception {
    return join(Membership::withSpare);
  }

  private interface Change {
    Membership of(Membership before, String node, String address);
  }

  private Node join(Change change) throws Exception {
    Node node = make();
    RaftHost.join(node.data, nodes.getFirst().host().identity().cluster(), Identity.newNode());
    node.start();
    change(before -> change.of(before, node.id(), address(node)));
    node.store().awaitServing();
    return node;
  }

  /** Makes others the members. */
  void change(UnaryOperator<Membership> change) throws Exception {
    Membership before = primary().store().members();
    primary().store().setMembers(before, change.apply(before), LONG);
  }

  static String address(Node node) {
    return node.at.getHostString() + ":" + node.at.getPort();
  }

  /** The primary, when there is one. */
  Node primary() throws InterruptedException {
    Node[] found = new Node[1];
    awaitTrue(
        () -> {
          for (Node node : nodes) {
            if (node.store != null && node.store.isPrimary()) {
              found[0] = node;
              return true;
            }
          }
          return false;
        });
    return found[0];
  }

  /** Some member that runs and is not the primary. */
  Node replica() throws InterruptedException {
    Node primary = primary();
    return nodes.stream()
        .filter(node -> node != primary && node.store != null)
        .findFirst()
        .orElseThrow();
  }

  static void awaitTrue(BooleanSupplier condition) throws InterruptedException {
    long until = System.nanoTime() + LONG.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited in vain").isLessThan(until);
      Thread.sleep(5);
    }
  }

  @Override
  public void close() {
    nodes.forEach(Node::stop);
  }
}
