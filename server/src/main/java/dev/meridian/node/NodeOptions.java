package dev.meridian.node;

import dev.meridian.site.Listeners;
import java.nio.file.Path;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/**
 * What to start.
 *
 * @param site the site's folder
 * @param data the folder for everything this node keeps; made when it is not there
 * @param listeners turns the site's listeners into this node's, as flags ask
 * @param development whether error pages show what is wrong in a template; asked once, for the
 *     listeners that this node gets
 * @param version of the product, for people
 */
public record NodeOptions(
    Path site,
    Path data,
    UnaryOperator<Listeners> listeners,
    Predicate<Listeners> development,
    String version) {
  /** The same for all listeners. */
  public NodeOptions(
      Path site,
      Path data,
      UnaryOperator<Listeners> listeners,
      boolean development,
      String version) {
    this(site, data, listeners, _ -> development, version);
  }
}
