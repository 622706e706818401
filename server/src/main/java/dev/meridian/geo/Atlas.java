package dev.meridian.geo;

import com.maxmind.db.Metadata;
import com.maxmind.db.Reader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where addresses are, as a country or city database in MaxMind's format (.mmdb) says. Immutable;
 * it holds no file.
 *
 * <p>The databases of MaxMind, DB-IP, IPinfo and ip-location-db are understood: a country under
 * {@code country.iso_code}, {@code country_code} or {@code country}, a position under {@code
 * location} or beside it.
 */
public final class Atlas {
  /** Nothing is known of any address. */
  public static final Atlas EMPTY =
      new Atlas(
          "", Instant.EPOCH, PrefixMap.uniform(0), PrefixMap.uniform(0), List.of(Place.UNKNOWN));

  /** The largest file read; the heap may set a smaller bound, as one is read whole. */
  static final int MAX_BYTES = 256 << 20;

  private static final byte[] MARKER =
      "\u00ab\u00cd\u00efMaxMind.com".getBytes(StandardCharsets.ISO_8859_1);

  private final String type;
  private final Instant built;
  private final PrefixMap v4;
  private final PrefixMap v6;
  private final List<Place> places;

  private Atlas(String type, Instant built, PrefixMap v4, PrefixMap v6, List<Place> places) {
    this.type = type;
    this.built = built;
    this.v4 = v4;
    this.v6 = v6;
    this.places = List.copyOf(places);
  }

