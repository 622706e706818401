package dev.meridian.site;

import dev.meridian.site.YamlReader.Field;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads {@code sessions}. */
final class SessionsReader {
  static final List<String> KEYS = List.of("idle", "absolute", "cookie", "sameSite", "secure");

  private static final Duration LEAST = Duration.ofMinutes(1);

  /** Longest life of a session; the keys that sign cookies are kept for as long. */
  private static final Duration MOST = Duration.ofDays(365);

  /** A token (RFC 6265, section 4.1.1), kept short. */
  private static final String COOKIE = "[A-Za-z0-9_-]{1,40}";

  private final YamlReader yaml;

  SessionsReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  /** The settings; those that are not there are the defaults. */
  SessionSettings sessions(@Nullable Field field) {
    SessionSettings defaults = SessionSettings.DEFAULT;
    Map<String, Field> fields = yaml.fields(field, "sessions", KEYS);
    Duration idle = duration(fields.get("idle"), "idle", defaults.idle());
    Duration absolute = duration(fields.get("absolute"), "absolute", defaults.absolute());
    if (idle.compareTo(absolute) > 0) {
      Field wrong = fields.get("idle");
      if (wrong == null) {
        idle = absolute;
      } else {
        yaml.problem(
            wrong.value(),
            "idle is longer than absolute, which is " + Units.format(absolute) + ".");
      }
    }
    String cookie = defaults.cookie();
    Field cookieField = fields.get("cookie");
    if (cookieField != null) {
      String text = yaml.string(cookieField.value(), "cookie");
      if (text != null && !text.matches(COOKIE)) {
        yaml.problem(
            cookieField.value(), "cookie is a name of 1 to 40 letters, digits, '_' and '-'.");
      } else if (text != null) {
        cookie = text;
      }
    }
    SessionSettings.Secure secure =
        word(fields.get("secure"), "secure", SessionSettings.Secure.class, defaults.secure());
    if (cookieField != null
        && (cookie.startsWith("__Host-") || cookie.startsWith("__Secure-"))
        && secure != SessionSettings.Secure.ALWAYS) {
      yaml.problem(
          cookieField.value(),
          "browsers take a cookie of such a name over TLS alone; add secure: always.");
    }
    return new SessionSettings(
        idle,
        absolute,
        cookie,
        word(
            fields.get("sameSite"),
            "sameSite",
            SessionSettings.SameSite.class,
            defaults.sameSite()),
        secure);
  }

  private Duration duration(@Nullable Field field, String name, Duration otherwise) {
    Duration value =
        field == null ? null : Quantities.duration(yaml, field.value(), name, LEAST, MOST);
    return value == null ? otherwise : value;
  }

  private <E extends Enum<E>> E word(
      @Nullable Field field, String name, Class<E> type, E otherwise) {
    if (field == null) {
      return otherwise;
    }
    Node node = field.value();
    String text = yaml.string(node, name);
    if (text == null) {
      return otherwise;
    }
    List<String> words =
        Arrays.stream(type.getEnumConstants())
            .map(one -> one.name().toLowerCase(Locale.ROOT))
            .toList();
    if (!words.contains(text)) {
      yaml.problem(
          node, name + " is " + String.join(" or ", words) + Suggestions.didYouMean(text, words));
      return otherwise;
    }
    return Enum.valueOf(type, text.toUpperCase(Locale.ROOT));
  }
}
