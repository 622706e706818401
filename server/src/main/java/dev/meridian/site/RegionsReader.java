package dev.meridian.site;

import dev.meridian.geo.Position;
import dev.meridian.site.YamlReader.Field;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads {@code regions}: the site's data centres, where they are and how they are reached. */
final class RegionsReader {
  static final List<String> REGION_KEYS = List.of("location", "addresses");

  /** What regions and sets may be called: they are told apart from addresses and policies. */
  static final String NAME = "[a-z][a-z0-9-]{0,29}";

  private final YamlReader yaml;
  private final Map<InetAddress, String> taken = new HashMap<>();

  RegionsReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  /** The regions by name, in their order. */
  Map<String, Region> regions(@Nullable Field field) {
    Map<String, Region> regions = new LinkedHashMap<>();
    for (Map.Entry<String, Field> entry : yaml.fields(field, "regions", null).entrySet()) {
      if (isName(yaml, entry.getValue().key(), entry.getKey(), "region")) {
        Region region = region(entry.getKey(), entry.getValue());
        regions.put(entry.getKey(), region);
      }
    }
    if (field != null && regions.size() > Region.MAX_REGIONS) {
      yaml.problem(field.key(), "a site has at most " + Region.MAX_REGIONS + " regions.");
    }
    return regions;
  }

  static boolean isName(YamlReader yaml, Node key, String name, String what) {
    if (!name.matches(NAME)) {
      yaml.problem(
          key,
          "'"
              + YamlReader.shorten(name)
              + "' is no name for a "
              + what
              + "; a letter a-z and then at most 29 letters, digits and hyphens, such as 'eu-west'.");
      return false;
    }
    return true;
  }

  private Region region(String name, Field field) {
    Map<String, Field> fields = yaml.fields(field.value(), "region '" + name + "'", REGION_KEYS);
    Field location = fields.get("location");
    Field addresses = fields.get("addresses");
    List<InetAddress> found = new ArrayList<>();
    if (addresses == null) {
      yaml.problem(
          field.key(),
          "region '"
              + name
              + "' has no addresses; add those that clients shall connect to, such as addresses:"
              + " [192.0.2.1, \"2001:db8::1\"].");
    } else {
      found = addresses(name, addresses.value());
    }
    return new Region(
        name, location == null ? Optional.empty() : location(location.value()), found);
  }

  private List<InetAddress> addresses(String region, Node node) {
    List<InetAddress> addresses = new ArrayList<>();
    List<Node> items = yaml.oneOrMore(node, "addresses");
    if (items == null) {
      return addresses;
    }
    if (items.isEmpty() || items.size() > Region.MAX_ADDRESSES) {
      yaml.problem(node, "a region has 1 to " + Region.MAX_ADDRESSES + " addresses.");
    }
    for (Node item : items) {
      String text = yaml.string(item, "an address");
      if (text == null) {
        continue;
      }
      String literal = RecordsReader.ipv4(text);
      literal = literal == null ? RecordsReader.ipv6(text) : literal;
      if (literal == null) {
        yaml.problem(
            item,
            "'"
                + YamlReader.shorten(text)
                + "' is no address; write it as 192.0.2.1 or 2001:db8::1.");
        continue;
      }
      InetAddress address = InetAddress.ofLiteral(literal);
      String other = taken.putIfAbsent(address, region);
      if (other != null) {
        yaml.problem(
            item,
            other.equals(region)
                ? "'" + text + "' stands twice."
                : "'"
                    + text
                    + "' is an address of region '"
                    + other
                    + "' already; a node is in one region.");
        continue;
      }
      addresses.add(address);
    }
    return addresses;
  }

  private Optional<Position> location(Node node) {
    List<Node> items = yaml.sequence(node, "location");
    if (items == null) {
      return Optional.empty();
    }
    if (items.size() != 2) {
      yaml.problem(node, "location is two numbers, [latitude, longitude], such as [50.11, 8.68].");
      return Optional.empty();
    }
    Double latitude = yaml.decimal(items.get(0), "latitude (the first of the two)", -90, 90);
    Double longitude = yaml.decimal(items.get(1), "longitude (the second of the two)", -180, 180);
    return latitude == null || longitude == null
        ? Optional.empty()
        : Optional.of(new Position(latitude, longitude));
  }
}
