package dev.meridian.geo;

import java.util.Optional;

/**
 * What a database says about a network.
 *
 * @param country its ISO 3166-1 code, upper case; empty if not known
 * @param continent its code ({@code AF, AN, AS, EU, NA, OC, SA}); empty if not known
 * @param city its name; empty if not known
 * @param position where it is: as the database has it, otherwise where most people of its country
 *     or continent live
 */
public record Place(String country, String continent, String city, Optional<Position> position) {
  /** Nothing is known. */
  public static final Place UNKNOWN = new Place("", "", "", Optional.empty());
}
