package dev.meridian.geo;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes small databases in MaxMind's format, after its description. */
public final class MmdbWriter {
  private final int recordBits;
  private final boolean v6;
  private final Map<Prefix, Object> networks = new LinkedHashMap<>();
  private final List<@Nullable Object[]> nodes = new ArrayList<>();

  public MmdbWriter(int recordBits, boolean v6) {
    this.recordBits = recordBits;
    this.v6 = v6;
    nodes.add(new @Nullable Object[2]);
  }

  /** A record for a network; a later one lies within earlier ones or beside them. */
  public MmdbWriter put(String network, Object record) {
    networks.put(Prefix.parse(network).orElseThrow(), record);
    return this;
  }

  public byte[] write() {
    networks.forEach(this::insert);
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    Map<Object, Integer> offsets = new LinkedHashMap<>();
    for (Object record : networks.values()) {
      if (!offsets.containsKey(record)) {
        offsets.put(record, data.size());
        encode(data, record);
      }
    }
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    for (@Nullable Object[] node : nodes) {
      writeNode(file, pointer(node[0], offsets), pointer(node[1], offsets));
    }
    file.writeBytes(new byte[16]);
    file.writeBytes(data.toByteArray());
    file.writeBytes("\u00ab\u00cd\u00efMaxMind.com".getBytes(StandardCharsets.ISO_8859_1));
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("binary_format_major_version", 2);
    metadata.put("binary_format_minor_version", 0);
    metadata.put("build_epoch", 1_750_000_000L);
    metadata.put("database_type", "Test-Country");
    metadata.put("description", Map.of("en", "made by a test"));
    metadata.put("ip_version", v6 ? 6 : 4);
    metadata.put("languages", List.of("en"));
    metadata.put("node_count", nodes.size());
    metadata.put("record_size", recordBits);
    encode(file, metadata);
    return file.toByteArray();
  }

  private void insert(Prefix prefix, Object record) {
    int skipped = v6 && prefix.v4() ? 96 : 0;
    int bits = prefix.length() + skipped;
    int node = 0;
    for (int i = 0; i < bits; i++) {
      int at = i - skipped;
      int bit =
          at < 0 ? 0 : (int) ((at < 64 ? prefix.high() : prefix.low()) >>> (63 - at % 64) & 1);
      @Nullable Object[] here = nodes.get(node);
      if (i == bits - 1) {
        here[bit] = record;
      } else if (here[bit] instanceof Integer next) {
        node = next;
      } else {
        nodes.add(new @Nullable Object[] {here[bit], here[bit]});
        here[bit] = nodes.size() - 1;
        node = nodes.size() - 1;
      }
    }
  }

  private int pointer(@Nullable Object child, Map<Object, Integer> offsets) {
    return child == null
        ? nodes.size()
        : child instanceof Integer node
            ? node
            : nodes.size() + 16 + offsets.getOrDefault(child, -1);
  }

  private void writeNode(ByteArrayOutputStream file, int left, int right) {
    switch (recordBits) {
      case 24 -> {
        number(file, left, 3);
        number(file, right, 3);
      }
      case 28 -> {
        number(file, left & 0xffffff, 3);
        file.write(left >>> 24 << 4 | right >>> 24);
        number(file, right & 0xffffff, 3);
      }
      default -> {
        number(file, left, 4);
        number(file, right, 4);
      }
    }
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
      case Double number -> {
        control(out, 3, 8);
        out.writeBytes(ByteBuffer.allocate(8).putDouble(number).array());
      }
      case Long number -> {
        control(out, 9, 8);
        number(out, number, 8);
      }
      case Integer number -> {
        control(out, 6, 4);
        number(out, number, 4);
      }
      default -> throw new IllegalArgumentException(value.toString());
    }
  }

  private static void control(ByteArrayOutputStream out, int type, int size) {
    int small = Math.min(size, 29);
    out.write(type < 8 ? type << 5 | small : small);
    if (type >= 8) {
      out.write(type - 7);
    }
    if (size >= 29) {
      out.write(size - 29);
    }
  }
}
