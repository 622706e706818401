package dev.meridian.replica;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The members of a group, by node id: where each listens for its peers, as HOST:PORT.
 *
 * @param replicas those whose majority decides
 * @param spares those that follow without a vote: they hold a copy and serve it
 */
public record Membership(Map<String, String> replicas, Map<String, String> spares) {
  /** Copies; ordered by id. */
  public Membership {
    replicas = Collections.unmodifiableMap(new TreeMap<>(replicas));
    spares = Collections.unmodifiableMap(new TreeMap<>(spares));
  }

  /** Whether a node is a member of either kind. */
  public boolean contains(String node) {
    return replicas.containsKey(node) || spares.containsKey(node);
  }

  /** Whether these are the same nodes, wherever they listen. */
  boolean isOf(Membership other) {
    return replicas.keySet().equals(other.replicas.keySet())
        && spares.keySet().equals(other.spares.keySet());
  }

  /** Whether a member listens at an address. */
  public boolean isAt(String address) {
    return replicas.containsValue(address) || spares.containsValue(address);
  }

  /** The same with a node as a replica. */
  public Membership withReplica(String node, String address) {
    Membership rest = without(node);
    Map<String, String> more = new TreeMap<>(rest.replicas);
    more.put(node, address);
    return new Membership(more, rest.spares);
  }

  /** The same with a node as a spare. */
  public Membership withSpare(String node, String address) {
    Membership rest = without(node);
    Map<String, String> more = new TreeMap<>(rest.spares);
    more.put(node, address);
    return new Membership(rest.replicas, more);
  }

  /** The same without a node. */
  public Membership without(String node) {
    Map<String, String> fewerReplicas = new TreeMap<>(replicas);
    Map<String, String> fewerSpares = new TreeMap<>(spares);
    fewerReplicas.remove(node);
    fewerSpares.remove(node);
    return new Membership(fewerReplicas, fewerSpares);
  }
}
