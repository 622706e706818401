package dev.meridian.document;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/**
 * Reads YAML 1.2, one document of it, with the core schema: {@code no} is a string and {@code 0x10}
 * is 16.
 *
 * <p>Aliases are refused, so a text cannot unfold into more than it is; so are tags, which name
 * types that JSON does not have. The events of the parser are read as they come: nothing is built
 * of a text that is nested too deep.
 */
final class YamlReader {
  private static final Pattern HEX = Pattern.compile("0x[0-9a-fA-F]+");
  private static final Pattern OCTAL = Pattern.compile("0o[0-7]+");
  private static final Pattern NOT_FINITE =
      Pattern.compile("[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)");

  private final Iterator<Event> events;
  private final JsonLimits limits;

  private YamlReader(Iterator<Event> events, JsonLimits limits) {
    this.events = events;
    this.limits = limits;
  }

  static Json read(byte[] input, JsonLimits limits) {
    String text = Texts.utf8(input, "YAML");
    LoadSettings settings =
        LoadSettings.builder().setLabel("YAML").setCodePointLimit(text.length() + 1).build();
    try {
      return new YamlReader(new Parse(settings).parseString(text).iterator(), limits).document();
    } catch (MarkedYamlEngineException e) {
      String place =
          e.getProblemMark()
              .map(
                  mark -> " at line " + (mark.getLine() + 1) + ", column " + (mark.getColumn() + 1))
              .orElse("");
      throw new InvalidInputException(
          "Invalid YAML" + place + ": " + Texts.shorten(String.valueOf(e.getProblem())) + ".", e);
    } catch (InvalidInputException e) {
      throw e;
    } catch (YamlEngineException e) {
      throw new InvalidInputException(
          "Invalid YAML: " + Texts.shorten(String.valueOf(e.getMessage())) + ".", e);
    } catch (RuntimeException e) {
      // The parser fails on some malformed escapes ("\\xzz") with whatever it happens to meet.
      throw new InvalidInputException(
          "Invalid YAML: the parser cannot read it; look for a wrong escape in double quotes.", e);
    }
  }

  private Json document() {
    events.next(); // the stream's start
    Event first = events.next();
    if (first.getEventId() != Event.ID.DocumentStart) {
      throw new InvalidInputException("Invalid YAML: the text is empty; send a value such as {}.");
    }
    Json value = value(events.next(), 0);
    events.next(); // the document's end
    Event next = events.next();
    if (next.getEventId() != Event.ID.StreamEnd) {
      throw error(next, "a second document starts here; send one");
    }
    return value;
  }

  private Json value(Event event, int depth) {
    return switch (event) {
      case ScalarEvent scalar -> scalar(scalar);
      case AliasEvent alias ->
          throw error(event, "aliases (*name) are not accepted; write the value out");
      case CollectionStartEvent collection -> {
        refuseTag(collection.getTag(), event);
        limits.checkDepth(depth + 1, place(event));
        yield collection instanceof MappingStartEvent ? mapping(depth) : sequence(depth);
      }
      default -> throw error(event, "a value is missing");
    };
  }

  private Json sequence(int depth) {
    List<Json> items = new ArrayList<>();
    for (Event event = events.next();
        event.getEventId() != Event.ID.SequenceEnd;
        event = events.next()) {
      items.add(value(event, depth + 1));
    }
    return new Json.Arr(items);
  }

  private Json mapping(int depth) {
    Map<String, Json> members = new LinkedHashMap<>();
    for (Event event = events.next();
        event.getEventId() != Event.ID.MappingEnd;
        event = events.next()) {
      if (!(event instanceof ScalarEvent key)) {
        throw error(event, "a key must be plain text");
      }
      refuseTag(key.getTag(), key);
      if (members.put(key.getValue(), value(events.next(), depth + 1)) != null) {
        throw error(
            key, "the key \"" + Texts.shorten(key.getValue()) + "\" stands twice; keep one");
      }
    }
    return new Json.Obj(members);
  }

  private Json scalar(ScalarEvent event) {
    refuseTag(event.getTag(), event);
    String text = event.getValue();
    if (!event.isPlain()) {
      return new Json.Str(text);
    }
    if (NOT_FINITE.matcher(text).matches()) {
      throw error(event, "JSON has no " + text + "; write a string or null");
    }
    if (text.length() > limits.numberChars() && isNumber(text)) {
      throw error(
          event,
          "a number has more than " + limits.numberChars() + " characters; write it in quotes");
    }
    Json special = special(text);
    return special == null ? new Json.Str(text) : special;
  }

  /** Whether the text is a number, without computing which. */
  private static boolean isNumber(String text) {
    return HEX.matcher(text).matches()
        || OCTAL.matcher(text).matches()
        || Texts.jsonNumber(text) != null;
  }

  /** What the core schema takes a plain scalar for, or null when that is text. */
  private static @Nullable Json special(String text) {
    switch (text) {
      case "", "~", "null", "Null", "NULL" -> {
        return Json.NULL;
      }
      case "true", "True", "TRUE" -> {
        return new Json.Bool(true);
      }
      case "false", "False", "FALSE" -> {
        return new Json.Bool(false);
      }
      default -> {
        if (HEX.matcher(text).matches()) {
          return new Json.Num(new BigInteger(text.substring(2), 16).toString());
        }
        if (OCTAL.matcher(text).matches()) {
          return new Json.Num(new BigInteger(text.substring(2), 8).toString());
        }
        String number = Texts.jsonNumber(text);
        return number == null ? null : new Json.Num(number);
      }
    }
  }

  private static void refuseTag(Optional<String> tag, Event event) {
    if (tag.isPresent()) {
      throw error(
          event,
          "the tag "
              + Texts.shorten(tag.get())
              + " is not accepted; leave it out, and write strings in quotes");
    }
  }

  private static InvalidInputException error(Event event, String what) {
    return new InvalidInputException("Invalid YAML" + place(event) + ": " + what + ".");
  }

  private static String place(Event event) {
    return event
        .getStartMark()
        .map(mark -> " at line " + (mark.getLine() + 1) + ", column " + (mark.getColumn() + 1))
        .orElse("");
  }
}
