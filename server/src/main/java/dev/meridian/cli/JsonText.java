package dev.meridian.cli;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.JsonLimits;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/** JSON on its way between people and the server; numbers keep their digits. */
final class JsonText {
  /** Largest value a command reads; the server's own limit is smaller and tells its reasons. */
  static final int MAX_BYTES = 16 << 20;

  static final JsonMapper MAPPER = JsonMapper.builder().build();

  static final JsonLimits LIMITS = JsonLimits.DEFAULT.withBytes(MAX_BYTES);

  private JsonText() {}

  /**
   * The text without the whitespace between its tokens.
   *
   * @throws InvalidInputException if it is not JSON
   */
  static byte[] minify(byte[] json) {
    return Json.minify(json, LIMITS);
  }

  /** The text on many lines, indented. */
  static String pretty(byte[] json) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(json.length * 2);
    try (JsonParser in = MAPPER.createParser(json);
        JsonGenerator to = MAPPER.writerWithDefaultPrettyPrinter().createGenerator(out)) {
      in.nextToken();
      copy(in, to);
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  /** Copies the value the parser stands on. */
  static void copy(JsonParser in, JsonGenerator to) {
    int depth = 0;
    do {
      JsonToken token = in.currentToken();
      switch (token) {
        case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> to.writeNumber(in.getString());
        default -> to.copyCurrentEvent(in);
      }
      if (token.isStructStart()) {
        depth++;
      } else if (token.isStructEnd()) {
        depth--;
      }
    } while (depth > 0 && in.nextToken() != null);
  }

  /**
   * The value a user gives: on the command line, in a file, or on standard input.
   *
   * @param text from the command line; {@code -} or null: standard input, unless there is a file
   */
  static byte[] given(@Nullable String text, @Nullable Path file, Console console)
      throws IOException {
    if (text != null && file != null) {
      throw new CliException(ExitCode.USAGE, "give the value or --file, not both");
    }
    byte[] bytes;
    if (file != null) {
      try (InputStream in = Files.newInputStream(file)) {
        bytes = in.readNBytes(MAX_BYTES + 1);
      }
    } else if (text != null && !text.equals("-")) {
      bytes = text.getBytes(StandardCharsets.UTF_8);
    } else {
      bytes = console.in().readNBytes(MAX_BYTES + 1);
    }
    if (bytes.length > MAX_BYTES) {
      throw new CliException(
          ExitCode.USAGE, "the value is larger than " + (MAX_BYTES >> 20) + " MiB");
    }
    return minify(bytes);
  }
}
