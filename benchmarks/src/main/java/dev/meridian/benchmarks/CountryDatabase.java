package dev.meridian.benchmarks;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A database of countries in MaxMind's format, GeoIP2's way, for all of IPv4: made up, but as
 * finely divided as real ones are, for those may not be passed on. The same each time.
 */
final class CountryDatabase {
  /** The continents, each with some of its countries. */
  static final Map<String, List<String>> CONTINENTS =
      Map.of(
          "EU", List.of("DE", "FR", "GB", "IT", "ES", "PL", "SE", "NL"),
          "NA", List.of("US", "CA", "MX"),
          "SA", List.of("BR", "AR", "CL"),
          "AS", List.of("CN", "JP", "IN", "KR", "ID", "SG"),
          "OC", List.of("AU", "NZ"),
          "AF", List.of("ZA", "NG", "EG", "KE"));

  /** Down to here every network is divided, */
  private static final int ALWAYS_DIVIDED = 8;

  /** from there on with this probability, */
  private static final double DIVIDED = 0.7;

  /** and never beyond. */
  private static final int LONGEST = 24;

  private static final int SEPARATOR = 16;

  private final Random random = new Random(1);
  private final List<int[]> nodes = new ArrayList<>();
  private final List<Integer> records = new ArrayList<>();
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();
  private int networks;

  private CountryDatabase() {
    CONTINENTS.keySet().stream()
        .sorted()
        .forEach(
            continent -> {
              for (String country : CONTINENTS.getOrDefault(continent, List.of())) {
                records.add(data.size());
                Map<String, Object> record = new LinkedHashMap<>();
                record.put("continent", Map.of("code", continent));
                record.put("country", Map.of("iso_code", country));
                encode(data, record);
              }
            });
  }

  /** Writes it; returns how many networks it has. */
  static int write(Path file) throws IOException {
    CountryDatabase database = new CountryDatabase();
    database.divide(0);
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.write(file, database.bytes());
    return database.networks;
  }

  /** Number of the node of a network of this length; a leaf is -1 less its record's number. */
  private int divide(int length) {
    if (length == LONGEST || length > ALWAYS_DIVIDED && random.nextDouble() >= DIVIDED) {
      networks++;
      return -1 - random.nextInt(records.size());
    }
    int number = nodes.size();
    int[] node = new int[2];
    nodes.add(node);
    node[0] = divide(length + 1);
    node[1] = divide(length + 1);
    return number;
  }

  private byte[] bytes() {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    for (int[] node : nodes) {
      for (int child : node) {
        number(file, child >= 0 ? child : nodes.size() + SEPARATOR + records.get(-1 - child), 4);
      }
    }
    file.writeBytes(new byte[SEPARATOR]);
    file.writeBytes(data.toByteArray());
    file.writeBytes("\u00ab\u00cd\u00efMaxMind.com".getBytes(StandardCharsets.ISO_8859_1));
    Map<String, Object> about = new LinkedHashMap<>();
    about.put("binary_format_major_version", (short) 2);
    about.put("binary_format_minor_version", (short) 0);
    about.put("build_epoch", 1_750_000_000L);
    about.put("database_type", "GeoIP2-Country");
    about.put("description", Map.of("en", "made up for a benchmark"));
    about.put("ip_version", (short) 4);
    about.put("languages", List.of("en"));
    about.put("node_count", nodes.size());
    about.put("record_size", (short) 32);
    encode(file, about);
    return file.toByteArray();
  }

  private static void number(ByteArrayOutputStream out, long value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) {
      out.write((int) (value >>> (8 * i)));
    }
  }

  private static void encode(ByteArrayOutputStream out, Object value) {
    switch (value) {
      case Map<?, ?> map -> {
        control(out, 7, map.size());
        map.forEach(
            (name, below) -> {
              encode(out, name);
              encode(out, below);
            });
      }
      case List<?> list -> {
        control(out, 11, list.size());
        list.forEach(item -> encode(out, item));
      }
      case String text -> {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        control(out, 2, bytes.length);
        out.writeBytes(bytes);
      }
      case Long number -> {
        control(out, 9, 8);
        number(out, number, 8);
      }
      case Short number -> {
        control(out, 5, 2);
        number(out, number, 2);
      }
      case Integer number -> {
        control(out, 6, 4);
        number(out, number, 4);
      }
      default -> throw new IllegalArgumentException(value.toString());
    }
  }

  /** Type and size of what follows; nothing here has a size of more than 28 bytes. */
  private static void control(ByteArrayOutputStream out, int type, int size) {
    if (size > 28) {
      throw new IllegalArgumentException("size " + size);
    }
    out.write(type < 8 ? type << 5 | size : size);
    if (type >= 8) {
      out.write(type - 7);
    }
  }
}
