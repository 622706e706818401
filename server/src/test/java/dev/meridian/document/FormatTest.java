package dev.meridian.document;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.cbor.CBORMapper;

class FormatTest {
  private static final JsonLimits LIMITS = JsonLimits.DEFAULT;
  private static final String XMLNS = "xmlns='http://www.w3.org/2005/xpath-functions'";

  @Property(tries = 1000)
  void everyFormatBringsTheValueBack(@ForAll("values") Json value, @ForAll Format format) {
    byte[] json = value.toBytes();
    byte[] sent = format.fromJson(json);
    Json back = Json.parse(format.toJson(sent, LIMITS));
    if (format == Format.CBOR) {
      assertSameValues(back, value);
    } else {
      assertThat(back.toBytes()).as(new String(sent, UTF_8)).isEqualTo(json);
    }
  }

  /** The same but for the spelling of numbers; members in the same order. */
  private static void assertSameValues(Json actual, Json expected) {
    switch (expected) {
      case Json.Obj object -> {
        Map<String, Json> members = ((Json.Obj) actual).members();
        assertThat(List.copyOf(members.keySet())).isEqualTo(List.copyOf(object.members().keySet()));
        object
            .members()
            .forEach(
                (name, member) -> assertSameValues(members.getOrDefault(name, member), member));
      }
      case Json.Arr array -> {
        assertThat(((Json.Arr) actual).items()).hasSameSizeAs(array.items());
        for (int i = 0; i < array.items().size(); i++) {
          assertSameValues(((Json.Arr) actual).items().get(i), array.items().get(i));
        }
      }
      case Json.Num number ->
          assertThat(((Json.Num) actual).decimal()).isEqualByComparingTo(number.decimal());
      default -> assertThat(actual).isEqualTo(expected);
    }
  }

  @Property(tries = 2000)
  void damagedTextsAreReadOrRefused(
      @ForAll("values") Json value, @ForAll Format format, @ForAll byte damage, @ForAll int where) {
    byte[] sent = format.fromJson(value.toBytes());
    int at = Math.floorMod(where, sent.length);
    readOrRefuse(format, Arrays.copyOf(sent, at));
    sent[at] = damage;
    readOrRefuse(format, sent);
  }

  @Property(tries = 2000)
  void garbageIsReadOrRefused(@ForAll Format format, @ForAll byte[] bytes) {
    readOrRefuse(format, bytes);
  }

  @Property(tries = 2000)
  void nearlyYamlIsReadOrRefused(@ForAll("nearlyYaml") String text) {
    readOrRefuse(Format.YAML, text.getBytes(UTF_8));
  }

  @Property(tries = 1000)
  void nearlyXmlIsReadOrRefused(@ForAll("nearlyXml") String text) {
    readOrRefuse(Format.XML, text.getBytes(UTF_8));
  }

  private static void readOrRefuse(Format format, byte[] bytes) {
    byte[] json;
    try {
      json = format.toJson(bytes, LIMITS);
    } catch (InvalidInputException e) {
      assertThat(e.getMessage()).isNotBlank().hasSizeLessThan(500);
      return;
    }
    assertThat(Json.minify(json, LIMITS)).isSameAs(json);
    Json.parse(format.toJson(format.fromJson(json), LIMITS));
  }

  @ParameterizedTest
  @EnumSource(Format.class)
  void depthSizeAndNumbersAreBoundedInEveryFormat(Format format) {
    String deep = "[".repeat(65) + "]".repeat(65);
    assertRefused(format, format.fromJson(deep.getBytes(UTF_8)), "nested deeper than 64");
    String deepest = "[".repeat(64) + "]".repeat(64);
    assertThat(format.toJson(format.fromJson(deepest.getBytes(UTF_8)), LIMITS))
        .isEqualTo(deepest.getBytes(UTF_8));
    byte[] large = format.fromJson(("\"" + "a".repeat(LIMITS.bytes()) + "\"").getBytes(UTF_8));
    assertThatThrownBy(() -> format.toJson(large, LIMITS)).isInstanceOf(TooLargeException.class);
    byte[] digits = format.fromJson("1".repeat(1001).getBytes(UTF_8));
    assertRefused(format, digits, "number");
    byte[] exponent = format.fromJson("1e10000".getBytes(UTF_8));
    assertRefused(format, exponent, "exponent");
  }

