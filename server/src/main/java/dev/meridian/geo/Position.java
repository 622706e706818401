package dev.meridian.geo;

/**
 * A place on the earth.
 *
 * @param latitude degrees north, -90 to 90
 * @param longitude degrees east, -180 to 180
 */
public record Position(double latitude, double longitude) {
  private static final double EARTH_RADIUS_KM = 6371.0;

  /** Checks. */
  public Position {
    if (!isValid(latitude, longitude)) {
      throw new IllegalArgumentException("no place on the earth");
    }
  }

  /** Whether there is such a place. */
  public static boolean isValid(double latitude, double longitude) {
    return latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180;
  }

  /** Kilometres along the earth's surface, taken as a sphere (the haversine formula). */
  public double kilometresTo(Position other) {
    double north = Math.toRadians(other.latitude - latitude);
    double east = Math.toRadians(other.longitude - longitude);
    double a =
        square(Math.sin(north / 2))
            + Math.cos(Math.toRadians(latitude))
                * Math.cos(Math.toRadians(other.latitude))
                * square(Math.sin(east / 2));
    return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(Math.min(1, a)));
  }

  private static double square(double x) {
    return x * x;
  }
}
