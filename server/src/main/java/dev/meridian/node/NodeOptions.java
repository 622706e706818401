package dev.meridian.node;

import dev.meridian.site.Listeners;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/**
 * What to start.
 *
 * @param site the site's folder
 * @param data the folder for everything this node keeps; made when it is not there
 * @param listeners turns the site's listeners into this node's, as flags ask
 * @param development whether error pages show what is wrong in a template
 * @param version of the product, for people
 * @param acceptClock whether to start although the wall clock is long past the newest write
 */
public record NodeOptions(
    Path site,
    Path data,
    UnaryOperator<Listeners> listeners,
    boolean development,
    String version,
    boolean acceptClock) {
  /** Options that do not accept a clock far past the newest write. */
  public NodeOptions(
      Path site,
      Path data,
      UnaryOperator<Listeners> listeners,
      boolean development,
      String version) {
    this(site, data, listeners, development, version, false);
  }
}
