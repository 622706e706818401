package dev.meridian.site;

import dev.meridian.geo.Prefix;
import dev.meridian.site.YamlReader.Field;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code sessions}. */
final class SessionsReader {
  static final List<String> KEYS =
      List.of("idle", "absolute", "cookie", "sameSite", "secure", "rateLimit");

  private static final List<String> LIMIT_KEYS = List.of("perSecond", "exempt");

  private static final Duration LEAST = Duration.ofMinutes(1);

  /** Longest life of a session; the keys that sign cookies are kept for as long. */
  private static final Duration MOST = Duration.ofDays(365);

  /** A token (RFC 6265, section 4.1.1), kept short. */
  private static final String COOKIE = "[A-Za-z0-9_-]{1,40}";

  private static final int MOST_PER_SECOND = 1_000;

  private final YamlReader yaml;

  SessionsReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  /**
   * {@code on}, or the settings, of which those that are not there are the defaults; empty where
   * they are {@code off} or not spoken of.
   */
  Optional<SessionSettings> sessions(@Nullable Field field) {
    if (field == null) {
      return Optional.empty();
    }
    if (field.value() instanceof ScalarNode scalar) {
      switch (scalar.getValue()) {
        case "on" -> {
          return Optional.of(SessionSettings.DEFAULT);
        }
        case "off" -> {}
        default ->
            yaml.problem(
                scalar, "sessions is on, or off, or says how they are, such as {idle: 7 d}.");
      }
      return Optional.empty();
    }
    return Optional.of(settings(yaml.fields(field, "sessions", KEYS)));
  }

  private SessionSettings settings(Map<String, Field> fields) {
    SessionSettings defaults = SessionSettings.DEFAULT;
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
    SessionSettings.Secure secure =
        word(fields.get("secure"), "secure", SessionSettings.Secure.class, defaults.secure());
    String cookie =
        secure == SessionSettings.Secure.ALWAYS
            ? SessionSettings.HOST_PREFIX + defaults.cookie()
            : defaults.cookie();
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
    if (cookieField != null
        && (cookie.startsWith(SessionSettings.HOST_PREFIX) || cookie.startsWith("__Secure-"))
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
        secure,
        rateLimit(fields.get("rateLimit"), defaults.rateLimit()));
  }

  private Optional<NewSessionLimit> rateLimit(
      @Nullable Field field, Optional<NewSessionLimit> otherwise) {
    if (field == null) {
      return otherwise;
    }
    if (field.value() instanceof ScalarNode scalar && scalar.getValue().equals("off")) {
      return Optional.empty();
    }
    Map<String, Field> fields = yaml.fields(field, "rateLimit", LIMIT_KEYS);
    Field perSecond = fields.get("perSecond");
    Integer rate =
        perSecond == null
            ? Integer.valueOf(NewSessionLimit.DEFAULT.perSecond())
            : yaml.integer(perSecond.value(), "perSecond", 1, MOST_PER_SECOND);
    List<Prefix> exempt = NamesReader.exempt(yaml, fields.get("exempt"));
    return rate == null ? otherwise : Optional.of(new NewSessionLimit(rate, exempt));
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
