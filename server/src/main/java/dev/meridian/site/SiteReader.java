package dev.meridian.site;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Expression;
import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.CollectionSettings.CachePolicy;
import dev.meridian.site.DomainNames.BadName;
import dev.meridian.site.YamlReader.Field;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/** Turns the tree of {@code site.yaml} into a {@link Site}, reporting what is wrong with it. */
final class SiteReader {
  static final List<String> ROOT_KEYS =
      List.of("name", "domains", "listeners", "tls", "rules", "collections", "names", "limits");
  static final List<String> LISTENER_KEYS = List.of("http", "https", "dns", "admin", "peer");
  static final List<String> TLS_KEYS = List.of("certificate", "key");
  static final List<String> RULES_KEYS = List.of("read", "write");
  static final List<String> COLLECTION_KEYS =
      List.of("indexes", "rules", "expires", "cache", "seed");
  static final List<String> NAMES_KEYS =
      List.of("ttl", "nameServers", "hostmaster", "zoneFiles", "records");
  static final List<String> LIMITS_KEYS =
      List.of(
          "documentSize",
          "bodySize",
          "batchWrites",
          "nestingDepth",
          "listLimit",
          "scanDocuments",
          "requestTime",
          "watchers");

  /** How {@code cache} is written. */
  static final Map<String, CachePolicy> CACHE_POLICIES =
      Map.of(
          "read-through", CachePolicy.READ_THROUGH,
          "write-through", CachePolicy.WRITE_THROUGH,
          "write-behind", CachePolicy.WRITE_BEHIND,
          "none", CachePolicy.NONE);

  /** Endings of files that can be imported. */
  static final List<String> SEED_ENDINGS =
      List.of(".ndjson", ".json", ".csv", ".ndjson.gz", ".json.gz", ".csv.gz");

  /** Most domains, collections and indexes: a bound on what a node must carry. */
  static final int MAX_DOMAINS = 100;

  static final int MAX_COLLECTIONS = 1000;
  static final int MAX_INDEXES = 32;
  static final int MAX_INDEX_FIELDS = 8;

  /** The largest values that {@code limits} may ask for. */
  static final Limits MOST =
      new Limits(1 << 20, 64 << 20, 500, 128, 1000, 1_000_000, Duration.ofMinutes(10), 100_000);

  static final Duration DEFAULT_TTL = Duration.ofMinutes(5);

  private final Path folder;
  private final YamlReader yaml;

  /**
   * Creates it.
   *
   * @param folder absolute
   */
  SiteReader(Path folder, YamlReader yaml) {
    this.folder = folder;
    this.yaml = yaml;
  }

  /** The site; what it holds is not to be used if problems were reported. */
  Site read(Node root) {
    Map<String, Field> fields = fields(yaml.mapping(root, SiteLoader.FILE, ROOT_KEYS));
    List<String> domains = List.of();
    Field domainsField = fields.get("domains");
    if (domainsField != null) {
      domains = domains(domainsField.value());
    } else {
      yaml.problem(
          root,
          "'domains' is missing; give the names the site answers to, such as domains:"
              + " [example.test].");
    }
    String name = domains.isEmpty() ? "" : domains.getFirst();
    Field nameField = fields.get("name");
    if (nameField != null) {
      String text = yaml.string(nameField.value(), "name");
      if (text != null && (text.isBlank() || text.length() > 100)) {
        yaml.problem(nameField.value(), "name is 1 to 100 characters.");
      }
      name = text == null ? name : text;
    }
    Optional<Tls> tls = tls(fields.get("tls"));
    Listeners listeners = listeners(fields.get("listeners"), fields.containsKey("tls"));
    Rules rules = rules(fields.get("rules"), Rules.DEFAULT);
    return new Site(
        folder,
        name,
        domains,
        listeners,
        tls,
        rules,
        collections(fields.get("collections"), rules),
        names(fields.get("names"), domains),
        limits(fields.get("limits")));
  }

  private static Map<String, Field> fields(@Nullable Map<String, Field> fields) {
    return fields == null ? Map.of() : fields;
  }

  private Map<String, Field> fields(@Nullable Field field, String what, List<String> known) {
    return field == null ? Map.of() : fields(yaml.mapping(field.value(), what, known));
  }

  // Domains

