package dev.meridian.document;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * Reads the W3C's XML for JSON, strictly. Document types are refused, and entities with them, so
 * nothing is fetched and nothing unfolds.
 */
final class XmlReader {
  private static final XMLInputFactory FACTORY = factory();

  private final XMLStreamReader in;
  private final JsonLimits limits;

  private XmlReader(XMLStreamReader in, JsonLimits limits) {
    this.in = in;
    this.limits = limits;
  }

  private static XMLInputFactory factory() {
    XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    factory.setProperty(XMLInputFactory.IS_REPLACING_ENTITY_REFERENCES, false);
    factory.setXMLResolver(
        (publicId, systemId, baseUri, namespace) -> {
          throw new XMLStreamException("external entities are not read");
        });
    return factory;
  }

  static Json read(byte[] input, JsonLimits limits) {
    String text = Texts.utf8(input, "XML");
    try {
      XMLStreamReader in;
      synchronized (FACTORY) { // it is not said to be safe for several threads
        in = FACTORY.createXMLStreamReader(new StringReader(text));
      }
      try {
        return new XmlReader(in, limits).document();
      } finally {
        in.close();
      }
    } catch (XMLStreamException e) {
      int line = e.getLocation() == null ? 0 : e.getLocation().getLineNumber();
      String message = String.valueOf(e.getMessage());
      int said = message.indexOf("Message: ");
      throw new InvalidInputException(
          "Invalid XML"
              + (line < 1 ? "" : " at line " + line)
              + ": "
              + Texts.shorten(said < 0 ? message : message.substring(said + 9))
              + ".",
          e);
    } catch (InvalidInputException e) {
      throw e;
    } catch (RuntimeException e) {
      // A parser that trips over malformed input is no reason to trip over the parser.
      throw new InvalidInputException("Invalid XML: the parser cannot read it.", e);
    }
  }

  private Json document() throws XMLStreamException {
    String encoding = in.getCharacterEncodingScheme();
    if (encoding != null && !encoding.equalsIgnoreCase("UTF-8")) {
      throw error("the encoding is declared as " + Texts.shorten(encoding) + "; send UTF-8");
    }
    if (nextTag() != XMLStreamConstants.START_ELEMENT) {
      throw error("there is no element; send a value such as <map xmlns=\"…\"/>");
    }
    if (hasKey()) {
      throw error("only what is inside a map has a key");
    }
    Json value = value(0);
    nextTag();
    return value;
  }

  /** Reads the element that was just opened, to its end. */
  private Json value(int depth) throws XMLStreamException {
    if (!XmlWriter.NAMESPACE.equals(in.getNamespaceURI())) {
      throw error(
          "the element "
              + Texts.shorten(in.getLocalName())
              + " is not in the namespace "
              + XmlWriter.NAMESPACE
              + "; declare it with xmlns on the first element");
    }
    checkAttributes();
    return switch (in.getLocalName()) {
      case "map" -> {
        limits.checkDepth(depth + 1, place());
        yield map(depth);
      }
      case "array" -> {
        limits.checkDepth(depth + 1, place());
        yield array(depth);
      }
      case "string" -> {
        boolean escaped = flag("escaped");
        String text = text();
        yield new Json.Str(escaped ? unescape(text) : text);
      }
      case "number" -> number(text().strip());
      case "boolean" ->
          switch (text().strip()) {
            case "true", "1" -> new Json.Bool(true);
            case "false", "0" -> new Json.Bool(false);
            default -> throw error("a boolean is true or false");
          };
      case "null" -> {
        if (!text().isEmpty()) {
          throw error("null has no content; write <null/>");
        }
        yield Json.NULL;
      }
      default ->
          throw error(
              "the element "
                  + Texts.shorten(in.getLocalName())
                  + " is none of map, array, string, number, boolean and null");
    };
  }

  private Json map(int depth) throws XMLStreamException {
    Map<String, Json> members = new LinkedHashMap<>();
    while (nextTag() == XMLStreamConstants.START_ELEMENT) {
      String key = in.getAttributeValue("", "key");
      if (key == null) {
        throw error("an element inside a map needs a key=\"…\"");
      }
      String name = flag("escaped-key") ? unescape(key) : key;
      if (members.put(name, value(depth + 1)) != null) {
        throw error("the key \"" + Texts.shorten(name) + "\" stands twice; keep one");
      }
    }
    return new Json.Obj(members);
  }

