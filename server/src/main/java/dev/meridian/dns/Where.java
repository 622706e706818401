package dev.meridian.dns;

import dev.meridian.document.InvalidInputException;
import dev.meridian.geo.Place;
import dev.meridian.geo.Position;
import dev.meridian.geo.Prefix;
import dev.meridian.geo.PrefixMap;
import dev.meridian.site.Geo;
import java.net.InetAddress;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** Says why a client gets the answer that it gets, from the very tables that answer it. */
final class Where {
  /** Most names whose answers are shown when none is asked for. */
  private static final int MAX_NAMES = 50;

  private final Zones zones;
  private final Geography geography;
  private final Geo geo;
  private final Prefix client;
  private final Place place;
  private final List<String> lines = new ArrayList<>();

  Where(Zones zones, InetAddress address) {
    this.zones = zones;
    this.geography = zones.tailored().geography();
    this.geo = geography.geo();
    this.client = Prefix.of(address, 8 * address.getAddress().length);
    PrefixMap places = client.v4() ? geography.atlas().v4() : geography.atlas().v6();
    this.place =
        geography.atlas().places().get(PrefixMap.value(places.find(client.high(), client.low())));
  }

  List<String> explain(Optional<String> name) {
    if (geo.answers().isEmpty()) {
      throw new InvalidInputException(
          "no name of this site answers with regions; give one 'answer: nearest' in site.yaml.");
    }
    List<Integer> wanted = name.isPresent() ? tailorings(name.get()) : all();
    found();
    rules();
    order();
    readiness();
    for (int number : wanted.subList(0, Math.min(wanted.size(), MAX_NAMES))) {
      answer(number);
    }
    if (wanted.size() > MAX_NAMES) {
      lines.add("… and " + (wanted.size() - MAX_NAMES) + " more; give a name to see one.");
    }
    return lines;
  }

  private List<Integer> all() {
    return IntStream.range(0, zones.tailored().tailorings().size()).boxed().toList();
  }

  private List<Integer> tailorings(String name) {
    List<Integer> found = new ArrayList<>();
    boolean known = false;
    for (int type : new int[] {Type.A, Type.AAAA}) {
      Question question = question(name);
      question.type = type;
      Answer answer = zones.answer(question);
      known |= answer != null && (answer.flags() & 0xf) == Wire.NOERROR;
      if (answer != null && answer.tailoring() != Answer.NOT_TAILORED) {
        found.add(answer.tailoring());
      }
    }
    if (found.isEmpty()) {
      throw new InvalidInputException(
          known
              ? "'"
                  + name
                  + "' answers everybody alike; names that answer with regions have 'answer:' in"
                  + " site.yaml, and an alias leads to one."
              : "there is no name '" + name + "' in the zones of this site.");
    }
    return found;
  }

  private static Question question(String name) {
    try {
      WireName wire = WireName.parse(name);
      Question question = new Question();
      question.readName(wire.wire(), 0, wire.length());
      return question;
    } catch (TextParseException e) {
      throw new InvalidInputException(
          "'" + name + "' is no domain name; write one like www.example.org.", e);
    }
  }

  private void found() {
    if (geography.atlas().isEmpty()) {
      lines.add("place      not known: there is no database in use");
    } else {
      lines.add(
          "place      "
              + (place.equals(Place.UNKNOWN) ? "not in the database" : describe(place))
              + ", by "
              + geography.atlas().type()
              + " of "
              + geography.atlas().built().atOffset(ZoneOffset.UTC).toLocalDate());
    }
  }

  private static String describe(Place place) {
    String what =
        List.of(place.city(), place.country(), place.continent()).stream()
            .filter(part -> !part.isEmpty())
            .collect(Collectors.joining(", "));
    return what
        + place
            .position()
            .map(
                at ->
                    String.format(
                        Locale.ROOT, " (about %.2f, %.2f)", at.latitude(), at.longitude()))
            .orElse("");
  }