  private List<String> domains(Node node) {
    List<Node> items = yaml.oneOrMore(node, "domains");
    List<String> domains = new ArrayList<>();
    if (items == null) {
      return domains;
    }
    if (items.isEmpty()) {
      yaml.problem(node, "domains is empty; give the names the site answers to.");
    }
    if (items.size() > MAX_DOMAINS) {
      yaml.problem(node, "a site has at most " + MAX_DOMAINS + " domains.");
    }
    for (Node item : items) {
      String domain = host(item, "a domain");
      if (domain != null && domains.contains(domain)) {
        yaml.problem(item, "'" + domain + "' stands twice.");
      } else if (domain != null) {
        domains.add(domain);
      }
    }
    return domains;
  }

  private @Nullable String host(Node node, String what) {
    String text = yaml.string(node, what);
    try {
      return text == null ? null : DomainNames.host(text);
    } catch (BadName e) {
      yaml.problem(node, String.valueOf(e.getMessage()));
      return null;
    }
  }

  // Listeners

  private Listeners listeners(@Nullable Field field, boolean tls) {
    Listeners defaults = Listeners.DEFAULT;
    Map<String, Field> fields = fields(field, "listeners", LISTENER_KEYS);
    Listeners listeners =
        new Listeners(
            listener(fields.get("http"), "http", defaults.http()),
            listener(fields.get("https"), "https", defaults.https()),
            listener(fields.get("dns"), "dns", defaults.dns()),
            listener(fields.get("admin"), "admin", Optional.of(defaults.admin()))
                .orElse(defaults.admin()),
            listener(fields.get("peer"), "peer", Optional.of(defaults.peer()))
                .orElse(defaults.peer()));
    Field https = fields.get("https");
    if (https != null && listeners.https().isPresent() && !tls) {
      yaml.problem(
          https.key(),
          "https needs a certificate; add tls: {certificate: cert.pem, key: key.pem}.");
    }
    Map<String, Optional<InetSocketAddress>> all = new LinkedHashMap<>();
    all.put("http", listeners.http());
    all.put("https", listeners.https());
    all.put("dns", listeners.dns());
    all.put("admin", Optional.of(listeners.admin()));
    all.put("peer", Optional.of(listeners.peer()));
    Map<InetSocketAddress, String> taken = new LinkedHashMap<>();
    all.forEach(
        (name, address) -> {
          if (address.isPresent() && address.get().getPort() != 0) {
            String earlier = taken.putIfAbsent(address.get(), name);
            Field own = fields.get(name);
            Field at = own != null || earlier == null ? own : fields.get(earlier);
            if (earlier != null && at != null) {
              yaml.problem(
                  at.value(), earlier + " and " + name + " cannot listen at the same address.");
            }
          }
        });
    return listeners;
  }

  private Optional<InetSocketAddress> listener(
      @Nullable Field field, String name, Optional<InetSocketAddress> otherwise) {
    if (field == null) {
      return otherwise;
    }
    Node node = field.value();
    if (YamlReader.isInteger(node)) {
      Integer port = yaml.integer(node, name, 0, 65535);
      return port == null ? otherwise : Optional.of(new InetSocketAddress("127.0.0.1", port));
    }
    String text = yaml.string(node, name);
    if (text == null) {
      return otherwise;
    }
    if (text.equals("off")) {
      if (name.equals("admin") || name.equals("peer")) {
        yaml.problem(node, name + " cannot be off; give it an address on loopback.");
      }
      return Optional.empty();
    }
    try {
      return Optional.of(ListenAddress.parse(text));
    } catch (InvalidInputException e) {
      yaml.problem(node, String.valueOf(e.getMessage()));
      return otherwise;
    }
  }

  // TLS

  private Optional<Tls> tls(@Nullable Field field) {
    if (field == null) {
      return Optional.empty();
    }
    Map<String, Field> fields = fields(field, "tls", TLS_KEYS);
    Path certificate = tlsFile(field, fields, "certificate");
    Path key = tlsFile(field, fields, "key");
    return certificate == null || key == null
        ? Optional.empty()
        : Optional.of(new Tls(certificate, key));
  }

  private @Nullable Path tlsFile(Field tls, Map<String, Field> fields, String name) {
    Field field = fields.get(name);
    if (field == null) {
      yaml.problem(tls.key(), "tls needs '" + name + "', a PEM file.");
      return null;
    }
    // Certificates are the machine's, not the site's: tools keep them in their own folders, behind
    // symbolic links. So they may lie outside, but never where they would be published.
    Path file = file(field.value(), "tls." + name, true);
    if (file != null && file.startsWith(folder.resolve("public"))) {
      yaml.problem(field.value(), "files in public/ are published; keep tls." + name + " outside.");
    }
    return file;
  }

  // Rules

