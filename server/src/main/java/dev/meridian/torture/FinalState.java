package dev.meridian.torture;

import dev.meridian.torture.Operation.Part;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What every node answers to strong reads once all is healed and quiet.
 *
 * @param nodes for each node, each document; a part with no ETag says that it is not there
 */
public record FinalState(Map<String, Map<String, Part>> nodes) {
  /** Copies. */
  public FinalState {
    nodes = Map.copyOf(nodes);
    if (nodes.isEmpty()) {
      throw new IllegalArgumentException("a final state needs a node");
    }
  }

  /** What a node has at that path. */
  Part of(String node, String document) {
    Part part = Objects.requireNonNull(nodes.get(node)).get(document);
    return part == null ? new Part(document, null, 0, null) : part;
  }

  /** The nodes, sorted. */
  List<String> names() {
    return nodes.keySet().stream().sorted().toList();
  }
}
