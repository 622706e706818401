package dev.meridian.shard;

import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.replica.Group;
import dev.meridian.replica.Membership;
import dev.meridian.replica.ReplicatedStore;
import dev.meridian.shard.proto.AttachRequest;
import dev.meridian.shard.proto.DetachRequest;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.StoreException;
import java.io.IOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sees to it that every group has its replicas: on nodes that live, in different zones where that
 * can be, moved away from nodes that leave. One thread on every node; it acts where the catalog's
 * primary is, one change at a time, each of which the groups' logs make safe, so that a change of
 * stewards in the middle does no harm: the next one looks at what is and goes on from there.
 */
final class Steward implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Steward.class);
  private static final Duration PERIOD = Duration.ofMillis(300);
  private static final Duration CALL = Duration.ofSeconds(2);
  private static final Duration ATTACH = Duration.ofSeconds(60);
  private static final Duration RETRY = Duration.ofMinutes(1);
  private static final Duration CHANGE = Duration.ofMinutes(10);

  private final Catalog catalog;
  private final Map<String, ReplicatedStore> groups;
  private final ReplicatedStore catalogGroup;
  private final PeerClient client;
  private final String self;
  private final int replicas;
  private final Duration replaceAfter;
  private final Thread thread;

  /** Nodes that could not be made members, and when ({@link System#nanoTime}) to try again. */
  private final Map<String, Long> notBefore = new HashMap<>();

  /** When each node last answered ({@link System#nanoTime}); of this thread alone. */
  private final Map<String, Long> heard = new HashMap<>();

  /**
   * Begins.
   *
   * @param groups by name; the catalog's is among them
   * @param replicas how many a group should have
   * @param replaceAfter how long a node may be silent before another takes its place
   */
  Steward(
      Catalog catalog,
      ReplicatedStore catalogGroup,
      Map<String, ReplicatedStore> groups,
      PeerClient client,
      String self,
      int replicas,
      Duration replaceAfter) {
    this.catalog = catalog;
    this.catalogGroup = catalogGroup;
    this.groups = Map.copyOf(groups);
    this.client = client;
    this.self = self;
    this.replicas = replicas;
    this.replaceAfter = replaceAfter;
    this.thread = Thread.ofPlatform().daemon().name("meridian-steward").start(this::run);
  }

  private void run() {
    try {
      while (true) {
        Thread.sleep(PERIOD);
        if (!catalogGroup.isPrimary()) {
          heard.clear();
          continue;
        }
        try {
          look();
        } catch (StoreException | IOException e) {
          LOG.info("The cluster's state is looked at again later: {}", e.getMessage());
        } catch (RuntimeException e) {
          LOG.warn("The cluster's state could not be looked at", e);
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private void look() throws IOException {
    List<Member> nodes = catalog.nodes(ReadOptions.STRONG);
    Set<String> live = listen(nodes);
    boolean settled = true;
    for (Map.Entry<String, ReplicatedStore> group : groups.entrySet()) {
      try {
        if (change(group.getKey(), group.getValue(), nodes, live)) {
          return; // and look anew
        }
      } catch (IOException | StoreException e) {
        // The others may need it, too. But nobody is forgotten while a change is in doubt.
        settled = false;
        LOG.info("{} is looked at again later: {}", group.getKey(), e.getMessage());
      }
    }
    if (settled) {
      farewell(nodes);
    }
  }

  /** Who answers now. */
  private Set<String> listen(List<Member> nodes) {
    Set<String> live = new HashSet<>();
    long now = System.nanoTime();
    for (Member node : nodes) {
      if (node.id().equals(self) || answers(node)) {
        heard.put(node.id(), now);
        live.add(node.id());
      } else {
        heard.putIfAbsent(node.id(), now);
      }
    }
    return live;
  }

  private boolean answers(Member node) {
    try {
      client.call(node.socketAddress(), Cluster.PING, new byte[0], CALL);
      return true;
    } catch (PeerException | RuntimeException e) {
      return false;
    }
  }

  private boolean isLost(Member node) {
    Long last = heard.get(node.id());
    return node.state() != Member.State.IN
        || (last != null && System.nanoTime() - last > replaceAfter.toNanos());
  }

  /** Makes at most one change to a group; whether it did. */
  private boolean change(String group, ReplicatedStore store, List<Member> nodes, Set<String> live)
      throws IOException {
    Map<String, Member> known =
        nodes.stream().collect(Collectors.toMap(Member::id, Function.identity()));
    // As its primary has it: the replica here may lag behind, or be a member no more.
    Membership current = members(store, known);
    List<String> staying =
        current.replicas().keySet().stream()
            .filter(
                id -> {
                  Member node = known.get(id);
                  return node != null && !isLost(node);
                })
            .toList();
    return (staying.size() < replicas && grow(group, store, nodes, live, current, staying))
        || shrink(group, store, known, live, current, staying)
        // In this order: one that is gone for good could keep others from coming in.
        || dropSpare(group, store, known, current)
        || addSpare(group, store, nodes, live, current);
  }

  private boolean grow(
      String group,
      ReplicatedStore store,
      List<Member> nodes,
      Set<String> live,
      Membership current,
      List<String> staying)
      throws IOException {
    Member next = newcomer(nodes, current, staying, live);
    if (next == null) {
      return false;
    }
    Membership grown = current.withReplica(next.id(), next.address());
    if (!hasMajority(grown, live)) {
      return false;
    }
    LOG.info("{} becomes a replica of {}", next.id(), group);
    admit(group, store, next, current, grown);
    return true;
  }

  /** Someone leaves when enough others have what it has, or when there is nobody to wait for. */
  private boolean shrink(
      String group,
      ReplicatedStore store,
      Map<String, Member> known,
      Set<String> live,
      Membership current,
      List<String> staying)
      throws IOException {
    for (String id : current.replicas().keySet()) {
      Member node = known.get(id);
      boolean leaves = node == null || node.state() != Member.State.IN;
      Member replaced =
          node != null && !leaves && isLost(node) && staying.size() >= replicas ? node : null;
      if (replaced != null || (leaves && !staying.isEmpty())) {
        Membership shrunk = current.without(id);
        if (!hasMajority(shrunk, live) || !hasMajority(current, live)) {
          // The change itself could not be made, nor any after it.
          LOG.warn("{} stays a replica of {} until more of the others are back", id, group);
          continue;
        }
        if (replaced != null) {
          // For good: what it holds is of the past, and it may not know.
          LOG.warn("{} was silent for {}; another node has its place now", id, replaceAfter);
          catalog.put(replaced.with(Member.State.GONE));
        }
        LOG.info("{} is no longer a replica of {}", id, group);
        store.setMembers(current, shrunk, CHANGE);
        if (node != null && live.contains(id)) {
          detach(node, group);
        }
        return true;
      }
    }
    return false;
  }

  /** Nodes beyond the replicas have a copy, too: they serve what they have, and are ready. */
  private boolean addSpare(
      String group, ReplicatedStore store, List<Member> nodes, Set<String> live, Membership current)
      throws IOException {
    for (Member node : nodes) {
      if (isCandidate(node, live, current) && !current.contains(node.id())) {
        LOG.info("{} becomes a spare of {}", node.id(), group);
        admit(group, store, node, current, current.withSpare(node.id(), node.address()));
        return true;
      }
    }
    return false;
  }

  private boolean dropSpare(
      String group, ReplicatedStore store, Map<String, Member> known, Membership current)
      throws IOException {
    for (String id : current.spares().keySet()) {
      Member node = known.get(id);
      if (node == null || node.state() != Member.State.IN) {
        LOG.info("{} is no longer a spare of {}", id, group);
        store.setMembers(current, current.without(id), CHANGE);
        if (node != null) {
          detach(node, group);
        }
        return true;
      }
    }
    return false;
  }

  /** Lets a node have a part in a group. Should it fail, others come first for a while. */
  private void admit(
      String group, ReplicatedStore store, Member node, Membership current, Membership grown)
      throws IOException {
    notBefore.put(node.id(), System.nanoTime() + RETRY.toNanos());
    client.call(
        node.socketAddress(),
        Cluster.ATTACH,
        AttachRequest.newBuilder().setGroup(group).build().toByteArray(),
        ATTACH);
    store.setMembers(current, grown, CHANGE);
    notBefore.remove(node.id());
  }

  private static Membership members(ReplicatedStore store, Map<String, Member> known)
      throws IOException {
    Group group = store.group(CALL);
    Member primary = known.get(group.primary());
    String address =
        primary != null ? primary.address() : store.members().replicas().get(group.primary());
    if (address == null) {
      throw new IOException("nobody knows the address of its primary " + group.primary());
    }
    Membership current = new Membership(Map.of(group.primary(), address), Map.of());
    for (Group.Follower follower : group.followers()) {
      current =
          follower.spare()
              ? current.withSpare(follower.node(), follower.address())
              : current.withReplica(follower.node(), follower.address());
    }
    return current;
  }

  private static boolean hasMajority(Membership members, Set<String> live) {
    Set<String> voters = members.replicas().keySet();
    return voters.stream().filter(live::contains).count() > voters.size() / 2;
  }

  private boolean isCandidate(Member node, Set<String> live, Membership current) {
    Long then = notBefore.get(node.id());
    return node.state() == Member.State.IN
        && live.contains(node.id())
        // A node that lost its data and came back, under another id, at its address: it would be
        // taken for the member that it was, and vote as one although it has forgotten what that one
        // knew. So that one goes first.
        && !current.without(node.id()).isAt(node.address())
        && (then == null || System.nanoTime() - then > 0);
  }

  /**
   * A live node that is no replica yet, in a zone with the fewest; among those, one that has a copy
   * already. Null if there is none.
   */
  private @Nullable Member newcomer(
      List<Member> nodes, Membership current, List<String> staying, Set<String> live) {
    Map<String, Integer> inZone = new HashMap<>();
    for (Member node : nodes) {
      if (staying.contains(node.id())) {
        inZone.merge(node.zone(), 1, Integer::sum);
      }
    }
    // The first of those with the fewest, so the order of joining decides among equals.
    return nodes.stream()
        .filter(node -> isCandidate(node, live, current))
        .filter(node -> !current.replicas().containsKey(node.id()))
        .min(
            Comparator.<Member>comparingInt(node -> inZone.getOrDefault(node.zone(), 0))
                .thenComparing(node -> !current.spares().containsKey(node.id())))
        .orElse(null);
  }

  private void detach(Member node, String group) {
    try {
      client.call(
          node.socketAddress(),
          Cluster.DETACH,
          DetachRequest.newBuilder().setGroup(group).build().toByteArray(),
          CALL);
    } catch (PeerException e) {
      LOG.info("{} will find out later that it is no member of {}", node.id(), group);
    }
  }

  /** Nodes that hold nothing any more and were to go are forgotten. */
  private void farewell(List<Member> nodes) {
    for (Member node : nodes) {
      if (node.state() != Member.State.IN
          && groups.values().stream().noneMatch(group -> group.members().contains(node.id()))) {
        catalog.remove(node.id());
        LOG.info("{} has left the cluster", node.id());
      }
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join(Duration.ofSeconds(5));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