  private Rules rules(@Nullable Field field, Rules otherwise) {
    Map<String, Field> fields = fields(field, "rules", RULES_KEYS);
    return new Rules(
        rule(fields.get("read"), "read", otherwise.read()),
        rule(fields.get("write"), "write", otherwise.write()));
  }

  private String rule(@Nullable Field field, String name, String otherwise) {
    if (field == null) {
      return otherwise;
    }
    Node node = field.value();
    if (node instanceof ScalarNode scalar && node.getTag().equals(Tag.BOOL)) {
      return scalar.getValue();
    }
    String rule = yaml.string(node, "the " + name + " rule");
    if (rule == null) {
      return otherwise;
    }
    try {
      // The default is known to be right, and compiling another loads the whole language.
      if (!rule.equals(Rules.DEFAULT.write())) {
        Expression.compile(rule, Rules.VARIABLES);
      }
    } catch (InvalidInputException e) {
      yaml.problem(node, "the " + name + " rule: " + oneLine(String.valueOf(e.getMessage())));
    }
    return rule;
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s*\\R\\s*", " ");
  }

  // Collections

  private Map<String, CollectionSettings> collections(@Nullable Field field, Rules rules) {
    Map<String, CollectionSettings> collections = new LinkedHashMap<>();
    if (field == null) {
      return collections;
    }
    Map<String, Field> fields = fields(yaml.mapping(field.value(), "collections", null));
    if (fields.size() > MAX_COLLECTIONS) {
      yaml.problem(field.key(), "a site declares at most " + MAX_COLLECTIONS + " collections.");
      return collections;
    }
    fields.forEach(
        (pattern, collection) -> {
          if (checkPattern(collection.key(), pattern)) {
            collections.put(pattern, CollectionSettings.defaults(pattern, rules));
          }
        });
    // From above to below, for what a collection leaves open it has from the nearest one above it.
    collections.keySet().stream()
        .sorted(Comparator.comparingInt(String::length))
        .forEach(
            pattern -> {
              Field collection = Objects.requireNonNull(fields.get(pattern));
              Rules above = Site.rulesAbove(pattern, collections, rules);
              collections.put(pattern, collection(pattern, collection, above));
            });
    return collections;
  }

  private boolean checkPattern(Node key, String pattern) {
    try {
      CollectionPath path = CollectionPath.parse(pattern);
      if (!path.pattern().equals(pattern)) {
        yaml.problem(
            key,
            "settings are for all documents alike; write '*' for each id: '"
                + path.pattern()
                + "'.");
        return false;
      }
      if (path.isReserved()) {
        yaml.problem(key, "collections that start with '_' are Meridian's own.");
        return false;
      }
      return true;
    } catch (InvalidInputException e) {
      yaml.problem(
          key,
          YamlReader.shorten(pattern).equals(pattern)
              ? String.valueOf(e.getMessage())
              : "this is no collection's name.");
      return false;
    }
  }

  private CollectionSettings collection(String pattern, Field field, Rules rules) {
    if (field.value() instanceof ScalarNode && field.value().getTag().equals(Tag.NULL)) {
      // "notes:" alone declares a collection without settings; people write that.
      return CollectionSettings.defaults(pattern, rules);
    }
    Map<String, Field> fields = fields(field, "collections." + pattern, COLLECTION_KEYS);
    Field expires = fields.get("expires");
    Field cache = fields.get("cache");
    Field seed = fields.get("seed");
    return new CollectionSettings(
        pattern,
        indexes(fields.get("indexes")),
        rules(fields.get("rules"), rules),
        expires == null
            ? Optional.empty()
            : Optional.ofNullable(
                duration(
                    yaml,
                    expires.value(),
                    "expires",
                    Duration.ofSeconds(1),
                    Duration.ofDays(36_500))),
        cache == null ? CachePolicy.READ_THROUGH : cache(cache.value()),
        seed == null ? Optional.empty() : seed(seed.value()));
  }

