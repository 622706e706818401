package dev.meridian.site;

import dev.meridian.geo.Prefix;
import dev.meridian.site.DomainNames.BadName;
import dev.meridian.site.YamlReader.Field;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code names}: what the name server answers. */
final class NamesReader {
  static final List<String> NAMES_KEYS =
      List.of(
          "ttl",
          "nameServers",
          "hostmaster",
          "dnssec",
          "zoneFiles",
          "records",
          "sets",
          "geo",
          "rateLimit",
          "identity",
          "secondaries",
          "sampleLog");

  private static final List<String> LIMIT_KEYS = List.of("perSecond", "slip", "exempt");
  private static final int MAX_EXEMPT = 100;
  private static final List<String> SAMPLE_KEYS = List.of("oneIn", "perSecond");
  private static final Pattern ONE_IN = Pattern.compile("1/([1-9][0-9]{0,8})");

  static final Duration DEFAULT_TTL = Duration.ofMinutes(5);

  private final YamlReader yaml;
  private final FilesReader files;

  NamesReader(YamlReader yaml, FilesReader files) {
    this.yaml = yaml;
    this.files = files;
  }

  /**
   * The names.
   *
   * @param domains the site's
   * @param folder the site's, absolute
   * @param regions the site's
   */
  Names names(
      @Nullable Field field, List<String> domains, Path folder, Map<String, Region> regions) {
    Map<String, Field> fields = yaml.fields(field, "names", NAMES_KEYS);
    Field ttl = fields.get("ttl");
    Duration time =
        ttl == null
            ? DEFAULT_TTL
            : Quantities.duration(yaml, ttl.value(), "ttl", Duration.ZERO, RecordsReader.MAX_TTL);
    List<String> servers = new ArrayList<>();
    for (Node node : items(fields.get("nameServers"), "nameServers")) {
      String server = host(yaml, node, "a name server");
      if (server != null && servers.contains(server)) {
        yaml.problem(node, "'" + server + "' stands twice.");
      } else if (server != null) {
        servers.add(server);
      }
    }
    List<Path> zoneFiles = new ArrayList<>();
    for (Node node : items(fields.get("zoneFiles"), "zoneFiles")) {
      Path file = files.file(node, "a zone file", false);
      if (file != null) {
        zoneFiles.add(file);
      }
    }
    Field hostmaster = fields.get("hostmaster");
    Field dnssec = fields.get("dnssec");
    Boolean signed = dnssec == null ? null : yaml.bool(dnssec.value(), "dnssec");
    Field identity = fields.get("identity");
    Boolean told = identity == null ? null : yaml.bool(identity.value(), "identity");
    Field records = fields.get("records");
    RecordsReader reader =
        new RecordsReader(yaml, domains, new RegionSetReader(yaml, regions, fields.get("sets")));
    if (records != null) {
      reader.read(records.value());
    }
    return new Names(
        time == null ? DEFAULT_TTL : time,
        servers,
        hostmaster == null ? Optional.empty() : hostmaster(hostmaster.value()),
        signed != null && signed,
        zoneFiles,
        reader.records(),
        new GeoReader(yaml, files, folder, regions).read(fields.get("geo"), reader.answers()),
        limit(fields.get("rateLimit")),
        told != null && told,
        new SecondariesReader(yaml, files).read(fields.get("secondaries")),
        sample(fields.get("sampleLog")));
  }

