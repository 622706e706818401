package dev.meridian.site;

import dev.meridian.site.YamlReader.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code health}: of the site, and what a region has otherwise. */
final class HealthReader {
  static final List<String> KEYS =
      List.of(
          "probe", "port", "path", "host", "status", "verify", "interval", "timeout", "down", "up");

  private static final List<String> KINDS = List.of("tcp", "http", "https");
  private static final Duration SHORTEST_INTERVAL = Duration.ofSeconds(1);
  private static final Duration LONGEST_INTERVAL = Duration.ofHours(1);
  private static final Duration SHORTEST_TIMEOUT = Duration.ofMillis(50);
  private static final Duration LONGEST_TIMEOUT = Duration.ofMinutes(1);
  private static final int MOST_TRIES = 100;
  private static final int MAX_PATH = 1000;

  private final YamlReader yaml;
  private final HealthCheck basis;

  HealthReader(YamlReader yaml, String host) {
    this.yaml = yaml;
    this.basis =
        new HealthCheck(
            HealthCheck.Kind.TCP,
            OptionalInt.empty(),
            "/",
            host,
            List.of(),
            true,
            Duration.ofSeconds(5),
            Duration.ofSeconds(2),
            3,
            2);
  }

  /**
   * Reads one; empty if there is none.
   *
   * @param general what holds where this one says nothing
   */
  Optional<HealthCheck> read(@Nullable Field field, String what, Optional<HealthCheck> general) {
    if (field == null) {
      return general;
    }
    if (field.value() instanceof ScalarNode scalar && scalar.getValue().equals("off")) {
      return Optional.empty();
    }
    Map<String, Field> fields = yaml.mapping(field.value(), what, KEYS);
    if (fields == null) {
      return Optional.empty();
    }
    HealthCheck known = general.orElse(basis);
    Field probe = fields.get("probe");
    if (probe == null && general.isEmpty()) {
      yaml.problem(
          field.key(), what + " does not say what is tried; add probe: tcp, http or https.");
      return Optional.empty();
    }
    HealthCheck.Kind kind = probe == null ? known.kind() : kind(probe.value());
    if (kind == null) {
      return Optional.empty();
    }
    HealthCheck check =
        new HealthCheck(
            kind,
            port(fields.get("port"), probe == null ? known.port() : OptionalInt.empty()),
            path(fields.get("path"), known.path()),
            host(fields.get("host"), known.host()),
            statuses(fields.get("status"), known.statuses()),
            bool(fields.get("verify"), known.verify()),
            duration(
                fields.get("interval"),
                "interval",
                SHORTEST_INTERVAL,
                LONGEST_INTERVAL,
                known.interval()),
            duration(
                fields.get("timeout"),
                "timeout",
                SHORTEST_TIMEOUT,
                LONGEST_TIMEOUT,
                known.timeout()),
            tries(fields.get("down"), "down", known.down()),
            tries(fields.get("up"), "up", known.up()));
    if (check.portToTry() == 0) {
      yaml.problem(
          field.key(), what + " does not say which port is tried; add it, such as port: 443.");
    }
    if (kind == HealthCheck.Kind.TCP) {
      for (String key : List.of("path", "host", "status", "verify")) {
        Field useless = fields.get(key);
        if (useless != null) {
          yaml.problem(
              useless.key(),
              "'" + key + "' means nothing to probe: tcp; remove it, or probe http or https.");
        }
      }
    }
    return Optional.of(check);
  }

  private HealthCheck.@Nullable Kind kind(Node node) {
    String text = yaml.string(node, "probe");
    if (text == null) {
      return null;
    }
    if (!KINDS.contains(text)) {
      yaml.problem(
          node,
          "there is no probe '"
              + YamlReader.shorten(text)
              + "'"
              + Suggestions.didYouMean(text, KINDS));
      return null;
    }
    return HealthCheck.Kind.valueOf(text.toUpperCase(Locale.ROOT));
  }

  private OptionalInt port(@Nullable Field field, OptionalInt otherwise) {
    Integer port = field == null ? null : yaml.integer(field.value(), "port", 1, 65535);
    return port == null ? otherwise : OptionalInt.of(port);
  }

  private String path(@Nullable Field field, String otherwise) {
    String path = field == null ? null : yaml.string(field.value(), "path");
    if (field == null || path == null) {
      return otherwise;
    }
    // It becomes a part of a request's first line: nothing that ends it may stand in it.
    if (!path.startsWith("/")
        || path.length() > MAX_PATH
        || !path.chars().allMatch(c -> c > ' ' && c < 127 && c != '#')) {
      yaml.problem(
          field.value(),
          "path begins with '/' and has at most "
              + MAX_PATH
              + " printable ASCII characters, without spaces; write others as %20.");
      return otherwise;
    }
    return path;
  }

  private String host(@Nullable Field field, String otherwise) {
    String host = field == null ? null : NamesReader.host(yaml, field.value(), "host");
    return host == null ? otherwise : host;
  }

  private List<Integer> statuses(@Nullable Field field, List<Integer> otherwise) {
    if (field == null) {
      return otherwise;
    }
    List<Integer> statuses = new ArrayList<>();
    List<Node> items = yaml.oneOrMore(field.value(), "status");
    for (Node item : items == null ? List.<Node>of() : items) {
      Integer status = yaml.integer(item, "a status", 100, 599);
      if (status != null) {
        statuses.add(status);
      }
    }
    if (items != null && items.isEmpty()) {
      yaml.problem(field.value(), "the list of statuses is empty; name one, such as 200.");
    }
    return statuses;
  }

  private boolean bool(@Nullable Field field, boolean otherwise) {
    Boolean value = field == null ? null : yaml.bool(field.value(), "verify");
    return value == null ? otherwise : value;
  }

  private Duration duration(
      @Nullable Field field, String what, Duration min, Duration max, Duration otherwise) {
    Duration read = field == null ? null : Quantities.duration(yaml, field.value(), what, min, max);
    return read == null ? otherwise : read;
  }

  private int tries(@Nullable Field field, String what, int otherwise) {
    Integer read = field == null ? null : yaml.integer(field.value(), what, 1, MOST_TRIES);
    return read == null ? otherwise : read;
  }
}
