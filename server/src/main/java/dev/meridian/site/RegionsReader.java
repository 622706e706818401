package dev.meridian.site;

import dev.meridian.geo.Position;
import dev.meridian.site.YamlReader.Field;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code regions}: the site's data centres, where they are and how they are reached. */
final class RegionsReader {
  static final List<String> REGION_KEYS = List.of("location", "addresses", "health", "capacity");
  private static final Pattern RATE = Pattern.compile("([1-9][0-9]{0,8})/s");
  private static final List<String> ADDRESS_KEYS = List.of("address", "probe");

  /** What regions and sets may be called: they are told apart from addresses and policies. */
  static final String NAME = "[a-z][a-z0-9-]{0,29}";

  private final YamlReader yaml;
  private final HealthReader health;
  private final Map<InetAddress, String> taken = new HashMap<>();

  RegionsReader(YamlReader yaml, String mainDomain) {
    this.yaml = yaml;
    this.health = new HealthReader(yaml, mainDomain);
  }

  /**
   * The regions by name, in their order.
   *
   * @param general the check of all regions that do not have their own
   */
  Map<String, Region> regions(@Nullable Field field, @Nullable Field general) {
    Map<String, Region> regions = new LinkedHashMap<>();
    Optional<HealthCheck> check = health.read(general, "health", Optional.empty());
    if (general != null && field == null) {
      yaml.problem(
          general.key(), "there are no regions whose health could be checked; remove 'health'.");
    }
    for (Map.Entry<String, Field> entry : yaml.fields(field, "regions", null).entrySet()) {
      if (isName(yaml, entry.getValue().key(), entry.getKey(), "region")) {
        Region region = region(entry.getKey(), entry.getValue(), check);
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

  /** An address as it stands there, and where it is tried if that is elsewhere. */
  private record Written(InetAddress address, Optional<AddressWithPort> probe) {}

  private Region region(String name, Field field, Optional<HealthCheck> general) {
    Map<String, Field> fields = yaml.fields(field.value(), "region '" + name + "'", REGION_KEYS);
    Field location = fields.get("location");
    Field addresses = fields.get("addresses");
    Optional<HealthCheck> check =
        health.read(fields.get("health"), "the health of region '" + name + "'", general);
    List<Written> found = new ArrayList<>();
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
    Map<InetAddress, InetSocketAddress> probed = new LinkedHashMap<>();
    for (Written written : check.isEmpty() ? List.<Written>of() : found) {
      AddressWithPort probe =
          written.probe().orElse(new AddressWithPort(written.address(), OptionalInt.empty()));
      probed.put(written.address(), probe.at(check.orElseThrow().portToTry()));
    }
    return new Region(
        name,
        location == null ? Optional.empty() : location(location.value()),
        found.stream().map(Written::address).toList(),
        check,
        probed,
        capacity(name, fields.get("capacity"), check));
  }

  private OptionalInt capacity(String region, @Nullable Field field, Optional<HealthCheck> check) {
    String text =
        field == null
            ? null
            : YamlReader.isInteger(field.value())
                ? ((ScalarNode) field.value()).getValue()
                : yaml.string(field.value(), "capacity");
    if (field == null || text == null) {
      return OptionalInt.empty();
    }
    Matcher rate = RATE.matcher(text);
    if (!rate.matches()) {
      yaml.problem(
          field.value(),
          "capacity is a number of requests a second, such as "
              + (text.matches("[1-9][0-9]{0,8}") ? text : "5000")
              + "/s.");
      return OptionalInt.empty();
    }
    if (check.isEmpty() || check.orElseThrow().kind() == HealthCheck.Kind.TCP) {
      yaml.problem(
          field.key(),
          "how busy region '"
              + region
              + "' is becomes known when its addresses are asked; add health: {probe: https}, or"
              + " http, or remove its capacity.");
      return OptionalInt.empty();
    }
    return OptionalInt.of(Integer.parseInt(rate.group(1)));
  }

  private List<Written> addresses(String region, Node node) {
    List<Written> addresses = new ArrayList<>();
    List<Node> items = yaml.oneOrMore(node, "addresses");
    if (items == null) {
      return addresses;
    }
    if (items.isEmpty() || items.size() > Region.MAX_ADDRESSES) {
      yaml.problem(node, "a region has 1 to " + Region.MAX_ADDRESSES + " addresses.");
    }
    for (Node item : items) {
      Node at = item;
      Optional<AddressWithPort> probe = Optional.empty();
      if (item instanceof MappingNode) {
        Map<String, Field> fields = yaml.fields(item, "an address", ADDRESS_KEYS);
        Field address = fields.get("address");
        if (address == null) {
          yaml.problem(item, "'address' is missing: the one that clients shall connect to.");
          continue;
        }
        at = address.value();
        Field elsewhere = fields.get("probe");
        probe = elsewhere == null ? Optional.empty() : probe(elsewhere.value());
      }
      InetAddress address = address(region, at);
      if (address != null) {
        addresses.add(new Written(address, probe));
      }
    }
    return addresses;
  }

  private @Nullable InetAddress address(String region, Node node) {
    String text = yaml.string(node, "an address");
    if (text == null) {
      return null;
    }
    InetAddress address = AddressWithPort.literal(text);
    if (address == null) {
      yaml.problem(
          node,
          "'"
              + YamlReader.shorten(text)
              + "' is no address; write it as 192.0.2.1 or 2001:db8::1.");
      return null;
    }
    String other = taken.putIfAbsent(address, region);
    if (other != null) {
      yaml.problem(
          node,
          other.equals(region)
              ? "'" + text + "' stands twice."
              : "'"
                  + text
                  + "' is an address of region '"
                  + other
                  + "' already; a node is in one region.");
      return null;
    }
    return address;
  }

  /** An address, with a port or without. */
  private Optional<AddressWithPort> probe(Node node) {
    String text = yaml.string(node, "probe");
    AddressWithPort probe = text == null ? null : AddressWithPort.parse(text);
    if (text != null && probe == null) {
      yaml.problem(
          node,
          "'"
              + YamlReader.shorten(text)
              + "' is no address to probe; write it as 10.0.0.1, 10.0.0.1:8080 or"
              + " '[2001:db8::1]:8080'.");
    }
    return Optional.ofNullable(probe);
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