  private Optional<SampleRate> sample(@Nullable Field field) {
    if (field == null) {
      return Optional.empty();
    }
    if (field.value() instanceof ScalarNode scalar) {
      String text = scalar.getValue();
      Matcher rate = ONE_IN.matcher(text);
      if (rate.matches()) {
        return Optional.of(
            new SampleRate(Integer.parseInt(rate.group(1)), SampleRate.DEFAULT_PER_SECOND));
      }
      if (!text.equals("off")) {
        yaml.problem(
            scalar,
            "sampleLog is one query in so many, such as 1/1000, or off, or with a limit of its own"
                + " {oneIn: 1000, perSecond: 50}.");
      }
      return Optional.empty();
    }
    Map<String, Field> fields = yaml.fields(field, "sampleLog", SAMPLE_KEYS);
    Field oneIn = fields.get("oneIn");
    if (oneIn == null) {
      yaml.problem(field.value(), "sampleLog needs 'oneIn': of so many queries one is logged.");
      return Optional.empty();
    }
    Integer in = yaml.integer(oneIn.value(), "oneIn", 1, SampleRate.MAX_ONE_IN);
    Field perSecond = fields.get("perSecond");
    Integer most =
        perSecond == null
            ? Integer.valueOf(SampleRate.DEFAULT_PER_SECOND)
            : yaml.integer(perSecond.value(), "perSecond", 1, SampleRate.MAX_PER_SECOND);
    return in == null || most == null ? Optional.empty() : Optional.of(new SampleRate(in, most));
  }

  private Optional<ResponseLimit> limit(@Nullable Field field) {
    ResponseLimit usual = ResponseLimit.DEFAULT;
    if (field == null) {
      return Optional.of(usual);
    }
    if (field.value() instanceof ScalarNode scalar && scalar.getValue().equals("off")) {
      return Optional.empty();
    }
    Map<String, Field> fields = yaml.fields(field, "rateLimit", LIMIT_KEYS);
    Field perSecond = fields.get("perSecond");
    Integer rate =
        perSecond == null ? null : yaml.integer(perSecond.value(), "perSecond", 1, 1_000_000);
    Field slip = fields.get("slip");
    Integer slips = slip == null ? null : yaml.integer(slip.value(), "slip", 0, 100);
    return Optional.of(
        new ResponseLimit(
            rate == null ? usual.perSecond() : rate,
            slips == null ? usual.slip() : slips,
            exempt(yaml, fields.get("exempt"))));
  }

  /** Networks without a limit: loopback, and those that are said. */
  static List<Prefix> exempt(YamlReader yaml, @Nullable Field field) {
    return exempt(yaml, field, ResponseLimit.LOOPBACK);
  }

  /** Networks without a limit: these, and those that are said. */
  static List<Prefix> exempt(YamlReader yaml, @Nullable Field field, List<Prefix> always) {
    List<Prefix> prefixes = new ArrayList<>(always);
    List<Node> items = field == null ? null : yaml.oneOrMore(field.value(), "exempt");
    if (field == null || items == null) {
      return prefixes;
    }
    if (items.size() > MAX_EXEMPT) {
      yaml.problem(field.value(), "there are at most " + MAX_EXEMPT + " exempt networks.");
    }
    for (Node item : items) {
      String text = yaml.string(item, "a network");
      Prefix prefix = text == null ? null : GeoReader.network(yaml, item, text);
      if (prefix != null) {
        prefixes.add(prefix);
      }
    }
    return prefixes;
  }

  private List<Node> items(@Nullable Field field, String what) {
    List<Node> items = field == null ? null : yaml.oneOrMore(field.value(), what);
    return items == null ? List.of() : items;
  }

  private Optional<String> hostmaster(Node node) {
    String text = yaml.string(node, "hostmaster");
    if (text == null) {
      return Optional.empty();
    }
    int at = text.indexOf('@');
    try {
      if (at >= 1 && text.substring(0, at).matches("[A-Za-z0-9._+-]{1,63}")) {
        return Optional.of(text.substring(0, at) + "@" + DomainNames.host(text.substring(at + 1)));
      }
    } catch (BadName e) {
      // Said below.
    }
    yaml.problem(node, "hostmaster is a mailbox, such as hostmaster@example.com.");
    return Optional.empty();
  }

  /** The name of a host; null if a problem was reported. */
  static @Nullable String host(YamlReader yaml, Node node, String what) {
    String text = yaml.string(node, what);
    try {
      return text == null ? null : DomainNames.host(text);
    } catch (BadName e) {
      yaml.problem(node, String.valueOf(e.getMessage()));
      return null;
    }
  }
}
