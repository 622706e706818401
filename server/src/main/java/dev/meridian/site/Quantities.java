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

  /**
   * A size in bytes; null if a problem was reported.
   *
   * @param what what it is, for the report
   * @param min in bytes, whole KiB
   * @param max in bytes, whole MiB
   */
  static @Nullable Long size(YamlReader yaml, Node node, String what, long min, long max) {
    if (YamlReader.isInteger(node)) {
      yaml.problem(node, what + " needs a unit, such as " + Math.min(64, max >> 20) + " MiB.");
      return null;
    }
    String text = yaml.string(node, what);
    if (text == null) {
      return null;
    }
    Optional<Long> size = Units.size(text);
    if (size.isEmpty()) {
      yaml.problem(node, notA("size", text) + Units.sizeHint(text));
      return null;
    }
    if (size.get() < min || size.get() > max) {
      yaml.problem(node, what + " is " + format(min) + " to " + format(max) + ".");
      return null;
    }
    return size.get();
  }

  private static String format(long bytes) {
    return bytes < 1 << 20
        ? (bytes >> 10) + " KiB"
        : bytes < 1 << 30 ? (bytes >> 20) + " MiB" : (bytes >> 30) + " GiB";
  }

  /** How a problem with a quantity begins. */
  static String notA(String kind, String text) {
    return "'" + YamlReader.shorten(text) + "' is no " + kind;
  }
}
