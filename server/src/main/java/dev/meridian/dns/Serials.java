package dev.meridian.dns;

import dev.meridian.dns.ZoneNumbers.Revision;
import dev.meridian.files.SecretFile;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.TextParseException;

/**
 * The serial numbers that zones were served with, kept over restarts: one that went back would keep
 * secondaries from following for good. For any thread.
 */
public final class Serials {
  /** Nothing is kept. */
  static final Serials NONE = new Serials(null);

  private static final Logger LOG = LoggerFactory.getLogger(Serials.class);
  private static final String FILE = "serials";

  /** Of some hundred thousand zones. */
  private static final int MAX_BYTES = 16 << 20;

  private final @Nullable Path folder;
  private final long process = new SecureRandom().nextLong();

  /** What is in the file; null before it was read. Guarded by this. */
  private @Nullable Map<WireName, Revision> kept;

  private Serials(@Nullable Path folder) {
    this.folder = folder;
  }

  /** Those in a folder, which is made when the first one is kept. */
  public static Serials in(Path folder) {
    return new Serials(folder);
  }

  /** A number of this process alone, for what each makes anew. */
  long process() {
    return process;
  }

  /** What a zone was served as last; null if that is not known. */
  synchronized @Nullable Revision last(WireName apex) {
    return known().get(apex);
  }

  private synchronized Map<WireName, Revision> known() {
    Map<WireName, Revision> known = kept;
    if (known == null) {
      known = folder == null ? Map.of() : read(folder);
      kept = known;
    }
    return known;
  }

  private static Map<WireName, Revision> read(Path folder) {
    try {
      return SecretFile.read(folder, FILE, MAX_BYTES, Serials::parse);
    } catch (NoSuchFileException e) {
      return Map.of();
    } catch (IOException e) {
      LOG.warn(
          "The last serial numbers of zones are not known, so they begin with the time at which the"
              + " site was changed: {}",
          e.getMessage());
      return Map.of();
    }
  }

  /**
   * Keeps what zones are served as from now on, also those that are not served now. A failure is
   * logged: names go on being served.
   */
  synchronized void keep(Map<WireName, Revision> served) {
    Map<WireName, Revision> all = new TreeMap<>(Comparator.comparing(WireName::toString));
    all.putAll(known());
    all.putAll(served);
    if (folder == null || all.equals(known())) {
      return;
    }
    StringBuilder text = new StringBuilder();
    all.forEach(
        (apex, revision) ->
            text.append(revision.serial())
                .append(' ')
                .append(revision.digest())
                .append(' ')
                .append(apex)
                .append('\n'));
    try {
      SecretFile.write(folder, FILE, text.toString());
    } catch (IOException e) {
      LOG.warn(
          "The serial numbers of zones could not be kept, so they may go back at the next start: {}",
          e.getMessage());
    }
    kept = Map.copyOf(all);
  }

  private static Map<WireName, Revision> parse(String text) {
    Map<WireName, Revision> all = new HashMap<>();
    for (String line : text.lines().toList()) {
      String[] parts = line.split(" ", 3);
      if (parts.length != 3) {
        throw new IllegalArgumentException("A line has no two numbers and a name");
      }
      try {
        all.put(
            WireName.parse(parts[2]),
            new Revision(
                Long.parseUnsignedLong(parts[0]) & 0xffff_ffffL, Long.parseLong(parts[1])));
      } catch (TextParseException e) {
        throw new IllegalArgumentException("A line names no zone", e);
      }
    }
    return all;
  }
}