  @ParameterizedTest
  @EnumSource(Format.class)
  void aDocumentFullOfWhatNeedsEscapingComesBack(Format format) {
    byte[] json =
        new Json.Arr(
                List.of(
                    new Json.Str("<&>\"'\\".repeat(10_000)),
                    new Json.Str("\u0000\u0001\r\n\t".repeat(5_000)),
                    new Json.Str("😀é\uffff".repeat(5_000))))
            .toBytes();
    assertThat(format.toJson(format.fromJson(json), LIMITS)).isEqualTo(json);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "application/json | JSON",
        "Application/JSON; charset=utf-8 | JSON",
        "application/problem+json | JSON",
        "application/yaml | YAML",
        "text/yaml;charset=utf-8 | YAML",
        "application/x-yaml | YAML",
        "application/xml | XML",
        "text/xml | XML",
        "application/atom+xml | XML",
        "application/cbor | CBOR",
        "application/senml+cbor | CBOR",
      })
  void formatsAreFoundByMediaType(String mediaType, Format format) {
    assertThat(Format.ofMediaType(mediaType)).contains(format);
    assertThat(Format.ofMediaType(format.mediaType())).contains(format);
  }

  @ParameterizedTest
  @ValueSource(strings = {"text/plain", "", "json", "+json", "application/jsonx", "*/*"})
  void otherMediaTypesAreNoFormat(String mediaType) {
    assertThat(Format.ofMediaType(mediaType)).isEmpty();
  }

  // -- YAML -----------------------------------------------------------------------------------

  @Test
  void yamlIsReadable() {
    byte[] json =
        "{\"name\":\"Reykjavík\",\"no\":\"no\",\"tags\":[\"port\",\"1\"],\"o\":{},\"n\":null}"
            .getBytes(UTF_8);
    assertThat(new String(Format.YAML.fromJson(json), UTF_8))
        .isEqualTo(
            """
            name: Reykjavík
            "no": "no"
            tags:
            - port
            - "1"
            o: {}
            "n": null
            """);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "no | \"no\"",
        "yes | \"yes\"",
        "on | \"on\"",
        "2020-01-01 | \"2020-01-01\"",
        "12:30:45 | \"12:30:45\"",
        "1_000 | \"1_000\"",
        "0b1 | \"0b1\"",
        "'1' | \"1\"",
        "\"1\" | \"1\"",
        "~ | null",
        "Null | null",
        "True | true",
        "0x1F | 31",
        "0o17 | 15",
        "017 | 17",
        "+1 | 1",
        ".5 | 0.5",
        "1. | 1",
        "-1.50e+3 | -1.50e+3",
        "[a, b] | [\"a\",\"b\"]",
        "{a: 1, true: x, 2: y} | {\"a\":1,\"true\":\"x\",\"2\":\"y\"}",
        "&anchor a | \"a\"",
        "<<: 1 | {\"<<\":1}",
      })
  void yamlMeansWhatTheCoreSchemaSays(String yaml, String json) {
    assertThat(Format.YAML.toJson(yaml.getBytes(UTF_8), LIMITS)).isEqualTo(json.getBytes(UTF_8));
  }

  @Test
  void hostileYamlIsRefused() {
    String laughs =
        """
        a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]
        b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
        c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
        """;
    assertRefused(Format.YAML, laughs, "aliases", "line 2, column 8");
    assertRefused(Format.YAML, "&a [*a]", "aliases");
    assertRefused(Format.YAML, "!!javax.script.ScriptEngineManager [1]", "the tag", "not accepted");
    assertRefused(Format.YAML, "a: !!str 1", "the tag");
    assertRefused(Format.YAML, "a: !x 1", "the tag");
    assertRefused(Format.YAML, "a: 1\na: 2", "\"a\" stands twice", "line 2");
    assertRefused(Format.YAML, "? [1]\n: 2", "a key must be plain text");
    assertRefused(Format.YAML, "a: .inf", "JSON has no .inf");
    assertRefused(Format.YAML, "a: -.INF", "JSON has no");
    assertRefused(Format.YAML, "a: .nan", "JSON has no .nan");
    assertRefused(Format.YAML, "a: 1\n---\nb: 2", "second document");
    assertRefused(Format.YAML, "", "empty");
    assertRefused(Format.YAML, "# only a comment", "empty");
    assertRefused(Format.YAML, "a: [1", "line 1");
    assertRefused(Format.YAML, "a: b: c", "line 1");
    assertRefused(Format.YAML, "\tx: 1", "Invalid YAML");
    assertRefused(Format.YAML, "0x" + "f".repeat(5000), "more than 1000 characters");
    assertRefused(Format.YAML, "9".repeat(100_000), "more than 1000 characters");
    assertRefused(Format.YAML, "[".repeat(200_000), "nested deeper");
    assertRefused(Format.YAML, "- ".repeat(100_000), "nested deeper");
    assertRefused(Format.YAML, "{a: ".repeat(100_000), "nested deeper");
    assertRefused(Format.YAML, "\"\\x\"", "Invalid YAML");
    assertRefused(Format.YAML, "\"\\Uffffffff\"", "Invalid YAML");
    assertRefused(Format.YAML, "\"\\ud800\"", "surrogate");
    assertRefused(Format.YAML, "a: \u0001", "Invalid YAML");
  }

  // -- XML ------------------------------------------------------------------------------------

  @Test
  void xmlIsTheMappingOfXpathFunctions() {
    byte[] json = "{\"a\":\"<x>\",\"b\":[1,true,null],\"t\\tab\":\"q\\\"\\u0000\"}".getBytes(UTF_8);
    assertThat(new String(Format.XML.fromJson(json), UTF_8))
        .isEqualTo(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <map xmlns="http://www.w3.org/2005/xpath-functions"><string key="a">&lt;x&gt;</string>\
            <array key="b"><number>1</number><boolean>true</boolean><null/></array>\
            <string escaped-key="true" key="t\\u0009ab" escaped="true">q\\&quot;\\u0000</string></map>
            """);
  }

  /** The examples of the specification, section 17.5.1. */
  @Test
  void theExamplesOfTheSpecificationAreRead() {
    assertReads(
        """
        <map xmlns="http://www.w3.org/2005/xpath-functions">
          <string key='desc'>Distances</string>
          <boolean key='uptodate'>true</boolean>
          <null key='author'/>
          <map key='cities'>
            <array key="Brussels">
              <map>
                <string key="to">London</string>
                <number key="distance">322</number>
              </map>
            </array>
          </map>
        </map>
        """,
        "{\"desc\":\"Distances\",\"uptodate\":true,\"author\":null,"
            + "\"cities\":{\"Brussels\":[{\"to\":\"London\",\"distance\":322}]}}");
    assertReads(
        "<j:string xmlns:j='http://www.w3.org/2005/xpath-functions' escaped='true'>"
            + "a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\\u00e9</j:string>",
        "\"a\\\"b\\\\c/\\b\\f\\n\\r\\té\"");
    assertReads(
        "<string " + XMLNS + "> a<!-- no -->b<![CDATA[<c>]]>&#xd;&amp;</string>", "\" ab<c>\\r&\"");
    assertReads("<number " + XMLNS + "> +01.5E2 </number>", "1.5E2");
    assertReads("<boolean " + XMLNS + ">1</boolean>", "true");
  }

  private static void assertReads(String xml, String json) {
    assertThat(new String(Format.XML.toJson(xml.getBytes(UTF_8), LIMITS), UTF_8)).isEqualTo(json);
  }

  @Test
  void hostileXmlIsRefused() {
    assertRefused(
        Format.XML,
        "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><string " + XMLNS + ">&a;</string>",
        "document types");
    assertRefused(
        Format.XML,
        "<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'><string " + XMLNS + ">a</string>",
        "document types");
    StringBuilder laughs = new StringBuilder("<!DOCTYPE x [<!ENTITY a0 'lol'>");
    for (int i = 1; i < 30; i++) {
      laughs.append("<!ENTITY a").append(i).append(" '");
      laughs.append(("&a" + (i - 1) + ";").repeat(10)).append("'>");
    }
    assertRefused(Format.XML, laughs + "]><string " + XMLNS + ">&a29;</string>", "document types");
    assertRefused(Format.XML, "<string " + XMLNS + ">&nbsp;</string>", "XML");
    assertRefused(Format.XML, "<string>a</string>", "not in the namespace");
    assertRefused(Format.XML, "<thing " + XMLNS + "/>", "is none of map");
    assertRefused(Format.XML, "<map " + XMLNS + "><null/></map>", "needs a key");
    assertRefused(
        Format.XML, "<map " + XMLNS + "><null key='a'/><null key='a'/></map>", "stands twice");
    assertRefused(Format.XML, "<array " + XMLNS + "><null key='a'/></array>", "has a key");
    assertRefused(Format.XML, "<null key='a' " + XMLNS + "/>", "has a key");
    assertRefused(Format.XML, "<map " + XMLNS + ">text</map>", "text between elements");
    assertRefused(Format.XML, "<string " + XMLNS + "><b/></string>", "an element where text");
    assertRefused(Format.XML, "<number " + XMLNS + ">NaN</number>", "no JSON number");
    assertRefused(Format.XML, "<number " + XMLNS + ">0x10</number>", "no JSON number");
    assertRefused(Format.XML, "<boolean " + XMLNS + ">yes</boolean>", "true or false");
    assertRefused(Format.XML, "<null " + XMLNS + ">x</null>", "no content");
    assertRefused(Format.XML, "<string lang='x' " + XMLNS + ">x</string>", "attribute lang");
    assertRefused(Format.XML, "<string escaped='true' " + XMLNS + ">\\x</string>", "backslash");
    assertRefused(Format.XML, "<string escaped='true' " + XMLNS + ">\\u12</string>", "four hex");
    assertRefused(Format.XML, "<string escaped='true' " + XMLNS + ">\\ud800</string>", "surrogate");
    assertRefused(Format.XML, "<string " + XMLNS + ">", "line 1");
    assertRefused(Format.XML, "", "Invalid XML");
    assertRefused(Format.XML, "<null " + XMLNS + "/><null/>", "Invalid XML");
    assertRefused(
        Format.XML, "<?xml version='1.0' encoding='ISO-8859-1'?><null " + XMLNS + "/>", "UTF-8");
    assertRefused(Format.XML, "<array " + XMLNS + ">" + "<array>".repeat(100_000), "nested deeper");
    assertRefused(Format.XML, "<number " + XMLNS + ">" + "9".repeat(9999) + "</number>", "1000");
  }

  // -- CBOR -----------------------------------------------------------------------------------

  /** RFC 8949, appendix A, where JSON can say it. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "00 | 0",
        "17 | 23",
        "1818 | 24",
        "1903e8 | 1000",
        "1b000000e8d4a51000 | 1000000000000",
        "1bffffffffffffffff | 18446744073709551615",
        "c249010000000000000000 | 18446744073709551616",
        "3bffffffffffffffff | -18446744073709551616",
        "c349010000000000000000 | -18446744073709551617",
        "20 | -1",
        "3903e7 | -1000",
        "f90000 | 0.0",
        "f98000 | -0.0",
        "f93c00 | 1.0",
        "f93e00 | 1.5",
        "f97bff | 65504.0",
        "fa47c35000 | 100000.0",
        "fb3ff199999999999a | 1.1",
        "fb7e37e43c8800759c | 1.0E300",
        "f4 | false",
        "f5 | true",
        "f6 | null",
        "c48221196ab3 | 273.15",
        "60 | \"\"",
        "6449455446 | \"IETF\"",
        "62c3bc | \"ü\"",
        "64f0908591 | \"𐅑\"",
        "80 | []",
        "8301820203820405 | [1,[2,3],[4,5]]",
        "a26161016162820203 | {\"a\":1,\"b\":[2,3]}",
        "7f657374726561646d696e67ff | \"streaming\"",
        "9fff | []",
        "9f018202039f0405ffff | [1,[2,3],[4,5]]",
        "bf61610161629f0203ffff | {\"a\":1,\"b\":[2,3]}",
        "d9d9f7a0 | {}",
      })
  void cborIsReadAsRfc8949Shows(String hex, String json) {
    assertThat(new String(Format.CBOR.toJson(HexFormat.of().parseHex(hex), LIMITS), UTF_8))
        .isEqualTo(json);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "f97e00 | no NaN",
        "f97c00 | no Infinity",
        "f7 | no undefined",
        "f0 | not one of JSON's",
        "f8ff | not one of JSON's",
        "4401020304 | no byte strings",
        "c074323031332d30332d32315432303a30343a30305a | the tag 0",
        "c11a514b67b0 | the tag 1",
        "d9d9f7d9d9f700 | the tag 55799",
        "81d9d9f700 | the tag 55799",
        "c5822003 | the tag 5",
        "a1010203 | a key is no text",
        "a2616101616102 | stands twice",
        "61ff | not UTF-8",
        "0000 | more after the end",
        "ff | a break",
        "82ff01 | a break",
        "1c | malformed",
        "1801ff | more after",
        "19 | ends inside",
        "9bffffffffffffffff | beyond the end",
        "9a7fffffff01 | beyond the end",
        "7bffffffffffffffff | beyond the end",
        "5f42010243030405ff | no byte strings",
        "7f4101ff | chunk of another kind",
        "7f7f6161ffff | chunk of another kind",
        "c2f6 | must be a byte string",
        "c401 | must be an array",
        "c4821a7fffffff01 | exponent is beyond",
        "c482f5f5 | needs integers",
        "`` | there is nothing",
      })
  void hostileCborIsRefused(String hex, String message) {
    assertRefused(Format.CBOR, HexFormat.of().parseHex(hex), message, "Invalid CBOR at byte");
  }

  @Test
  void endlessAndHugeCborIsRefused() {
    byte[] nested = new byte[200_000];
    Arrays.fill(nested, (byte) 0x81);
    assertRefused(Format.CBOR, nested, "nested deeper");
    Arrays.fill(nested, (byte) 0x9f);
    assertRefused(Format.CBOR, nested, "nested deeper");
    Arrays.fill(nested, (byte) 0xc2);
    assertRefused(Format.CBOR, nested, "must be a byte string");
    byte[] bignum = new byte[100_006];
    HexFormat.of().parseHex("c25a000186a0", 0, 12);
    System.arraycopy(HexFormat.of().parseHex("c25a000186a0"), 0, bignum, 0, 6);
    Arrays.fill(bignum, 6, bignum.length, (byte) 0x77);
    assertRefused(Format.CBOR, bignum, "more than 1000 digits");
  }

  @Test
  void ordinaryNumbersAreOrdinaryCbor() {
    for (Map.Entry<String, String> example :
        new LinkedHashMap<>(
                Map.of(
                    "1",
                    "01",
                    "-1",
                    "20",
                    "1.5",
                    "fb3ff8000000000000",
                    "0.1",
                    "fb3fb999999999999a",
                    "273.15000000000000001",
                    "c48233c25a"))
            .entrySet()) {
      byte[] cbor = Format.CBOR.fromJson(example.getKey().getBytes(UTF_8));
      if (example.getKey().length() < 10) {
        assertThat(HexFormat.of().formatHex(cbor)).isEqualTo(example.getValue());
      } else {
        assertThat(cbor[0]).isEqualTo((byte) 0xc4);
      }
    }
  }

  @Property(tries = 300)
  void jacksonReadsOurCbor(@ForAll("values") Json value) {
    JsonNode theirs = new CBORMapper().readTree(Format.CBOR.fromJson(value.toBytes()));
    Json back = Json.parse(theirs.toString().getBytes(UTF_8));
    assertThat(shape(back)).isEqualTo(shape(value));
  }

  private static String shape(Json value) {
    return switch (value) {
      case Json.Obj object -> {
        StringBuilder shape = new StringBuilder("{");
        object.members().forEach((name, member) -> shape.append(name).append(shape(member)));
        yield shape.append('}').toString();
      }
      case Json.Arr array -> array.items().stream().map(FormatTest::shape).toList().toString();
      case Json.Num number -> String.valueOf(number.decimal().doubleValue());
      default -> value.toString();
    };
  }

  // -- common ---------------------------------------------------------------------------------

  @Test
  void textThatIsNotUtf8IsRefused() {
    for (Format format : List.of(Format.JSON, Format.YAML, Format.XML)) {
      assertRefused(format, "\"é\"".getBytes(ISO_8859_1), "UTF-8");
      assertThatThrownBy(() -> format.toJson("\"é\"".getBytes(UTF_16), LIMITS))
          .isInstanceOf(InvalidInputException.class);
    }
  }

  private static void assertRefused(Format format, String input, String... parts) {
    assertRefused(format, input.getBytes(UTF_8), parts);
  }

  private static void assertRefused(Format format, byte[] input, String... parts) {
    assertThatThrownBy(() -> format.toJson(input, LIMITS))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(parts);
  }

  @Provide
  Arbitrary<Json> values() {
    return JsonArbitraries.values();
  }

  @Provide
  Arbitrary<String> nearlyYaml() {
    return Arbitraries.of(
            "a",
            "b",
            ": ",
            ":",
            "- ",
            "\n",
            "\n  ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "'",
            "\"",
            "|",
            ">",
            "\n    x",
            "&a ",
            "*a",
            "!t ",
            "!!str ",
            "? ",
            "# c",
            "---",
            "...",
            "%YAML 1.1\n",
            "1",
            "0x1",
            ".inf",
            "~",
            "\\",
            "\t",
            "é",
            "\u0085",
            "<<: ")
        .list()
        .ofMaxSize(10)
        .map(tokens -> String.join("", tokens));
  }

  @Provide
  Arbitrary<String> nearlyXml() {
    String map = "<map " + XMLNS + ">";
    return Arbitraries.of(
            map,
            "<map>",
            "</map>",
            "<array key='a'>",
            "<array>",
            "</array>",
            "<string key='b'>",
            "<string>",
            "</string>",
            "<number>1</number>",
            "<null/>",
            "<null key='c'/>",
            "x",
            " ",
            "&lt;",
            "&#0;",
            "&#xd;",
            "&a;",
            "<!-- c -->",
            "<![CDATA[",
            "]]>",
            "<?pi x?>",
            "<!DOCTYPE",
            "<",
            ">",
            "\"",
            "'",
            "\u0000",
            "é",
            "escaped='true'")
        .list()
        .ofMaxSize(8)
        .map(tokens -> map + String.join("", tokens));
  }
}
