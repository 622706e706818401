package dev.meridian.document;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiPredicate;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FilterTest {
  private static final String CITY =
      """
      {"name":"Reykjavík","country":"IS","population":118918,"area":273.0,"capital":true,"list":3,
      "type":"city","tags":["port","cold"],"mayor":{"name":"Dagur","since":2014},"twin":null,
      "big":123456789012345678901234567890,"tenth":0.1,"_id":"not the id","first-name":"R",
      "string":"s","lat":64.13}""";

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        // Recognised, so exact.
        "country == 'IS' ; true",
        "'IS' == country ; true",
        "country == 'is' ; false",
        "population > 100000 ; true",
        "100000 < population ; true",
        "population < 118918 ; false",
        "population <= 118918 ; true",
        "population >= 118918.5 ; false",
        "population == 118918.0 ; true",
        "area == 273 ; true",
        "tenth == 0.1 ; true",
        "tenth < 0.1 ; false",
        "big > 9223372036854775807 ; true",
        "lat > -1.5 ; true",
        "name > 'R' ; true",
        "name.startsWith('Rey') ; true",
        "name.startsWith('rey') ; false",
        "population.startsWith('1') ; false",
        "country in ['NO', 'IS'] ; true",
        "country in [] ; false",
        "population in [1, 118918] ; true",
        "capital ; true",
        "!capital ; false",
        "capital == true ; true",
        "twin == null ; true",
        "mayor.name == 'Dagur' ; true",
        "mayor.since < 2015 && country == 'IS' ; true",
        "mayor.name.first == 'Dagur' ; false",
        "_id == 'rvk' ; true",
        "_id.startsWith('rv') ; true",
        "_id == 'not the id' ; false",
        "_value.country == 'IS' ; true",
        "type == 'city' ; true",
        "list == 3 && string == 's' ; true",
        // Left to the language.
        "country != 'IS' ; false",
        "country == 'IS' || population < 5 ; true",
        "'port' in tags ; true",
        "tags.exists(t, t == 'cold') ; true",
        "tags.all(t, t == 'cold') ; false",
        "tags.exists(list, list == 'cold') && list == 3 ; true",
        "size(tags) == 2 && population > 5 ; true",
        "name.matches('^Rey.*k$') ; true",
        "population / 2 > 50000 ; true",
        "area * 2.0 == 546.0 ; true",
        "population == list || true ; true",
        "_value['first-name'] == 'R' ; true",
        "_id + '!' == 'rvk!' ; true",
        "type(population) == int && type(name) == string ; true",
        "type + '' == 'city' ; true",
        "mayor.since + 1 == 2015 ; true",
        "twin != null ; false",
        "[1, 2].exists(i, i == 2) ; true",
        "{'a': 1}['a'] == 1 ; true",
        // Presence.
        "has(name) ; true",
        "has(nothing) ; false",
        "!has(nothing) ; true",
        "has(mayor.name) ; true",
        "has(mayor.nothing) ; false",
        "!has(mayor.nothing.deeper) ; true",
        "has(nothing.name) || country == 'IS' ; true",
        "has(twin) ; true",
        "has(_value.name) ; true",
        "tags.exists(t, has(mayor.since)) ; true",
        "[{'x': 1}].exists(m, has(m.x) && !has(m.y)) ; true",
        // Missing, or of another type: no match, and no error.
        "nothing == 1 ; false",
        "nothing != 1 ; false",
        "!(nothing == 1) ; false",
        "nothing == null ; false",
        "!nothing ; false",
        "nothing < 5 ; false",
        "nothing.deeper == 1 ; false",
        "name < 5 ; false",
        "name + 1 == 5 ; false",
        "population / 0 == 1 ; false",
        "nothing == 1 || country == 'IS' ; true",
        "tags[7] == 'x' ; false",
        "int(name) == 5 ; false",
        "timestamp(name) > timestamp('2020-01-01T00:00:00Z') ; false",
        "name.matches(tags[0] + '(') ; false",
      })
  void findsWhatItSays(String expression, boolean expected) {
    assertThat(Filter.compile(expression).matches("rvk", CITY.getBytes(UTF_8))).isEqualTo(expected);
  }

  @Test
  void comparisonsAreExactBeyondDoubles() {
    Filter filter = Filter.compile("n == 9007199254740993");
    assertThat(filter.matches("", json("{'n':9007199254740993}"))).isTrue();
    assertThat(filter.matches("", json("{'n':9007199254740993.0}"))).isTrue();
    assertThat(filter.matches("", json("{'n':9007199254740992.0}"))).isFalse();
    assertThat(filter.matches("", json("{'n':9007199254740993.00000000001}"))).isFalse();
    assertThat(Filter.compile("s > '\uffff'").matches("", json("{'s':'😀'}"))).isTrue();
  }

  @Test
  void tellsAPlannerWhatAnIndexCanAnswer() {
    assertThat(
            Filter.compile(
                    "country == 'IS' && 5 < a.b && size(tags) > 1 && (x || y) && !z &&"
                        + " name.startsWith('R') && k in [1, 'a'] && p != 3 && q == -2.5 && r")
                .conjuncts())
        .containsExactly(
            comparison("country", Comparison.Op.EQ, new Json.Str("IS")),
            comparison("a.b", Comparison.Op.GT, new Json.Num("5")),
            comparison("z", Comparison.Op.EQ, new Json.Bool(false)),
            comparison("name", Comparison.Op.PREFIX, new Json.Str("R")),
            comparison("k", Comparison.Op.IN, new Json.Num("1"), new Json.Str("a")),
            comparison("q", Comparison.Op.EQ, new Json.Num("-2.5")),
            comparison("r", Comparison.Op.EQ, new Json.Bool(true)));
    assertThat(Filter.compile("a == 1 || b == 2").conjuncts()).isEmpty();
    assertThat(Filter.compile("_id >= 'b'").conjuncts())
        .containsExactly(new Comparison(Filter.ID, Comparison.Op.GE, List.of(new Json.Str("b"))));
  }

  private static Comparison comparison(String field, Comparison.Op op, Json... values) {
    return new Comparison(FieldPath.parse(field), op, List.of(values));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "country = 'IS' ; line 1, column 9",
        "country == ; line 1, column",
        "a && ; line 1, column",
        "a == 1 && nosuch(b) ; undeclared reference to 'nosuch'",
        "size(tags) ; must be true or false",
        "'a' + 1 == b ; no matching overload",
        "has(1) ; has() takes a field",
        "package == 1 ; line 1",
        "'abc ; line 1, column 1",
      })
  void whatIsNoFilterIsRefusedWithItsPlace(String expression, String message) {
    assertThatThrownBy(() -> Filter.compile(expression))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(message);
  }

  @Test
  void longAndDeepExpressionsAreRefused() {
    for (String hostile :
        List.of(
            "",
            "  ",
            "a".repeat(4097),
            "a" + "+a".repeat(2000) + " == 1",
            "(".repeat(2000) + "a" + ")".repeat(2000),
            "!".repeat(2001) + "(a == 1)",
            "-".repeat(2001) + "(a)",
            "[".repeat(2000),
            "[".repeat(1000) + "]".repeat(1000) + " == a",
            "a" + ".a".repeat(1500) + " == 1",
            "a" + "[0]".repeat(1300) + " == 1",
            "a" + "?a:a".repeat(1000),
            "{1:".repeat(500) + "1" + "}".repeat(500) + " == a",
            "f(".repeat(1000) + ")".repeat(1000),
            "a.exists(x,".repeat(100) + "true" + ")".repeat(100),
            "\0",
            "a == 'x\ud800'")) {
      try {
        Filter.compile(hostile).matches("", json("{'a':1}"));
      } catch (InvalidInputException e) {
        assertThat(e.toString()).hasSizeLessThan(600);
      }
    }
    assertThatThrownBy(() -> Filter.compile("a == '" + "a".repeat(4096) + "'"))
        .hasMessageContaining("at most 4096");
    assertThat(Filter.compile("a == 1" + " && a == 1".repeat(300)).conjuncts()).hasSize(301);
  }

  @Test
  void anExpressionCannotBurnTheProcessor() {
    StringBuilder list = new StringBuilder("{'l':[0");
    for (int i = 1; i < 1000; i++) {
      list.append(',').append(i);
    }
    byte[] document = json(list + "],'s':'" + "a".repeat(500_000) + "'}");
    for (String hostile :
        List.of(
            "l.all(a, l.all(b, l.all(c, l.all(d, a + b + c + d >= 0))))",
            "l.map(a, l.map(b, l.map(c, [a, b, c]))).size() == 1",
            "l.exists(a, s.matches('(a*)*b'))",
            "l.exists(a, (s + s).contains('b'))")) {
      assertThatThrownBy(() -> Filter.compile(hostile).matches("", document))
          .as(hostile)
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("too many steps");
    }
    assertThat(Filter.compile("l.exists(a, a == 999)").matches("", document)).isTrue();
  }

  @Property
  void comparisonsAgreeWithAPlainEvaluator(
      @ForAll("documents") Json.Obj document,
      @ForAll("operators") String operator,
      @ForAll("constants") Json constant,
      @ForAll boolean recognised) {
    String condition = "f " + operator + " " + constantText(constant);
    boolean expected = plain(document.members().get("f"), operator, constant);
    // "|| false" keeps the comparison from being recognised, so the language itself decides.
    String expression = recognised ? condition : "(" + condition + ") || false";
    Filter filter = Filter.compile(expression);
    assertThat(filter.conjuncts()).hasSize(recognised && !operator.equals("!=") ? 1 : 0);
    assertThat(filter.matches("", document.toBytes())).as(expression).isEqualTo(expected);
  }

  private static boolean plain(@Nullable Json actual, String operator, Json constant) {
    if (actual == null) {
      return false;
    }
    Map<String, BiPredicate<Integer, Boolean>> meaning =
        Map.of(
            "==", (order, same) -> same && order == 0,
            "!=", (order, same) -> !same || order != 0,
            "<", (order, same) -> same && order < 0,
            "<=", (order, same) -> same && order <= 0,
            ">", (order, same) -> same && order > 0,
            ">=", (order, same) -> same && order >= 0);
    boolean same = actual.getClass() == constant.getClass();
    int order =
        switch (actual) {
          case Json.Num a when constant instanceof Json.Num b ->
              new BigDecimal(a.text()).compareTo(new BigDecimal(b.text()));
          case Json.Str a when constant instanceof Json.Str b -> a.value().compareTo(b.value());
          case Json.Bool a when constant instanceof Json.Bool b ->
              Boolean.compare(a.value(), b.value());
          default -> 0;
        };
    return Objects.requireNonNull(meaning.get(operator)).test(order, same);
  }

  private static String constantText(Json constant) {
    return new String(constant.toBytes(), UTF_8);
  }

  @Property(tries = 2000)
  void garbageIsCompiledOrRefused(@ForAll("nearlyExpressions") String source) {
    try {
      Filter.compile(source).matches("id", CITY.getBytes(UTF_8));
    } catch (InvalidInputException e) {
      assertThat(e).hasMessageMatching("(?s).*(expression|filter must be).*");
    }
  }

  private static byte[] json(String withSingleQuotes) {
    return withSingleQuotes.replace('\'', '"').getBytes(UTF_8);
  }

  @Provide
  Arbitrary<Json.Obj> documents() {
    return Combinators.combine(constants(), Arbitraries.of(true, true, true, false))
        .as((value, there) -> new Json.Obj(there ? Map.of("f", value, "g", value) : Map.of()));
  }

  @Provide
  Arbitrary<String> operators() {
    return Arbitraries.of("==", "!=", "<", "<=", ">", ">=");
  }

  @Provide
  Arbitrary<Json> constants() {
    return Arbitraries.oneOf(
        Arbitraries.integers().between(-3, 3).map(n -> (Json) Json.Num.of(n)),
        Arbitraries.of("0.5", "1.0", "2.5", "-1.5", "9007199254740993", "9223372036854775807")
            .map(n -> (Json) new Json.Num(n)),
        Arbitraries.of("", "a", "ab", "b", "é", "1").map(s -> (Json) new Json.Str(s)),
        Arbitraries.of(true, false).map(b -> (Json) new Json.Bool(b)));
  }

  @Provide
  Arbitrary<String> nearlyExpressions() {
    return Arbitraries.of(
            "name",
            "population",
            "tags",
            "mayor",
            ".name",
            "_id",
            "type",
            "nothing",
            " == ",
            " < ",
            " && ",
            " || ",
            "!",
            "(",
            ")",
            "[",
            "]",
            "1",
            "1.5",
            "'IS'",
            "null",
            "true",
            " in ",
            "has(",
            "size(",
            ".startsWith(",
            ".matches(",
            ".exists(x, ",
            "x",
            ", ",
            "? 1 : ",
            "-",
            " + ",
            "{",
            "}",
            ":",
            "'",
            "\"",
            "int(",
            "timestamp(",
            "b'a'",
            "1u",
            "@",
            "`",
            "\\",
            "é")
        .list()
        .ofMinSize(1)
        .ofMaxSize(8)
        .map(tokens -> String.join("", tokens));
  }
}
