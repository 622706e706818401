package dev.meridian.dns;

import dev.meridian.geo.Atlas;
import dev.meridian.geo.DatabaseException;
import dev.meridian.site.Geo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What {@code site.yaml} and the database say of clients' places. Immutable. A database that cannot
 * be used leaves the last good one in use, and without one clients get the declared order: a name
 * server that answers less well is better than none.
 *
 * @param atlas what is in use
 * @param state what tells the file as it was looked at from another
 * @param problem why the file is not what is in use
 */
record GeoData(Geo site, Atlas atlas, String state, Optional<String> problem) {
  private static final String NEVER_LOOKED = "-";

  static final GeoData NONE = new GeoData(Geo.NONE, Atlas.EMPTY, NEVER_LOOKED, Optional.empty());

  private static final Logger LOG = LoggerFactory.getLogger(GeoData.class);

  /** For the site as it is now; the database is read only if it is another than before. */
  GeoData next(Geo now) {
    if (now.answers().isEmpty()) {
      return new GeoData(now, Atlas.EMPTY, NEVER_LOOKED, Optional.empty());
    }
    Path file = now.database();
    String look = look(file);
    if (look.equals(state)) {
      return new GeoData(now, atlas, state, problem);
    }
    if (look.isEmpty()) {
      return new GeoData(now, atlas, look, warned(missing(file)));
    }
    try {
      Atlas read = Atlas.read(file);
      LOG.info("Clients' places are known from {} ({}).", file, read.type());
      return new GeoData(now, read, look, Optional.empty());
    } catch (DatabaseException e) {
      return new GeoData(
          now,
          atlas,
          look,
          warned(
              file
                  + ": "
                  + e.getMessage()
                  + "; put a good one there, './meridian geo fetch' gets one. Until then "
                  + (atlas.isEmpty()
                      ? "clients get the regions in the default order."
                      : "the one before stays in use.")));
    }
  }

  private String missing(Path file) {
    return "there is no database '"
        + file
        + "', './meridian geo fetch' gets one; until then "
        + (atlas.isEmpty()
            ? "clients get the regions in the default order."
            : "the one that was there stays in use.");
  }

  private static Optional<String> warned(String problem) {
    LOG.warn("{}", problem);
    return Optional.of(problem);
  }

  private static String look(Path file) {
    try {
      BasicFileAttributes about = Files.readAttributes(file, BasicFileAttributes.class);
      return file + " " + about.lastModifiedTime() + " " + about.size() + " " + about.fileKey();
    } catch (IOException e) {
      return "";
    }
  }

  /**
   * For the operator.
   *
   * @param networks how many are told apart
   */
  GeoStatus status(int networks) {
    return new GeoStatus(
        site.database(),
        atlas.type(),
        atlas.built().equals(Instant.EPOCH) ? Optional.empty() : Optional.of(atlas.built()),
        networks,
        site.order(),
        problem);
  }
}
