package dev.meridian.site;

import dev.meridian.site.DomainNames.BadName;
import dev.meridian.site.Names.NameRecord;
import dev.meridian.site.YamlReader.Field;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/**
 * Reads {@code names.records}: owner, then type, then the value, a list of values, or {@code
 * {value, ttl}}. Values are written for people and turned into zone file form.
 */
final class RecordsReader {
  /** Types that may be declared; SOA is made from the rest of {@code names}. */
  static final List<String> TYPES = List.of("A", "AAAA", "CNAME", "MX", "TXT", "CAA", "SRV", "NS");

  /** All that may stand below a name. */
  static final List<String> KEYS =
      Stream.concat(TYPES.stream(), RegionSetReader.ANSWER_KEYS.stream()).toList();

  /** Longest time to live (RFC 2181, section 8). */
  static final Duration MAX_TTL = Duration.ofSeconds(Integer.MAX_VALUE);

  /** Longest text in one TXT record; more than this many bytes fits no UDP answer. */
  static final int MAX_TXT_BYTES = 4000;

  private static final Pattern MX = Pattern.compile("([0-9]{1,5}) +(\\S+)");
  private static final Pattern SRV =
      Pattern.compile("([0-9]{1,5}) +([0-9]{1,5}) +([0-9]{1,5}) +(\\S+)");
  private static final Pattern CAA =
      Pattern.compile("([0-9]{1,3}) +([a-z0-9]{1,15}) +\"?([^\"\\\\\\p{Cntrl}]*)\"?");

  private final YamlReader yaml;
  private final List<String> domains;
  private final RegionSetReader sets;
  private final List<NameRecord> records = new ArrayList<>();
  private final List<Geo.Answer> answers = new ArrayList<>();

  RecordsReader(YamlReader yaml, List<String> domains, RegionSetReader sets) {
    this.yaml = yaml;
    this.domains = domains;
    this.sets = sets;
  }

  /** The records that were read. */
  List<NameRecord> records() {
    return records;
  }

  /** The names that were read which answer with regions. */
  List<Geo.Answer> answers() {
    return answers;
  }

  void read(Node node) {
    Map<String, Field> owners = yaml.mapping(node, "names.records", null);
    if (owners == null || domains.isEmpty()) {
      return;
    }
    Map<String, Node> seen = new HashMap<>();
    for (Map.Entry<String, Field> owner : owners.entrySet()) {
      Node key = owner.getValue().key();
      String name = owner(key, owner.getKey());
      if (name == null) {
        continue;
      }
      Node earlier = seen.putIfAbsent(name, key);
      if (earlier != null) {
        yaml.problem(
            key,
            "'" + name + "' has records already in line " + yaml.line(earlier) + "; join them.");
        continue;
      }
      types(name, key, owner.getValue().value());
    }
  }

  private @Nullable String owner(Node key, String text) {
    if (text.equals("@")) {
      return domains.getFirst();
    }
    try {
      String name = DomainNames.owner(text);
      Optional<String> zone =
          domains.stream().filter(d -> name.equals(d) || name.endsWith("." + d)).findFirst();
      if (text.endsWith(".")) {
        if (zone.isEmpty()) {
          yaml.problem(key, "'" + name + "' is not below any of the site's domains.");
          return null;
        }
        return name;
      }
      if (zone.isPresent()) {
        yaml.problem(
            key,
            "'"
                + text
                + "' would mean '"
                + text
                + "."
                + domains.getFirst()
                + "'; write '@', a name below the domain such as 'www', or end it with a dot: '"
                + text
                + ".'.");
        return null;
      }
      return DomainNames.owner(name + "." + domains.getFirst());
    } catch (BadName e) {
      yaml.problem(key, String.valueOf(e.getMessage()));
      return null;
    }
  }

  private void types(String name, Node owner, Node node) {
    Map<String, Field> fields = yaml.mapping(node, "the records of '" + name + "'", KEYS);
    if (fields == null) {
      return;
    }
    sets.answer(name, owner, fields).ifPresent(answers::add);
    Map<String, Field> types = new LinkedHashMap<>(fields);
    types.keySet().removeAll(RegionSetReader.ANSWER_KEYS);
    Field cname = types.get("CNAME");
    if (cname != null && isZone(name)) {
      yaml.problem(
          cname.key(),
          "the domain itself cannot be a CNAME (RFC 1034, section 3.6.2); give it A and AAAA.");
    } else if (cname != null && types.size() > 1) {
      yaml.problem(
          cname.key(),
          "a CNAME stands alone (RFC 1034, section 3.6.2); remove it or the other records.");
    }
    Field ns = types.get("NS");
    if (ns != null && isZone(name)) {
      yaml.problem(ns.key(), "the domain's own name servers are given in names.nameServers.");
    }
    for (Map.Entry<String, Field> type : types.entrySet()) {
      values(name, type.getKey(), type.getValue().value());
    }
  }

  /** Whether {@code name} is a zone of its own: a domain that is not below another one. */
  private boolean isZone(String name) {
    return domains.contains(name)
        && domains.stream().noneMatch(domain -> name.endsWith("." + domain));
  }

