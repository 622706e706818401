package dev.meridian.site;

import dev.meridian.geo.Countries;
import dev.meridian.geo.Prefix;
import dev.meridian.site.YamlReader.Field;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads {@code names.geo}: the database, and which region is for whom without asking it. */
final class GeoReader {
  static final List<String> GEO_KEYS =
      List.of("database", "default", "prefixes", "countries", "continents");

  /** Most networks with regions of their own. */
  static final int MAX_PREFIXES = 1000;

  private final YamlReader yaml;
  private final FilesReader files;
  private final Path folder;
  private final Map<String, Region> regions;

  GeoReader(YamlReader yaml, FilesReader files, Path folder, Map<String, Region> regions) {
    this.yaml = yaml;
    this.files = files;
    this.folder = folder;
    this.regions = regions;
  }

  Geo read(@Nullable Field field, List<Geo.Answer> answers) {
    Map<String, Field> fields = yaml.fields(field, "names.geo", GEO_KEYS);
    Field database = fields.get("database");
    Field order = fields.get("default");
    List<String> first = order == null ? List.of() : names(order.value(), "default");
    List<String> all = new ArrayList<>(first);
    regions.keySet().stream().filter(name -> !first.contains(name)).forEach(all::add);
    return new Geo(
        List.copyOf(regions.values()),
        all,
        folder.resolve(database == null ? Geo.DATABASE : database(database.value())),
        database != null,
        prefixes(fields.get("prefixes")),
        codes(fields.get("countries"), "countries", "country", Countries.codes()),
        codes(fields.get("continents"), "continents", "continent", Countries.CONTINENTS),
        answers);
  }

  /** The database may lie outside, where a tool renews it for several programs. */
  private Path database(Node node) {
    String text = yaml.string(node, "database");
    if (text == null) {
      return Geo.DATABASE;
    }
    try {
      Path file = folder.resolve(text).normalize();
      if (text.isBlank()) {
        yaml.problem(node, "database is empty; name a file, such as geo/country.mmdb.");
      } else if (files.isPublished(file)) {
        yaml.problem(node, "files in public/ are published; keep the database outside.");
      }
      return file;
    } catch (InvalidPathException e) {
      yaml.problem(node, "'" + YamlReader.shorten(text) + "' cannot be read as a file's name.");
      return Geo.DATABASE;
    }
  }

  private Map<Prefix, List<String>> prefixes(@Nullable Field field) {
    Map<Prefix, List<String>> prefixes = new LinkedHashMap<>();
    Map<String, Field> fields = yaml.fields(field, "prefixes", null);
    if (field != null && fields.size() > MAX_PREFIXES) {
      yaml.problem(field.key(), "there are at most " + MAX_PREFIXES + " prefixes.");
      return prefixes;
    }
    fields.forEach(
        (text, value) -> {
          Prefix prefix = network(yaml, value.key(), text);
          if (prefix != null && prefixes.containsKey(prefix)) {
            yaml.problem(value.key(), "'" + text + "' stands twice, written in two ways.");
          } else if (prefix != null) {
            prefixes.put(prefix, names(value.value(), text));
          }
        });
    return prefixes;
  }

  /** A network; null if a problem was reported. */
  static @Nullable Prefix network(YamlReader yaml, Node node, String text) {
    Optional<Prefix> prefix = Prefix.parse(text);
    if (prefix.isEmpty()) {
      yaml.problem(
          node,
          "'"
              + YamlReader.shorten(text)
              + "' is no network; write it as 192.0.2.0/24 or 2001:db8::/32, with no bits after its"
              + " length.");
    }
    return prefix.orElse(null);
  }

  private Map<String, List<String>> codes(
      @Nullable Field field, String key, String what, Set<String> known) {
    Map<String, List<String>> codes = new LinkedHashMap<>();
    yaml.fields(field, key, null)
        .forEach(
            (code, value) -> {
              if (!known.contains(code)) {
                yaml.problem(
                    value.key(),
                    "'"
                        + YamlReader.shorten(code)
                        + "' is the code of no "
                        + what
                        + (what.equals("country")
                            ? "; write two capital letters (ISO 3166-1), such as GB."
                            : "; there are "
                                + String.join(", ", known.stream().sorted().toList())
                                + "."));
              } else {
                codes.put(code, names(value.value(), code));
              }
            });
    return codes;
  }

  /** Regions in their order of preference. */
  private List<String> names(Node node, String what) {
    List<String> names = new ArrayList<>();
    List<Node> items = yaml.oneOrMore(node, "the regions of " + what);
    if (items != null && items.isEmpty()) {
      yaml.problem(node, "the list of regions is empty; name one.");
    }
    for (Node item : items == null ? List.<Node>of() : items) {
      String name = yaml.string(item, "a region");
      if (name == null) {
        continue;
      }
      if (!regions.containsKey(name)) {
        yaml.problem(
            item,
            "there is no region '"
                + YamlReader.shorten(name)
                + "'"
                + Suggestions.didYouMean(name, regions.keySet()));
      } else if (names.contains(name)) {
        yaml.problem(item, "'" + name + "' stands twice.");
      } else {
        names.add(name);
      }
    }
    return names;
  }
}
