package dev.meridian.document;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class JsonTest {
  private static final JsonMapper JACKSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build();

  @Property(tries = 2000)
  void whatIsWrittenIsReadBack(@ForAll("values") Json value) {
    byte[] bytes = value.toBytes();
    assertThat(Json.parse(bytes)).isEqualTo(value);
    assertThat(Json.parse(bytes).toBytes()).isEqualTo(bytes);
    assertThat(Json.minify(bytes, JsonLimits.DEFAULT)).isSameAs(bytes);
  }

  @Property
  void jacksonReadsTheSame(@ForAll("values") Json value) {
    byte[] bytes = value.toBytes();
    JsonNode theirs = JACKSON.readTree(bytes);
    assertThat(Json.parse(JACKSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(theirs)))
        .usingComparator(JsonTest::compareStructure)
        .isEqualTo(value);
  }

  private static int compareStructure(Json a, Json b) {
    // Jackson's tree respells numbers; the rest must be the same, the order of members too.
    return withoutNumbers(a).toString().equals(withoutNumbers(b).toString()) ? 0 : 1;
  }

  private static Json withoutNumbers(Json value) {
    return switch (value) {
      case Json.Num number -> Json.Num.of(0);
      case Json.Arr array ->
          new Json.Arr(array.items().stream().map(JsonTest::withoutNumbers).toList());
      case Json.Obj object -> {
        var members = new LinkedHashMap<String, Json>();
        object.members().forEach((name, member) -> members.put(name, withoutNumbers(member)));
        yield new Json.Obj(members);
      }
      default -> value;
    };
  }

  @Property(tries = 2000)
  void whitespaceIsDroppedAndNothingElse(
      @ForAll("values") Json value, @ForAll("spaces") String ws) {
    byte[] minified = value.toBytes();
    byte[] spaced = spread(minified, ws);
    assertThat(Json.minify(spaced, JsonLimits.DEFAULT)).isEqualTo(minified);
    assertThat(Json.parse(spaced)).isEqualTo(value);
  }

  @Property(tries = 5000)
  void garbageIsAcceptedExactlyWhenJacksonAcceptsIt(@ForAll("nearlyJson") String text) {
    byte[] bytes = text.getBytes(UTF_8);
    boolean jackson;
    try {
      jackson = !JACKSON.readTree(bytes).isMissingNode();
    } catch (JacksonException e) {
      jackson = false;
    }
    assertThat(accepts(bytes)).as(text).isEqualTo(jackson);
  }

  @Property(tries = 5000)
  void bytesOfAnyKindAreReadOrRefused(@ForAll byte[] bytes) {
    accepts(bytes);
  }

  @Property
  void truncatedAndDamagedTextsAreReadOrRefused(
      @ForAll("values") Json value, @ForAll byte damage, @ForAll int where) {
    byte[] bytes = value.toBytes();
    int at = Math.floorMod(where, bytes.length);
    accepts(Arrays.copyOf(bytes, at));
    bytes[at] = damage;
    accepts(bytes);
  }

  /** Whether it is accepted; the three ways to read must agree and refuse in one way only. */
  private static boolean accepts(byte[] bytes) {
    Json tree = null;
    try {
      tree = Json.parse(bytes);
    } catch (InvalidInputException e) {
      assertThat(e)
          .hasMessageMatching("(?s)(Invalid JSON at line \\d+, column \\d+: .+|.*nested.*)");
    }
    byte[] minified = null;
    try {
      minified = Json.minify(bytes, JsonLimits.DEFAULT);
    } catch (InvalidInputException e) {
      assertThat(tree).isNull();
    }
    if (minified != null) {
      assertThat(Json.parse(minified)).isEqualTo(tree);
    }
    return minified != null;
  }

  @Test
  void refusalsSayWhereAndHowToMend() {
    assertRefused("{\"a\":1,\n \"a\":2}", "line 2, column 2", "stands twice");
    assertRefused("{\"a\":1,\"\\u0061\":2}", "stands twice");
    assertRefused("[1,]", "comma before ']'");
    assertRefused("{'a':1}", "double quotes");
    assertRefused("[01]", "leading zero");
    assertRefused("[+1]", "starts with '-' or a digit");
    assertRefused("[.5]", "starts with '-' or a digit");
    assertRefused("[NaN]", "no JSON numbers");
    assertRefused("[1e999999999]", "exponent is beyond 9999");
    assertRefused("[1e99999999999999999999]", "exponent is beyond 9999");
    assertRefused("[" + "1".repeat(1001) + "]", "more than 1000 characters");
    assertRefused("// x\n1", "no comments");
    assertRefused("1 2", "more after the end");
    assertRefused("", "empty");
    assertRefused(" \n", "empty");
    assertRefused("[1", "ends where ',' or ']' should be");
    assertRefused("\"a", "not closed");
    assertRefused("\"a\nb\"", "\\u000a");
    assertRefused("\"\\x\"", "after a backslash");
    assertRefused("\"\\u12g4\"", "four hexadecimal digits");
    assertRefused("\"\\ud800\"", "half of a surrogate pair");
    assertRefused("\"\\ud800\\u0041\"", "half of a surrogate pair");
    assertRefused("\"\\udc00\"", "half of a surrogate pair");
    assertRefused("[".repeat(65) + "]".repeat(65), "nested deeper than 64 levels");
    assertRefused("{\"a\":".repeat(65) + "1" + "}".repeat(65), "nested deeper than 64 levels");
  }

  @Test
  void onlyWellFormedUtf8IsRead() {
    for (String bad :
        List.of(
            "\u0080",
            "\u00ff",
            "\u00c0\u0080",
            "\u00c1\u00bf",
            "\u00e0\u0080\u0080",
            "\u00ed\u00a0\u0080",
            "\u00f0\u0080\u0080\u0080",
            "\u00f4\u0090\u0080\u0080",
            "\u00f5\u0080\u0080\u0080",
            "\u00c3",
            "\u00e4\u00b8",
            "\u00f0\u009f\u0098")) {
      byte[] bytes = ("\"" + bad + "\"").getBytes(ISO_8859_1);
      assertThatThrownBy(() -> Json.parse(bytes))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("not UTF-8");
      assertThatThrownBy(() -> Json.minify(bytes, JsonLimits.DEFAULT))
          .isInstanceOf(InvalidInputException.class);
    }
    assertThatThrownBy(() -> Json.parse("{\"a\":1}".getBytes(UTF_16LE)))
        .isInstanceOf(InvalidInputException.class);
    assertThat(Json.parse("\ufeff\"é世😀\"".getBytes(UTF_8))).isEqualTo(new Json.Str("é世😀"));
    assertThat(Json.minify("\ufeff[1, 2]".getBytes(UTF_8), JsonLimits.DEFAULT))
        .isEqualTo("[1,2]".getBytes(UTF_8));
    assertThat(Json.minify("\ufeff1".getBytes(UTF_8), JsonLimits.DEFAULT))
        .isEqualTo("1".getBytes(UTF_8));
  }

  @Test
  void duplicatesAreFoundAmongManyMembers() {
    StringBuilder text = new StringBuilder("{");
    for (int i = 0; i < 100; i++) {
      text.append("\"n").append(i).append("\":{\"n").append(i).append("\":0},");
    }
    assertThat(accepts((text + "\"last\":1}").getBytes(UTF_8))).isTrue();
    assertRefused(text + "\"n99\":1}", "\"n99\" stands twice");
    assertRefused(text + "\"n0\":1}", "\"n0\" stands twice");
    assertRefused(text + "\"\\u006e3\":1}", "\"n3\" stands twice");
  }

  @Test
  void sizeIsBounded() {
    assertThatExceptionOfType(TooLargeException.class)
        .isThrownBy(() -> Json.parse(new byte[11], JsonLimits.DEFAULT.withBytes(10)))
        .withMessageContaining("11 bytes; at most 10");
  }

  @Property
  void wantedFieldsAreReadAsTheTreeHasThem(
      @ForAll("objects") Json.Obj object,
      @ForAll("fieldPaths") List<String> paths,
      @ForAll Random choice) {
    List<FieldPath> fields = new ArrayList<>(paths.stream().map(FieldPath::parse).toList());
    object
        .members()
        .forEach(
            (name, value) -> {
              if (!name.isEmpty()) {
                fields.add(new FieldPath(List.of(name)));
                if (value instanceof Json.Obj inner) {
                  inner.members().keySet().stream()
                      .filter(n -> !n.isEmpty())
                      .forEach(n -> fields.add(new FieldPath(List.of(name, n))));
                }
              }
            });
    fields.removeIf(field -> choice.nextInt(3) == 0); // so that some objects are left half read
    @Nullable Json[] values = FieldReader.of(fields).read(object.toBytes());
    for (int i = 0; i < fields.size(); i++) {
      assertThat(values[i]).as(fields.get(i).toString()).isEqualTo(object.at(fields.get(i)));
    }
  }

  @Test
  void theLastWantedFieldOfAnInnerObjectDoesNotEndTheOuter() {
    FieldReader reader = FieldReader.of(List.of(FieldPath.parse("a.b"), FieldPath.parse("c")));
    assertThat(reader.read("{\"a\":{\"b\":1,\"c\":9},\"c\":2}".getBytes(UTF_8)))
        .containsExactly(Json.Num.of(1), Json.Num.of(2));
    assertThat(reader.read("{\"a\":{\"x\":1,\"c\":9},\"c\":2}".getBytes(UTF_8)))
        .containsExactly(null, Json.Num.of(2));
    assertThat(reader.read("{\"c\":2,\"a\":{\"c\":9,\"b\":1}}".getBytes(UTF_8)))
        .containsExactly(Json.Num.of(1), Json.Num.of(2));
  }

  @Test
  void fieldsOfWhatIsNoObjectAreMissing() {
    FieldReader reader = FieldReader.of(List.of(FieldPath.parse("a.b")));
    for (String text : List.of("1", "[{\"a\":{\"b\":1}}]", "{\"a\":[{\"b\":1}]}", "{\"a\":1}")) {
      assertThat(reader.read(text.getBytes(UTF_8))).containsOnlyNulls();
    }
    assertThat(reader.read("{\"x\":[{}],\"\\u0061\":{\"b\":1}}".getBytes(UTF_8)))
        .containsExactly(Json.Num.of(1));
  }

  @Test
  void aHalfPairIsNotWritten() {
    assertThatExceptionOfType(InvalidInputException.class)
        .isThrownBy(() -> new Json.Obj(Map.of("\ud800", Json.NULL)).toBytes());
  }

  private static void assertRefused(String text, String... parts) {
    byte[] bytes = text.getBytes(UTF_8);
    assertThatThrownBy(() -> Json.parse(bytes))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(parts);
    assertThatThrownBy(() -> Json.minify(bytes, JsonLimits.DEFAULT))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(parts);
  }

  /** Puts whitespace around every token. */
  private static byte[] spread(byte[] minified, String ws) {
    String text = new String(minified, UTF_8);
    StringBuilder spaced = new StringBuilder(ws);
    boolean inString = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean structural = !inString && "{}[],:".indexOf(c) >= 0;
      spaced.append(structural ? ws : "").append(c).append(structural ? ws : "");
      if (inString && c == '\\') {
        spaced.append(text.charAt(++i));
      } else if (c == '"') {
        inString = !inString;
      }
    }
    return spaced.append(ws).toString().getBytes(UTF_8);
  }

  @Provide
  Arbitrary<Json> values() {
    return JsonArbitraries.values();
  }

  @Provide
  Arbitrary<Json.Obj> objects() {
    return JsonArbitraries.objects();
  }

  @Provide
  Arbitrary<String> spaces() {
    return Arbitraries.strings().withChars(" \t\r\n".toCharArray()).ofMaxLength(3);
  }

  @Provide
  Arbitrary<List<String>> fieldPaths() {
    return Arbitraries.of("a", "b", "a.b", "a.b.c", "no", "true", "A").list().ofMaxSize(4);
  }

  @Provide
  Arbitrary<String> nearlyJson() {
    return Arbitraries.of(
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"", "\\", "\\n", "\\u00e9", "0", "1",
            "-", "+", ".", "e", "E", "12", "true", "false", "null", "nul", " ", "\n", "\t", "/",
            "'", "{\"a\":", "[1,", "é", "\u0001")
        .list()
        .ofMaxSize(8)
        .map(tokens -> String.join("", tokens));
  }
}