  private void values(String name, String type, Node node) {
    Node values = node;
    Optional<Duration> ttl = Optional.empty();
    if (node instanceof MappingNode) {
      Map<String, Field> fields = yaml.mapping(node, "a record", List.of("value", "ttl"));
      if (fields == null) {
        return;
      }
      Field ttlField = fields.get("ttl");
      if (ttlField != null) {
        ttl =
            Optional.ofNullable(
                Quantities.duration(yaml, ttlField.value(), "ttl", Duration.ZERO, MAX_TTL));
      }
      Field value = fields.get("value");
      if (value == null) {
        yaml.problem(node, "this record has no 'value'.");
        return;
      }
      values = value.value();
    }
    List<Node> list = yaml.oneOrMore(values, "the value of " + type);
    if (list == null) {
      return;
    }
    if (list.isEmpty()) {
      yaml.problem(values, "the list of " + type + " records is empty; remove it.");
    }
    if (list.size() > 1 && type.equals("CNAME")) {
      yaml.problem(values, "a name has one CNAME only (RFC 2181, section 10.1).");
    }
    for (Node item : list) {
      if (!(item instanceof ScalarNode)) {
        yaml.problem(
            item, "a list holds values only; for a ttl, write {value: [...], ttl: 5 min}.");
        continue;
      }
      String text = yaml.string(item, "the value of " + type);
      String data = text == null ? null : data(item, type, text);
      if (data != null) {
        records.add(new NameRecord(name, type, ttl, data, yaml.line(item)));
      }
    }
  }

  private @Nullable String data(Node node, String type, String text) {
    String data =
        switch (type) {
          case "A" -> ipv4(text);
          case "AAAA" -> ipv6(text);
          case "CNAME", "NS" -> target(node, text);
          case "MX" -> {
            Matcher mx = MX.matcher(text);
            String host = mx.matches() && u16(mx.group(1)) ? mx.group(2) : null;
            String target = host == null ? null : host.equals(".") ? "." : target(node, host);
            yield target == null || target.isEmpty() ? target : mx.group(1) + " " + target;
          }
          case "SRV" -> {
            Matcher srv = SRV.matcher(text);
            boolean numbers =
                srv.matches() && u16(srv.group(1)) && u16(srv.group(2)) && u16(srv.group(3));
            String host = numbers ? srv.group(4) : null;
            String target = host == null ? null : host.equals(".") ? "." : target(node, host);
            yield target == null || target.isEmpty()
                ? target
                : srv.group(1) + " " + srv.group(2) + " " + srv.group(3) + " " + target;
          }
          case "CAA" -> {
            Matcher caa = CAA.matcher(text);
            yield caa.matches() && Integer.parseInt(caa.group(1)) < 256
                ? caa.group(1) + " " + caa.group(2) + " \"" + caa.group(3) + "\""
                : null;
          }
          default -> txt(text);
        };
    if (data == null) {
      yaml.problem(
          node,
          "'"
              + YamlReader.shorten(text)
              + "' is no value for "
              + type
              + "; write it as "
              + example(type)
              + ".");
      return null;
    }
    return data.isEmpty() ? null : data;
  }

  private static String example(String type) {
    return switch (type) {
      case "A" -> "192.0.2.1";
      case "AAAA" -> "2001:db8::1";
      case "MX" -> "10 mail (preference and host)";
      case "SRV" -> "0 5 443 www (priority, weight, port and host)";
      case "CAA" -> "0 issue letsencrypt.org";
      case "TXT" -> "text of at most " + MAX_TXT_BYTES + " bytes";
      default -> "a name, such as www or www.example.com.";
    };
  }

  private static boolean u16(String digits) {
    return Integer.parseInt(digits) <= 0xffff;
  }

  static @Nullable String ipv4(String text) {
    // The JDK also reads "1.2" and "16909060"; zone files do not.
    if (!text.matches("[0-9]{1,3}(\\.[0-9]{1,3}){3}")) {
      return null;
    }
    try {
      return Inet4Address.ofLiteral(text).getHostAddress();
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  static @Nullable String ipv6(String text) {
    if (!text.matches("[0-9A-Fa-f:.]{2,45}")) {
      return null;
    }
    try {
      InetAddress address = Inet6Address.ofLiteral(text);
      return address instanceof Inet6Address ? address.getHostAddress() : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** A host that a record points to; an empty string if the problem has been reported. */
  private @Nullable String target(Node node, String text) {
    if (text.equals("@")) {
      return domains.getFirst() + ".";
    }
    try {
      String name = DomainNames.owner(text);
      if (text.endsWith(".")) {
        return name + ".";
      }
      if (name.contains(".")) {
        yaml.problem(
            node,
            "'"
                + text
                + "' would mean '"
                + text
                + "."
                + domains.getFirst()
                + "'; end a full name with a dot: '"
                + text
                + ".'.");
        return "";
      }
      return DomainNames.owner(name + "." + domains.getFirst()) + ".";
    } catch (BadName e) {
      yaml.problem(node, String.valueOf(e.getMessage()));
      return "";
    }
  }

  /** Strings of at most 255 bytes, quoted and escaped (RFC 1035, sections 3.3.14 and 5.1). */
  private static @Nullable String txt(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_TXT_BYTES) {
      return null;
    }
    StringBuilder data = new StringBuilder("\"");
    for (int i = 0; i < bytes.length; i++) {
      if (i > 0 && i % 255 == 0) {
        data.append("\" \"");
      }
      int b = bytes[i] & 0xff;
      if (b == '"' || b == '\\') {
        data.append('\\').append((char) b);
      } else if (b < 0x20 || b > 0x7e) {
        data.append(String.format("\\%03d", b));
      } else {
        data.append((char) b);
      }
    }
    return data.append('"').toString();
  }
}
