package dev.meridian.web;

import java.math.BigDecimal;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * {@code {name}} and {@code {outer.inner}} in the texts that pages read data with. What is put in
 * can never become more than one segment of a path or one literal of an expression, whatever a
 * visitor sends.
 */
final class Placeholders {
  private static final Pattern PLACEHOLDER =
      Pattern.compile(
          "\\{([A-Za-z_][A-Za-z0-9_]*(?:\\.[A-Za-z_][A-Za-z0-9_-]*)*)"
              + "((?:\\|(?:fold|first\\([0-9]{1,4}\\)))*)}");

  /** The user who is signed in, where the site has accounts. */
  static final String USER = "user";

  private final Map<String, Object> variables;

  Placeholders(Map<String, Object> variables) {
    this.variables = variables;
  }

  /**
   * A path with its placeholders filled in, or null when one of them has no value that can be a
   * segment.
   */
  @Nullable String path(String text) {
    boolean[] absent = new boolean[1];
    String filled =
        fill(
            text,
            value -> {
              String segment = value == null ? "" : plain(value);
              absent[0] |= segment.isEmpty() || segment.indexOf('/') >= 0;
              return segment;
            });
    return absent[0] ? null : filled;
  }

  /** Plain text with its placeholders filled in; what has no value becomes empty. */
  String text(String text) {
    return fill(text, value -> value == null ? "" : plain(value));
  }

  /**
   * Whether there is something to this text with its placeholders filled in: {@code false} counts
   * as what is not there.
   */
  boolean isMet(String text) {
    return !fill(text, value -> value == null || value.equals(false) ? "" : plain(value)).isBlank();
  }

  /** Whether the text asks for something of the user that is not there: nobody is signed in. */
  boolean lacksUser(String text) {
    return variables.get(USER) instanceof UserView
        && PLACEHOLDER
            .matcher(text)
            .results()
            .anyMatch(
                match ->
                    match.group(1).startsWith(USER + ".")
                        && shaped(value(match.group(1)), match.group(2)) == null);
  }

  /** A CEL expression with its placeholders filled in as literals. */
  String expression(String text) {
    return fill(text, Placeholders::literal);
  }

  private String fill(String text, Function<@Nullable Object, String> shape) {
    if (text.indexOf('{') < 0) {
      return text;
    }
    return PLACEHOLDER
        .matcher(text)
        .replaceAll(
            (MatchResult match) ->
                Matcher.quoteReplacement(
                    shape.apply(shaped(value(match.group(1)), match.group(2)))));
  }

  /** {@code text} with {@code sample} in the place of every placeholder. */
  static String sample(String text, String sample) {
    return PLACEHOLDER.matcher(text).replaceAll(Matcher.quoteReplacement(sample));
  }

  private @Nullable Object value(String name) {
    Object value = variables;
    for (String part : name.split("\\.")) {
      value = value instanceof Map<?, ?> map ? map.get(part) : null;
    }
    return value;
  }

  /** Applies {@code |fold} and {@code |first(n)} to text; what is left empty counts as absent. */
  private static @Nullable Object shaped(@Nullable Object value, String filters) {
    if (value == null || filters.isEmpty()) {
      return value;
    }
    String text = plain(value);
    for (String filter : filters.substring(1).split("\\|")) {
      if (filter.equals("fold")) {
        text = NameFolding.fold(text);
      } else {
        int most = Integer.parseInt(filter.substring("first(".length(), filter.length() - 1));
        text = text.substring(0, text.offsetByCodePoints(0, Math.min(most, points(text))));
      }
    }
    return text.isEmpty() ? null : text;
  }

  private static int points(String text) {
    return text.codePointCount(0, text.length());
  }

  private static String plain(Object value) {
    return switch (value) {
      case BigDecimal decimal -> decimal.toPlainString();
      case String text -> text;
      case Number number -> number.toString();
      case Boolean bool -> bool.toString();
      default -> "";
    };
  }

  /** A constant of the Common Expression Language. */
  static String literal(@Nullable Object value) {
    return switch (value) {
      case null -> "null";
      case Number number -> plain(number);
      case Boolean bool -> bool.toString();
      default -> quote(plain(value));
    };
  }

  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (c < 0x20 || c == 0x7f) {
        quoted.append(String.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }
}
