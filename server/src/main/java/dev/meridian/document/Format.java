package dev.meridian.document;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The formats a value may travel in. Each says everything JSON can: a value that goes from JSON to
 * another format and back is the same, its members in the same order and its numbers of the same
 * value ({@code 1e2} may come back as {@code 100}, and only from CBOR).
 *
 * <p>What a format says beyond JSON is refused, by name, not guessed at.
 */
public enum Format {
  /** RFC 8259. */
  JSON("application/json", List.of("text/json"), "+json") {
    @Override
    Json read(byte[] input, JsonLimits limits) {
      return Json.parse(input, limits);
    }

    @Override
    byte[] write(Json value) {
      return value.toBytes();
    }
  },

  /** YAML 1.2 with the core schema (RFC 9512), without tags and aliases. */
  YAML("application/yaml", List.of("text/yaml", "application/x-yaml", "text/x-yaml"), "+yaml") {
    @Override
    Json read(byte[] input, JsonLimits limits) {
      return YamlReader.read(input, limits);
    }

    @Override
    byte[] write(Json value) {
      return YamlWriter.write(value);
    }
  },

  /**
   * The W3C's mapping of JSON, XPath and XQuery Functions 3.1, section 17.5: {@code <map
   * xmlns="http://www.w3.org/2005/xpath-functions"><string key="name">Ada</string></map>}.
   */
  XML("application/xml", List.of("text/xml"), "+xml") {
    @Override
    Json read(byte[] input, JsonLimits limits) {
      return XmlReader.read(input, limits);
    }

    @Override
    byte[] write(Json value) {
      return XmlWriter.write(value);
    }
  },

  /** RFC 8949, without byte strings and tags other than those of exact numbers. */
  CBOR("application/cbor", List.of(), "+cbor") {
    @Override
    Json read(byte[] input, JsonLimits limits) {
      return new CborReader(input, limits).read();
    }

    @Override
    byte[] write(Json value) {
      return CborWriter.write(value);
    }
  };

  /** The other formats spell a value in at most this many times the bytes of JSON. */
  private static final int MAX_EXPANSION = 8;

  private final String mediaType;
  private final List<String> aliases;
  private final String suffix;

  Format(String mediaType, List<String> aliases, String suffix) {
    this.mediaType = mediaType;
    this.aliases = aliases;
    this.suffix = suffix;
  }

  /** The media type to send, without parameters. */
  public String mediaType() {
    return mediaType;
  }

  /** The other media types that mean the same. */
  public List<String> aliases() {
    return aliases;
  }

  /**
   * The format of a media type, as in a {@code Content-Type}: its parameters are ignored, and
   * structured suffixes such as {@code +json} count.
   */
  public static Optional<Format> ofMediaType(String mediaType) {
    int semicolon = mediaType.indexOf(';');
    String type =
        (semicolon < 0 ? mediaType : mediaType.substring(0, semicolon))
            .strip()
            .toLowerCase(Locale.ROOT);
    Format known = Types.BY_NAME.get(type);
    if (known != null) {
      return Optional.of(known);
    }
    for (Format format : values()) {
      if (type.indexOf('/') > 0 && type.endsWith(format.suffix)) {
        return Optional.of(format);
      }
    }
    return Optional.empty();
  }

  /**
   * Reads a value.
   *
   * @param input the value in this format; text is UTF-8
   * @return the value as minified JSON; {@code input} itself when it is that already
   * @throws InvalidInputException if it is not in this format, says what JSON cannot, or exceeds a
   *     limit; {@link TooLargeException} if it is too long
   */
  public byte[] toJson(byte[] input, JsonLimits limits) {
    if (this == JSON) {
      return Json.minify(input, limits);
    }
    long longest = Math.min((long) limits.bytes() * MAX_EXPANSION, Integer.MAX_VALUE);
    limits.withBytes((int) longest).checkBytes(input.length);
    // Whatever the reader was told, what it read must be JSON within the limits.
    return Json.minify(read(input, limits).toBytes(), limits);
  }

  /**
   * Writes a value in this format.
   *
   * @param json the value as it is stored
   */
  public byte[] fromJson(byte[] json) {
    return this == JSON ? json : write(new StoredJson(json).read());
  }

  abstract Json read(byte[] input, JsonLimits limits);

  abstract byte[] write(Json value);

  private static final class Types {
    static final Map<String, Format> BY_NAME = byName();

    private static Map<String, Format> byName() {
      Map<String, Format> types = new HashMap<>();
      for (Format format : values()) {
        types.put(format.mediaType, format);
        format.aliases.forEach(alias -> types.put(alias, format));
      }
      return types;
    }
  }
}