  private List<List<String>> indexes(@Nullable Field field) {
    List<Node> items = field == null ? null : yaml.sequence(field.value(), "indexes");
    if (items == null) {
      return List.of();
    }
    List<List<String>> indexes = new ArrayList<>();
    if (items.size() > MAX_INDEXES) {
      yaml.problem(items.get(MAX_INDEXES), "a collection has at most " + MAX_INDEXES + " indexes.");
      return indexes;
    }
    for (Node item : items) {
      List<Node> fields = yaml.oneOrMore(item, "an index");
      if (fields == null) {
        continue;
      }
      if (fields.isEmpty() || fields.size() > MAX_INDEX_FIELDS) {
        yaml.problem(item, "an index has 1 to " + MAX_INDEX_FIELDS + " fields.");
        continue;
      }
      List<String> index = new ArrayList<>();
      Set<String> seen = new HashSet<>();
      for (Node node : fields) {
        String name = indexField(node);
        if (name != null && !seen.add(name.replaceFirst("^-", ""))) {
          yaml.problem(node, "'" + name + "' stands twice in this index.");
        } else if (name != null) {
          index.add(name);
        }
      }
      if (index.size() == fields.size()) {
        if (indexes.contains(index)) {
          yaml.problem(item, "this index is declared twice.");
        }
        indexes.add(List.copyOf(index));
      }
    }
    return indexes;
  }

  private @Nullable String indexField(Node node) {
    String text = yaml.string(node, "a field of an index");
    if (text == null) {
      return null;
    }
    String problem = null;
    if (text.isBlank() || !text.equals(text.strip()) || text.length() > 256) {
      problem = "'" + YamlReader.shorten(text) + "' is no field name.";
    } else if (text.contains(",")) {
      problem = "write the fields of an index as a list: [" + YamlReader.shorten(text) + "].";
    } else {
      try {
        FieldPath.parse(text.startsWith("-") ? text.substring(1) : text);
      } catch (InvalidInputException e) {
        problem = "'" + YamlReader.shorten(text) + "': " + e.getMessage();
      }
    }
    if (problem != null) {
      yaml.problem(node, problem);
      return null;
    }
    return text;
  }

  private CachePolicy cache(Node node) {
    String text = yaml.string(node, "cache");
    CachePolicy policy = text == null ? null : CACHE_POLICIES.get(text);
    if (text != null && policy == null) {
      yaml.problem(
          node,
          "'"
              + YamlReader.shorten(text)
              + "' is no cache policy; write read-through, write-through, write-behind or none"
              + Suggestions.didYouMean(text, CACHE_POLICIES.keySet()));
    }
    return policy == null ? CachePolicy.READ_THROUGH : policy;
  }

  private Optional<Path> seed(Node node) {
    Path file = file(node, "seed", false);
    if (file != null && SEED_ENDINGS.stream().noneMatch(file.toString()::endsWith)) {
      yaml.problem(node, "a seed's name ends in " + String.join(", ", SEED_ENDINGS) + ".");
    }
    return Optional.ofNullable(file);
  }

  // Names