  /**
   * Reads a database. Takes up to a few seconds and, while it does, about ten times the file's size
   * in memory; whatever the file holds, it ends, and takes no more than half of the heap.
   *
   * @throws DatabaseException if it cannot be read or is none
   */
  public static Atlas read(Path file) {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      int most = (int) Math.min(MAX_BYTES, Runtime.getRuntime().maxMemory() / 16);
      bytes = in.readNBytes(most + 1);
      if (bytes.length > most) {
        throw new DatabaseException(
            "the file is larger than "
                + (most >> 20)
                + " MiB, which is the most with this heap; take a smaller database or give the"
                + " process more memory (-Xmx)");
      }
    } catch (IOException e) {
      throw new DatabaseException("the file cannot be read: " + e, e);
    }
    return read(bytes);
  }

  static Atlas read(byte[] file) {
    int metadata = metadataStart(file);
    // The reader takes this part at its word, too.
    new DataCheck(file, metadata, file.length, 10_000).record(0);
    try (Reader reader = new Reader(new ByteArrayInputStream(file))) {
      return new Maker(file, metadata - MARKER.length, reader).make();
    } catch (DatabaseException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new DatabaseException("the file is damaged: " + e, e);
    }
  }

  private static int metadataStart(byte[] file) {
    for (int at = file.length - MARKER.length; at >= 0; at--) {
      if (java.util.Arrays.equals(file, at, at + MARKER.length, MARKER, 0, MARKER.length)) {
        return at + MARKER.length;
      }
    }
    throw new DatabaseException("the file is no MaxMind database (.mmdb), or not all of one");
  }

  /** What the database calls its kind of data. */
  public String type() {
    return type;
  }

  /** When it was built. */
  public Instant built() {
    return built;
  }

  /** The networks of IPv4: each has the number of its place. */
  public PrefixMap v4() {
    return v4;
  }

  /** The networks of IPv6: each has the number of its place. */
  public PrefixMap v6() {
    return v6;
  }

  /** The places by their numbers; 0 is {@link Place#UNKNOWN}. */
  public List<Place> places() {
    return places;
  }

  /** Whether there is anything in it. */
  public boolean isEmpty() {
    return places.size() == 1;
  }

  /** Reads one database. */
  private static final class Maker implements SearchTree.Visitor {
    private final Reader reader;
    private final Metadata metadata;
    private final SearchTree tree;
    private final DataCheck check;
    private final List<Place> places = new ArrayList<>(List.of(Place.UNKNOWN));
    private final Map<Place, Integer> numbers = new HashMap<>(Map.of(Place.UNKNOWN, 0));
    private final Map<Long, Integer> byRecord = new HashMap<>();
    private final PrefixMap.Builder v4 = new PrefixMap.Builder();
    private final PrefixMap.Builder v6 = new PrefixMap.Builder();

    Maker(byte[] file, int dataEnd, Reader reader) {
      this.reader = reader;
      this.metadata = reader.getMetadata();
      int bits = metadata.recordSize();
      long nodes = metadata.nodeCount();
      long treeBytes = nodes * (bits / 4);
      if ((bits != 24 && bits != 28 && bits != 32)
          || nodes < 1
          || nodes > dataEnd
          || treeBytes + 16 > dataEnd
          || (metadata.ipVersion() != 4 && metadata.ipVersion() != 6)) {
        throw new DatabaseException("the file is damaged: it does not hold the tree that it says");
      }
      this.tree = new SearchTree(file, (int) nodes, bits, metadata.ipVersion() == 6);
      this.check = new DataCheck(file, (int) treeBytes + 16, dataEnd, 1_000_000 + 2L * file.length);
    }

    Atlas make() {
      tree.walk(this);
      v4.rest(0);
      v6.rest(0);
      if (places.size() == 1) {
        throw new DatabaseException(
            "the database says neither countries nor positions; take a country or city database");
      }
      // Databases without a date say 0, and damaged ones what no calendar has.
      long built = metadata.buildEpoch().longValue();
      return new Atlas(
          Text.clean(metadata.databaseType()),
          built > 0 && built < 1L << 36 ? Instant.ofEpochSecond(built) : Instant.EPOCH,
          v4.build(),
          v6.build(),
          places);
    }

    @Override
    public void network(boolean isV4, long high, long low, int length, long record) {
      PrefixMap.Builder map = isV4 ? v4 : v6;
      map.before(high, low, 0);
      Integer known = byRecord.get(record);
      if (known == null) {
        check.record(record);
        known = number(Records.place(decode(new Prefix(isV4, high, low, length).first())));
        byRecord.put(record, known);
      }
      map.block(high, low, length, known);
    }

    private int number(Place place) {
      Integer number = numbers.putIfAbsent(place, places.size());
      if (number == null) {
        places.add(place);
        return places.size() - 1;
      }
      return number;
    }

    private @Nullable Object decode(InetAddress address) {
      try {
        return reader.get(address, Object.class);
      } catch (IOException e) {
        throw new DatabaseException("the file is damaged: " + e, e);
      }
    }
  }

  /** What records of several makers say. */
  private static final class Records {
    static Place place(@Nullable Object record) {
      if (!(record instanceof Map<?, ?> map)) {
        return Place.UNKNOWN;
      }
      String country =
          code(map, "country", "country_code", "registered_country").toUpperCase(Locale.ROOT);
      String continent = code(map, "continent", "continent_code").toUpperCase(Locale.ROOT);
      Optional<Place> known = Countries.find(country);
      if (!Countries.CONTINENTS.contains(continent)) {
        continent = known.map(Place::continent).orElse("");
      }
      Optional<Position> position = position(map);
      if (position.isEmpty() && map.get("location") instanceof Map<?, ?> location) {
        position = position(location);
      }
      if (position.isEmpty()) {
        position = known.flatMap(Place::position);
      }
      if (position.isEmpty()) {
        position = Countries.middle(continent);
      }
      return new Place(known.isPresent() ? country : "", continent, city(map), position);
    }

    /** A code of two letters, right under a name or as {@code iso_code} or {@code code} below. */
    private static String code(Map<?, ?> map, String... names) {
      for (String name : names) {
        Object value = map.get(name);
        if (value instanceof Map<?, ?> below) {
          value = below.containsKey("iso_code") ? below.get("iso_code") : below.get("code");
        }
        if (value instanceof String text && text.length() == 2) {
          return text;
        }
      }
      return "";
    }

    private static String city(Map<?, ?> map) {
      Object city = map.get("city");
      if (city instanceof Map<?, ?> below && below.get("names") instanceof Map<?, ?> names) {
        city = names.get("en");
      }
      return city instanceof String text ? Text.clean(text) : "";
    }

    private static Optional<Position> position(Map<?, ?> map) {
      double latitude = degrees(map, "latitude", "lat");
      double longitude = degrees(map, "longitude", "lng");
      return Position.isValid(latitude, longitude)
          ? Optional.of(new Position(latitude, longitude))
          : Optional.empty();
    }

    private static double degrees(Map<?, ?> map, String name, String otherName) {
      Object value = map.containsKey(name) ? map.get(name) : map.get(otherName);
      try {
        return value instanceof Number number
            ? number.doubleValue()
            : value instanceof String text && text.length() < 32
                ? Double.parseDouble(text)
                : Double.NaN;
      } catch (NumberFormatException e) {
        return Double.NaN;
      }
    }
  }

  /** Text that others wrote, fit to be shown. */
  private static final class Text {
    static String clean(@Nullable String text) {
      return text == null
          ? ""
          : text.substring(0, Math.min(text.length(), 80)).replaceAll("\\p{Cntrl}", " ").strip();
    }
  }
}
