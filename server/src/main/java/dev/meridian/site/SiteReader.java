package dev.meridian.site;

import dev.meridian.site.YamlReader.Field;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.nodes.Node;

/**
 * Turns the tree of {@code site.yaml} into a {@link Site}, reporting what is wrong with it. Each
 * part has a reader of its own.
 */
final class SiteReader {
  static final List<String> ROOT_KEYS =
      List.of(
          "name",
          "domains",
          "listeners",
          "trustedProxies",
          "tls",
          "rules",
          "collections",
          "regions",
          "health",
          "names",
          "cache",
          "limits",
          "sessions",
          "accounts");

  /** Most domains: a bound on what a node must carry. */
  static final int MAX_DOMAINS = 100;

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
    Map<String, Field> fields = yaml.fields(root, SiteLoader.FILE, ROOT_KEYS);
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
    FilesReader files = new FilesReader(folder, yaml);
    ListenersReader listening = new ListenersReader(yaml, files);
    RulesReader rulesReader = new RulesReader(yaml);
    Optional<Tls> tls = listening.tls(fields.get("tls"));
    Listeners listeners = listening.listeners(fields.get("listeners"), fields.containsKey("tls"));
    Rules rules = rulesReader.rules(fields.get("rules"), Rules.DEFAULT);
    Optional<SessionSettings> sessions = new SessionsReader(yaml).sessions(fields.get("sessions"));
    CacheReader.Sizes cache = new CacheReader(yaml).sizes(fields.get("cache"));
    return new Site(
        folder,
        name,
        domains,
        listeners,
        tls,
        rules,
        new CollectionsReader(yaml, files, rulesReader, cache.documents().orElse(1) > 0)
            .collections(fields.get("collections"), rules),
        new NamesReader(yaml, files)
            .names(
                fields.get("names"),
                domains,
                folder,
                new RegionsReader(yaml, domains.isEmpty() ? "" : domains.getFirst())
                    .regions(fields.get("regions"), fields.get("health"))),
        new LimitsReader(yaml).limits(fields.get("limits")),
        sessions,
        new AccountsReader(yaml, files).accounts(fields.get("accounts"), sessions.isPresent()),
        cache.documents(),
        cache.pages(),
        new ProxiesReader(yaml).proxies(fields.get("trustedProxies")));
  }

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
      String domain = NamesReader.host(yaml, item, "a domain");
      if (domain != null && domains.contains(domain)) {
        yaml.problem(item, "'" + domain + "' stands twice.");
      } else if (domain != null) {
        domains.add(domain);
      }
    }
    return domains;
  }
}
