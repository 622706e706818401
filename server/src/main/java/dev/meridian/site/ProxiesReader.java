package dev.meridian.site;

import dev.meridian.geo.Prefix;
import dev.meridian.site.YamlReader.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads {@code trustedProxies}: networks, or a mapping that says the header, too. */
final class ProxiesReader {
  static final List<String> KEYS = List.of("networks", "header");

  /** Most networks: each request of a proxy is compared with all of them. */
  private static final int MAX_NETWORKS = 100;

  private final YamlReader yaml;

  ProxiesReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  TrustedProxies proxies(@Nullable Field field) {
    if (field == null) {
      return TrustedProxies.NONE;
    }
    if (!(field.value() instanceof MappingNode)) {
      return new TrustedProxies(networks(field.value()), TrustedProxies.NONE.header());
    }
    Map<String, Field> fields = yaml.fields(field, "trustedProxies", KEYS);
    Field networks = fields.get("networks");
    if (networks == null) {
      yaml.problem(
          field.key(),
          "trustedProxies needs 'networks', where the proxies are, such as [10.0.0.0/8].");
    }
    return new TrustedProxies(
        networks == null ? List.of() : networks(networks.value()), header(fields.get("header")));
  }

  private TrustedProxies.Header header(@Nullable Field field) {
    String text = field == null ? null : yaml.string(field.value(), "trustedProxies.header");
    if (field == null || text == null) {
      return TrustedProxies.NONE.header();
    }
    for (TrustedProxies.Header header : TrustedProxies.Header.values()) {
      if (header.word().equals(text)) {
        return header;
      }
    }
    yaml.problem(
        field.value(), "trustedProxies.header is x-forwarded-for, the default, or forwarded.");
    return TrustedProxies.NONE.header();
  }

  private List<Prefix> networks(Node node) {
    List<Node> items = yaml.oneOrMore(node, "trustedProxies");
    List<Prefix> networks = new ArrayList<>();
    if (items == null) {
      return networks;
    }
    if (items.isEmpty()) {
      yaml.problem(node, "trustedProxies is empty; leave it out, or give the proxies' networks.");
    }
    if (items.size() > MAX_NETWORKS) {
      yaml.problem(node, "there are at most " + MAX_NETWORKS + " networks of proxies.");
    }
    for (Node item : items) {
      String text = yaml.string(item, "a proxy's network");
      Prefix network = text == null ? null : GeoReader.network(yaml, item, text);
      if (network != null && network.length() == 0) {
        yaml.problem(
            item,
            "'"
                + text
                + "' is everybody: then visitors say themselves who they are. Give the networks that"
                + " the proxies are in.");
      } else if (network != null) {
        networks.add(network);
      }
    }
    return networks;
  }
}