  private void rules() {
    Optional<Map.Entry<Prefix, List<String>>> network =
        geo.prefixes().entrySet().stream()
            .filter(entry -> holds(entry.getKey()))
            .max((a, b) -> Integer.compare(a.getKey().length(), b.getKey().length()));
    int privateBits =
        Geography.PRIVATE_PREFIXES.stream()
            .filter(this::holds)
            .mapToInt(Prefix::length)
            .max()
            .orElse(-1);
    String rule;
    if (network.isPresent() && network.get().getKey().length() >= privateBits) {
      rule = "network " + network.get().getKey() + ": " + join(network.get().getValue());
    } else if (privateBits >= 0) {
      rule =
          "the address is nobody's on the public network: a resolver that tells it is answered by"
              + " its own";
    } else if (geo.countries().containsKey(place.country())) {
      rule = "country " + place.country() + ": " + join(geography.preferred(place));
    } else if (geo.continents().containsKey(place.continent())) {
      rule = "continent " + place.continent() + ": " + join(geography.preferred(place));
    } else {
      rule = "none for its network, country or continent";
    }
    lines.add("rule       " + rule);
  }

  private boolean holds(Prefix prefix) {
    return prefix.length() <= client.length()
        && prefix.holds(client.v4(), client.high(), client.low());
  }

  private static String join(List<String> regions) {
    return String.join(", ", regions);
  }

  private void order() {
    PrefixMap orders = client.v4() ? geography.v4() : geography.v6();
    int[] order = geography.orders().get(PrefixMap.value(orders.find(client.high(), client.low())));
    lines.add(
        "order      "
            + Arrays.stream(order).mapToObj(this::region).collect(Collectors.joining(", ")));
  }

  private String region(int number) {
    Optional<Position> from = place.position();
    return geography.region(number).name()
        + geography
            .region(number)
            .location()
            .filter(_ -> from.isPresent())
            .map(
                to -> String.format(Locale.ROOT, " (%.0f km)", from.orElseThrow().kilometresTo(to)))
            .orElse("");
  }

  private void readiness() {
    Readiness now = zones.tailored().readiness();
    lines.add(
        "ready      all regions"
            + (now.down().isEmpty() ? "" : " but " + sorted(now.down()))
            + (now.drained().isEmpty() ? "" : "; drained: " + sorted(now.drained()))
            + (now.crowded().isEmpty() ? "" : "; crowded: " + crowded(now.crowded()))
            + (now.silent().isEmpty()
                ? ""
                : "; down: "
                    + now.silent().stream()
                        .map(InetAddress::getHostAddress)
                        .sorted()
                        .collect(Collectors.joining(", "))));
  }

  private static String crowded(Map<String, Double> shares) {
    return shares.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .map(
            region ->
                String.format(
                    Locale.ROOT,
                    "%s (%.0f%% of its clients go there)",
                    region.getKey(),
                    100 * region.getValue()))
        .collect(Collectors.joining(", "));
  }

  private static String sorted(Set<String> names) {
    return join(names.stream().sorted().toList());
  }

  private void answer(int number) {
    Tailoring tailoring = zones.tailored().tailorings().get(number);
    Choice.Explained explained = zones.tailored().choice(number).explain(client);
    String shares =
        explained.shares().entrySet().stream()
            .map(
                share ->
                    (explained.shares().size() == 1
                            ? ""
                            : String.format(Locale.ROOT, "%.0f%% ", 100 * share.getValue()))
                        + names(share.getKey()))
            .collect(Collectors.joining(" or "));
    Prefix scope = Prefix.of(client.first(), explained.scope());
    lines.add(
        String.format(
            Locale.ROOT,
            "answer     %s %s: %s; the same for all of %s",
            tailoring.owner(),
            Type.string(tailoring.type()),
            shares,
            scope));
  }

  private String names(int selection) {
    return IntStream.range(0, geo.regions().size())
        .filter(region -> (selection >>> region & 1) == 1)
        .mapToObj(region -> geography.region(region).name())
        .collect(Collectors.joining(" and "));
  }
}
