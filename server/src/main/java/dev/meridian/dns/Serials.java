package dev.meridian.dns;

import dev.meridian.dns.SiteZones.Revision;
import dev.meridian.files.SecretFile;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The serial numbers that zones were served with, kept over restarts: one that went back would keep
 * secondaries from following for good. A file a zone. For any thread.
 */
public final class Serials {
  /** Nothing is kept. */
  static final Serials NONE = new Serials(null);

  private static final Logger LOG = LoggerFactory.getLogger(Serials.class);
  private static final String ENDING = ".serial";

  private final @Nullable Path folder;

  /** What is in the files, as far as it was needed; guarded by this. */
  private final Map<WireName, Revision> kept = new HashMap<>();

  private Serials(@Nullable Path folder) {
    this.folder = folder;
  }

  /** Those in a folder, which is made when the first one is kept. */
  public static Serials in(Path folder) {
    return new Serials(folder);
  }

  /** What a zone was served as last; null if that is not known. */
  synchronized @Nullable Revision last(WireName apex) {
    Revision known = kept.get(apex);
    if (known != null || folder == null) {
      return known;
    }
    try {
      Revision read = SecretFile.read(folder, file(apex), Serials::parse);
      kept.put(apex, read);
      return read;
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      LOG.warn(
          "The last serial number of the zone {} is not known, so it begins with the time at which"
              + " the site was changed: {}",
          apex,
          e.getMessage());
      return null;
    }
  }

  /** Keeps what zones are served as from now on. A failure is logged: names go on being served. */
  synchronized void keep(Map<WireName, Revision> served) {
    if (folder == null) {
      return;
    }
    served.forEach(
        (apex, revision) -> {
          if (revision.equals(kept.get(apex))) {
            return;
          }
          try {
            SecretFile.write(folder, file(apex), revision.serial() + " " + revision.digest());
          } catch (IOException e) {
            LOG.warn(
                "The serial number {} of the zone {} could not be kept; it may go back at the next"
                    + " start: {}",
                revision.serial(),
                apex,
                e.getMessage());
          }
          kept.put(apex, revision);
        });
  }

  private static String file(WireName apex) {
    return KeyFolder.file(apex, ENDING);
  }

  private static Revision parse(String text) {
    String[] numbers = text.strip().split(" ", -1);
    if (numbers.length != 2) {
      throw new IllegalArgumentException("It has no two numbers");
    }
    return new Revision(
        Long.parseUnsignedLong(numbers[0]) & 0xffff_ffffL, Long.parseLong(numbers[1]));
  }
}
