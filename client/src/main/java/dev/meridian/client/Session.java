package dev.meridian.client;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

/**
 * What this client has seen: the newest timestamp of each region. Requests carry it, answers add to
 * it, so that every node shows the client its own writes and never an older state. Any thread.
 */
final class Session {
  /** More regions than this in a token are not believed. */
  private static final int MAX_REGIONS = 64;

  private final AtomicReference<Map<Integer, Long>> seen = new AtomicReference<>(Map.of());

  /** The token to send: {@code region-timestamp} in hexadecimal, joined by dots; may be empty. */
  String token() {
    return seen.get().entrySet().stream()
        .map(e -> Integer.toHexString(e.getKey()) + "-" + Long.toHexString(e.getValue()))
        .collect(Collectors.joining("."));
  }

  /** Adds what an answer's token has seen. One that cannot be read is ignored: it is a hint. */
  void add(String token) {
    Map<Integer, Long> newer;
    try {
      newer = parse(token);
    } catch (IllegalArgumentException e) {
      return;
    }
    seen.updateAndGet(
        known -> {
          if (newer.entrySet().stream()
              .allMatch(e -> known.getOrDefault(e.getKey(), 0L) >= e.getValue())) {
            return known;
          }
          Map<Integer, Long> merged = new TreeMap<>(known);
          newer.forEach((region, timestamp) -> merged.merge(region, timestamp, Math::max));
          return merged.size() <= MAX_REGIONS ? merged : known;
        });
  }

  private static Map<Integer, Long> parse(String token) {
    Map<Integer, Long> parsed = new TreeMap<>();
    if (!token.isEmpty()) {
      for (String part : token.split("\\.", MAX_REGIONS + 1)) {
        int dash = part.indexOf('-');
        if (dash < 1 || parsed.size() == MAX_REGIONS) {
          throw new IllegalArgumentException(token);
        }
        int region = Integer.parseUnsignedInt(part.substring(0, dash), 16);
        parsed.put(region, Long.parseUnsignedLong(part.substring(dash + 1), 16));
      }
    }
    return parsed;
  }
}
