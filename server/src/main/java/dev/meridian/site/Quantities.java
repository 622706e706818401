package dev.meridian.site;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads quantities with units in {@code site.yaml}, reporting what is wrong with them. */
final class Quantities {
  private Quantities() {}

  /**
   * A duration; null if a problem was reported.
   *
   * @param what what it is, for the report
   */
  static @Nullable Duration duration(
      YamlReader yaml, Node node, String what, Duration min, Duration max) {
    if (YamlReader.isInteger(node)) {
      yaml.problem(
          node, what + " needs a unit, such as '" + ((ScalarNode) node).getValue() + " s'.");
      return null;
    }
    String text = yaml.string(node, what);
    if (text == null) {
      return null;
    }
    Optional<Duration> duration = Units.duration(text);
    if (duration.isEmpty()) {
      yaml.problem(node, notA("duration", text) + Units.durationHint(text));
      return null;
    }
    if (duration.get().compareTo(min) < 0 || duration.get().compareTo(max) > 0) {
      yaml.problem(node, what + " is " + Units.format(min) + " to " + Units.format(max) + ".");
      return null;
    }
    return duration.get();
  }

  /** How a problem with a quantity begins. */
  static String notA(String kind, String text) {
    return "'" + YamlReader.shorten(text) + "' is no " + kind;
  }
}
