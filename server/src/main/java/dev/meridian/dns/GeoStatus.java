package dev.meridian.dns;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * How it is known where clients are.
 *
 * @param database the file
 * @param type what the database in use calls itself; empty if none is in use
 * @param built when it was built, if it says so
 * @param networks how many networks are told apart, once those answered alike are one
 * @param order of the regions for clients of whom nothing is known: for all, without a database
 * @param problem why the database is not in use, or not as the file now is
 */
public record GeoStatus(
    Path database,
    String type,
    Optional<Instant> built,
    int networks,
    List<String> order,
    Optional<String> problem) {
  /** Copies. */
  public GeoStatus {
    order = List.copyOf(order);
  }
}