  private Names names(@Nullable Field field, List<String> domains) {
    Map<String, Field> fields = fields(field, "names", NAMES_KEYS);
    Field ttl = fields.get("ttl");
    Duration time =
        ttl == null
            ? DEFAULT_TTL
            : duration(yaml, ttl.value(), "ttl", Duration.ZERO, RecordsReader.MAX_TTL);
    List<String> servers = new ArrayList<>();
    for (Node node : items(fields.get("nameServers"), "nameServers")) {
      String server = host(node, "a name server");
      if (server != null && servers.contains(server)) {
        yaml.problem(node, "'" + server + "' stands twice.");
      } else if (server != null) {
        servers.add(server);
      }
    }
    List<Path> zoneFiles = new ArrayList<>();
    for (Node node : items(fields.get("zoneFiles"), "zoneFiles")) {
      Path file = file(node, "a zone file", false);
      if (file != null) {
        zoneFiles.add(file);
      }
    }
    Field hostmaster = fields.get("hostmaster");
    Field records = fields.get("records");
    return new Names(
        time == null ? DEFAULT_TTL : time,
        servers,
        hostmaster == null ? Optional.empty() : hostmaster(hostmaster.value()),
        zoneFiles,
        records == null ? List.of() : new RecordsReader(yaml, domains).read(records.value()));
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

  // Limits

  private Limits limits(@Nullable Field field) {
    Limits defaults = Limits.DEFAULT;
    Map<String, Field> fields = fields(field, "limits", LIMITS_KEYS);
    Field time = fields.get("requestTime");
    Duration requestTime =
        time == null
            ? defaults.requestTime()
            : duration(
                yaml, time.value(), "requestTime", Duration.ofMillis(100), MOST.requestTime());
    Limits limits =
        new Limits(
            size(fields, "documentSize", defaults.documentBytes(), MOST.documentBytes()),
            size(fields, "bodySize", defaults.bodyBytes(), MOST.bodyBytes()),
            count(fields, "batchWrites", defaults.batchWrites(), MOST.batchWrites()),
            count(fields, "nestingDepth", defaults.nestingDepth(), MOST.nestingDepth()),
            count(fields, "listLimit", defaults.listLimit(), MOST.listLimit()),
            count(fields, "scanDocuments", defaults.scanDocuments(), MOST.scanDocuments()),
            requestTime == null ? defaults.requestTime() : requestTime,
            count(fields, "watchers", defaults.watchers(), MOST.watchers()));
    Field body = fields.get("bodySize");
    if (body != null && limits.bodyBytes() < limits.documentBytes()) {
      yaml.problem(body.value(), "bodySize is smaller than documentSize.");
    }
    return limits;
  }

  private int count(Map<String, Field> fields, String name, int otherwise, int most) {
    Field field = fields.get(name);
    Integer value = field == null ? null : yaml.integer(field.value(), name, 1, most);
    return value == null ? otherwise : value;
  }

  private int size(Map<String, Field> fields, String name, int otherwise, int most) {
    Field field = fields.get(name);
    if (field == null) {
      return otherwise;
    }
    Node node = field.value();
    if (YamlReader.isInteger(node)) {
      yaml.problem(node, name + " needs a unit, such as " + (most >> 20) + " MiB.");
      return otherwise;
    }
    String text = yaml.string(node, name);
    if (text == null) {
      return otherwise;
    }
    Optional<Long> size = Units.size(text);
    if (size.isEmpty()) {
      yaml.problem(node, notA("size", text) + Units.sizeHint(text));
    } else if (size.get() < 1024 || size.get() > most) {
      yaml.problem(node, name + " is 1 KiB to " + (most >> 20) + " MiB.");
    } else {
      return size.get().intValue();
    }
    return otherwise;
  }

  static @Nullable Duration duration(
      YamlReader yaml, Node node, String what, Duration min, Duration max) {
    if (YamlReader.isInteger(node)) {
      yaml.problem(
          node, what + " needs a unit, such as '" + ((ScalarNode) node).getValue() + " s'.");
      return null;
    }
    String text = yaml.string(node, what);
    if (text == null) {
      return null;
    }
    Optional<Duration> duration = Units.duration(text);
    if (duration.isEmpty()) {
      yaml.problem(node, notA("duration", text) + Units.durationHint(text));
      return null;
    }
    if (duration.get().compareTo(min) < 0 || duration.get().compareTo(max) > 0) {
      yaml.problem(node, what + " is " + Units.format(min) + " to " + Units.format(max) + ".");
      return null;
    }
    return duration.get();
  }

  private static String notA(String kind, String text) {
    return "'" + YamlReader.shorten(text) + "' is no " + kind;
  }

  // Files

  /** An existing file; null if a problem was reported. */
  private @Nullable Path file(Node node, String what, boolean outsideToo) {
    String text = yaml.string(node, what);
    if (text == null) {
      return null;
    }
    try {
      Path file = folder.resolve(text).normalize();
      if (text.isBlank()) {
        yaml.problem(node, what + " is empty; give a file's name.");
      } else if (!outsideToo && !file.startsWith(folder)) {
        yaml.problem(
            node, "'" + YamlReader.shorten(text) + "' lies outside the site's folder; move it in.");
      } else if (!Files.exists(file)) {
        yaml.problem(
            node,
            "there is no file '"
                + YamlReader.shorten(text)
                + "'"
                + Suggestions.didYouMean(String.valueOf(file.getFileName()), siblings(file)));
      } else if (!Files.isRegularFile(file)) {
        yaml.problem(node, "'" + YamlReader.shorten(text) + "' is no regular file.");
      } else if (!outsideToo && !file.toRealPath().startsWith(folder.toRealPath())) {
        yaml.problem(
            node,
            "'"
                + YamlReader.shorten(text)
                + "' leads outside the site's folder through a symbolic link; copy the file in.");
      } else if (!Files.isReadable(file)) {
        yaml.problem(
            node,
            "'" + YamlReader.shorten(text) + "' may not be read by this user; change its mode.");
      } else {
        return file;
      }
    } catch (InvalidPathException | IOException e) {
      yaml.problem(node, "'" + YamlReader.shorten(text) + "' cannot be read as a file's name.");
    }
    return null;
  }

  private static List<String> siblings(Path file) {
    Path parent = file.getParent();
    if (parent == null || !Files.isDirectory(parent, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(parent)) {
      return files.limit(200).map(p -> String.valueOf(p.getFileName())).toList();
    } catch (IOException e) {
      return List.of();
    }
  }
}
