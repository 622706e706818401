package dev.meridian.web;

import io.pebbletemplates.pebble.extension.Filter;
import io.pebbletemplates.pebble.extension.Function;
import io.pebbletemplates.pebble.template.EvaluationContext;
import io.pebbletemplates.pebble.template.PebbleTemplate;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A call of a function or a filter in a template, with its arguments and its place. */
record TemplateCall(
    Map<String, Object> arguments, EvaluationContext context, String template, int line) {
  /** Names for the segments that a path or an address may be given in. */
  static final List<String> PARTS = List.of("path", "s1", "s2", "s3", "s4", "s5", "s6", "s7");

  /** What a function does. */
  interface Body {
    @Nullable Object run(TemplateCall call);
  }

  /** What a filter does. */
  interface FilterBody {
    @Nullable Object run(@Nullable Object input, TemplateCall call);
  }

  PageFailure failure(String message) {
    return new PageFailure(template, line, message, null);
  }

  static String plain(Object value) {
    return value instanceof BigDecimal decimal ? decimal.toPlainString() : value.toString();
  }

  @Nullable String optional(String name) {
    Object value = arguments.get(name);
    return value == null ? null : plain(value);
  }

  String text(String name, String what) {
    String text = optional(name);
    if (text == null || text.isEmpty()) {
      throw failure(what + " is missing here.");
    }
    return text;
  }

  int number(String name, int otherwise, int min, int max) {
    Object value = arguments.get(name);
    if (value == null) {
      return otherwise;
    }
    try {
      int number = new BigDecimal(String.valueOf(value)).intValueExact();
      if (number >= min && number <= max) {
        return number;
      }
    } catch (ArithmeticException | NumberFormatException e) {
      // Said below.
    }
    throw failure(name + " is a whole number from " + min + " to " + max + ".");
  }

  /** {@code cities/IS-1} from one text or several; null if a part can be no segment. */
  @Nullable String joined() {
    StringBuilder path = new StringBuilder();
    for (String name : PARTS) {
      Object part = arguments.get(name);
      if (part != null) {
        String text = plain(part);
        if (!name.equals("path") && (text.isEmpty() || text.indexOf('/') >= 0)) {
          return null;
        }
        path.append(path.isEmpty() ? "" : "/").append(text);
      }
    }
    return path.isEmpty() ? null : path.toString();
  }

  /** A function with these arguments, in this order. */
  static Function function(List<String> names, Body body) {
    return new Function() {
      @Override
      public List<String> getArgumentNames() {
        return names;
      }

      @Override
      public @Nullable Object execute(
          Map<String, Object> arguments, PebbleTemplate self, EvaluationContext context, int line) {
        return body.run(new TemplateCall(arguments, context, self.getName(), line));
      }
    };
  }

  /** The same for a filter. */
  static Filter filter(List<String> names, FilterBody body) {
    return new Filter() {
      @Override
      public List<String> getArgumentNames() {
        return names;
      }

      @Override
      public @Nullable Object apply(
          @Nullable Object input,
          Map<String, Object> arguments,
          PebbleTemplate self,
          EvaluationContext context,
          int line) {
        return body.run(input, new TemplateCall(arguments, context, self.getName(), line));
      }
    };
  }
}