  private Json array(int depth) throws XMLStreamException {
    List<Json> items = new ArrayList<>();
    while (nextTag() == XMLStreamConstants.START_ELEMENT) {
      if (hasKey()) {
        throw error("only what is inside a map has a key");
      }
      items.add(value(depth + 1));
    }
    return new Json.Arr(items);
  }

  private Json number(String text) {
    if (text.length() > limits.numberChars()) {
      throw error("a number has more than " + limits.numberChars() + " characters; shorten it");
    }
    String number = Texts.jsonNumber(text);
    if (number == null) {
      throw error("\"" + Texts.shorten(text) + "\" is no JSON number; write a string or null");
    }
    return new Json.Num(number);
  }

  private boolean hasKey() {
    return in.getAttributeValue("", "key") != null;
  }

  private void checkAttributes() {
    for (int i = 0; i < in.getAttributeCount(); i++) {
      String namespace = in.getAttributeNamespace(i);
      String name = in.getAttributeLocalName(i);
      boolean ours = namespace == null || namespace.isEmpty();
      boolean known =
          name.equals("key")
              || name.equals("escaped-key")
              || (name.equals("escaped") && in.getLocalName().equals("string"));
      if (ours && !known) {
        throw error("the attribute " + Texts.shorten(name) + " is not known; remove it");
      }
    }
  }

  private boolean flag(String attribute) {
    String value = in.getAttributeValue("", attribute);
    if (value == null) {
      return false;
    }
    return switch (value.strip()) {
      case "true", "1" -> true;
      case "false", "0" -> false;
      default -> throw error(attribute + " is true or false");
    };
  }

  /** Goes on to the next start or end, over comments, and whitespace between elements. */
  private int nextTag() throws XMLStreamException {
    while (in.hasNext()) {
      int event = in.next();
      switch (event) {
        case XMLStreamConstants.START_ELEMENT,
            XMLStreamConstants.END_ELEMENT,
            XMLStreamConstants.END_DOCUMENT -> {
          return event;
        }
        case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA -> {
          if (!in.isWhiteSpace()) {
            throw error("there is text between elements; put it into a <string>");
          }
        }
        default -> refuseEntities(event);
      }
    }
    return XMLStreamConstants.END_DOCUMENT;
  }

  /** The text up to the element's end. */
  private String text() throws XMLStreamException {
    StringBuilder text = new StringBuilder();
    while (true) {
      int event = in.next();
      switch (event) {
        case XMLStreamConstants.END_ELEMENT -> {
          return text.toString();
        }
        case XMLStreamConstants.CHARACTERS, XMLStreamConstants.CDATA, XMLStreamConstants.SPACE ->
            text.append(in.getTextCharacters(), in.getTextStart(), in.getTextLength());
        case XMLStreamConstants.START_ELEMENT ->
            throw error("there is an element where text should be");
        default -> refuseEntities(event);
      }
    }
  }

  private void refuseEntities(int event) {
    if (event == XMLStreamConstants.DTD) {
      throw error("document types (<!DOCTYPE …>) are not accepted; remove it");
    }
    if (event == XMLStreamConstants.ENTITY_REFERENCE) {
      throw error("entities other than &lt; &gt; &amp; &quot; &apos; are not accepted");
    }
  }

  /** Undoes JSON's escapes. */
  private String unescape(String text) {
    StringBuilder plain = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != '\\') {
        plain.append(c);
        continue;
      }
      i++;
      switch (i < text.length() ? text.charAt(i) : ' ') {
        case '"' -> plain.append('"');
        case '\\' -> plain.append('\\');
        case '/' -> plain.append('/');
        case 'b' -> plain.append('\b');
        case 'f' -> plain.append('\f');
        case 'n' -> plain.append('\n');
        case 'r' -> plain.append('\r');
        case 't' -> plain.append('\t');
        case 'u' -> {
          plain.append(unit(text, i + 1));
          i += 4;
        }
        default -> throw error("an escaped text has a backslash that escapes nothing");
      }
    }
    return plain.toString();
  }

  private char unit(String text, int from) {
    int unit = 0;
    for (int i = from; i < from + 4; i++) {
      int digit = i < text.length() ? Character.digit(text.charAt(i), 16) : -1;
      if (digit < 0 || text.charAt(i) > 'f') {
        throw error("\\u needs four hexadecimal digits");
      }
      unit = unit << 4 | digit;
    }
    return (char) unit;
  }

  private InvalidInputException error(String what) {
    return new InvalidInputException("Invalid XML" + place() + ": " + what + ".");
  }

  private String place() {
    int line = in.getLocation().getLineNumber();
    return line < 1 ? "" : " at line " + line + ", column " + in.getLocation().getColumnNumber();
  }
}
