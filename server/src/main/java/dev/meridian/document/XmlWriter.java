package dev.meridian.document;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Writes the W3C's XML for JSON. What XML 1.0 cannot hold, or would change, is written as JSON
 * escapes and marked with {@code escaped="true"}.
 */
final class XmlWriter {
  /** The namespace of the mapping. */
  static final String NAMESPACE = "http://www.w3.org/2005/xpath-functions";

  private final StringBuilder out =
      new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  private boolean root = true;

  private XmlWriter() {}

  static byte[] write(Json value) {
    XmlWriter writer = new XmlWriter();
    writer.value(value, null);
    return writer.out.append('\n').toString().getBytes(StandardCharsets.UTF_8);
  }

  private void value(Json value, @Nullable String key) {
    switch (value) {
      case Json.Obj object -> {
        open("map", key);
        out.append('>');
        object.members().forEach((name, member) -> value(member, name));
        out.append("</map>");
      }
      case Json.Arr array -> {
        open("array", key);
        out.append('>');
        array.items().forEach(item -> value(item, null));
        out.append("</array>");
      }
      case Json.Str string -> {
        open("string", key);
        boolean escape = needsEscape(string.value(), false);
        out.append(escape ? " escaped=\"true\">" : ">");
        text(string.value(), escape);
        out.append("</string>");
      }
      case Json.Num number -> {
        open("number", key);
        out.append('>').append(number.text()).append("</number>");
      }
      case Json.Bool bool -> {
        open("boolean", key);
        out.append('>').append(bool.value()).append("</boolean>");
      }
      case Json.Null() -> {
        open("null", key);
        out.append("/>");
      }
    }
  }

  private void open(String element, @Nullable String key) {
    out.append('<').append(element);
    if (root) {
      out.append(" xmlns=\"").append(NAMESPACE).append('"');
      root = false;
    }
    if (key != null) {
      boolean escape = needsEscape(key, true);
      out.append(escape ? " escaped-key=\"true\" key=\"" : " key=\"");
      text(key, escape);
      out.append('"');
    }
  }

  /** Attributes lose tabs and line feeds as well. */
  private static boolean needsEscape(String text, boolean attribute) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean kept = c >= 0x20 || (!attribute && (c == '\t' || c == '\n'));
      if (!kept || c >= 0xfffe) {
        return true;
      }
    }
    return false;
  }

  private void text(String text, boolean escape) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '&' -> out.append("&amp;");
        case '"' -> out.append(escape ? "\\&quot;" : "&quot;");
        case '\\' -> out.append(escape ? "\\\\" : "\\");
        default -> {
          if (escape && (c < 0x20 || c >= 0xfffe)) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
  }
}
