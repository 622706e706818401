package dev.meridian.document;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Present;
import org.snakeyaml.engine.v2.common.FlowStyle;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.events.DocumentEndEvent;
import org.snakeyaml.engine.v2.events.DocumentStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.ImplicitTuple;
import org.snakeyaml.engine.v2.events.MappingEndEvent;
import org.snakeyaml.engine.v2.events.MappingStartEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.events.SequenceEndEvent;
import org.snakeyaml.engine.v2.events.SequenceStartEvent;
import org.snakeyaml.engine.v2.events.StreamEndEvent;
import org.snakeyaml.engine.v2.events.StreamStartEvent;

/**
 * Writes YAML in block style. Strings that any reader, of YAML 1.1 too, might take for something
 * else are quoted.
 */
final class YamlWriter {
  private static final DumpSettings SETTINGS =
      DumpSettings.builder()
          .setSplitLines(false)
          .setWidth(Integer.MAX_VALUE)
          .setIndicatorIndent(0)
          .build();

  /** What YAML 1.1 takes for booleans and null. */
  private static final Set<String> TAKEN =
      Set.of("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf");

  private static final ImplicitTuple NO_TAG = new ImplicitTuple(true, true);

  private final List<Event> events = new ArrayList<>();

  private YamlWriter() {}

  static byte[] write(Json value) {
    YamlWriter writer = new YamlWriter();
    writer.events.add(new StreamStartEvent());
    writer.events.add(new DocumentStartEvent(false, Optional.empty(), Map.of()));
    writer.value(value);
    writer.events.add(new DocumentEndEvent(false));
    writer.events.add(new StreamEndEvent());
    return new Present(SETTINGS)
        .emitToString(writer.events.iterator())
        .getBytes(StandardCharsets.UTF_8);
  }

  private void value(Json value) {
    switch (value) {
      case Json.Obj object -> {
        events.add(
            new MappingStartEvent(
                Optional.empty(), Optional.empty(), true, style(object.members().isEmpty())));
        object
            .members()
            .forEach(
                (name, member) -> {
                  text(name);
                  value(member);
                });
        events.add(new MappingEndEvent());
      }
      case Json.Arr array -> {
        events.add(
            new SequenceStartEvent(
                Optional.empty(), Optional.empty(), true, style(array.items().isEmpty())));
        array.items().forEach(this::value);
        events.add(new SequenceEndEvent());
      }
      case Json.Str string -> text(string.value());
      case Json.Num number -> scalar(number.text(), ScalarStyle.PLAIN);
      case Json.Bool bool -> scalar(String.valueOf(bool.value()), ScalarStyle.PLAIN);
      case Json.Null() -> scalar("null", ScalarStyle.PLAIN);
    }
  }

  private static FlowStyle style(boolean empty) {
    return empty ? FlowStyle.FLOW : FlowStyle.BLOCK;
  }

  private void text(String text) {
    scalar(text, isPlain(text) ? ScalarStyle.PLAIN : ScalarStyle.DOUBLE_QUOTED);
  }

  /** Words and simple phrases only; all else is quoted rather than reasoned about. */
  private static boolean isPlain(String text) {
    if (text.isEmpty() || !Character.isLetter(text.charAt(0)) || text.endsWith(" ")) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!Character.isLetterOrDigit(c) && " _-./@()".indexOf(c) < 0) {
        return false;
      }
    }
    return !TAKEN.contains(text.toLowerCase(Locale.ROOT));
  }

  private void scalar(String text, ScalarStyle style) {
    events.add(new ScalarEvent(Optional.empty(), Optional.empty(), NO_TAG, text, style));
  }
}
