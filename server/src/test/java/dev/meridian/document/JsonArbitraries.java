package dev.meridian.document;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;

/** Generated JSON values, with a liking for what goes wrong. */
final class JsonArbitraries {
  private JsonArbitraries() {}

  static Arbitrary<Json> values() {
    return values(3);
  }

  static Arbitrary<Json.Obj> objects() {
    return objects(2);
  }

  private static Arbitrary<Json> values(int depth) {
    if (depth == 0) {
      return scalars();
    }
    return Arbitraries.frequencyOf(
        Tuple.of(2, scalars()),
        Tuple.of(1, values(depth - 1).list().ofMaxSize(4).map(Json.Arr::new)),
        Tuple.of(2, objects(depth - 1).map(object -> object)));
  }

  private static Arbitrary<Json.Obj> objects(int depth) {
    return Combinators.combine(texts().list().ofMaxSize(5), values(depth).list().ofSize(5))
        .as(JsonArbitraries::object);
  }

  private static Json.Obj object(List<String> names, List<Json> values) {
    Map<String, Json> members = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      members.put(names.get(i), values.get(i));
    }
    return new Json.Obj(members);
  }

  static Arbitrary<Json> scalars() {
    return Arbitraries.oneOf(
        numbers().map(Json.Num::new),
        texts().map(Json.Str::new),
        Arbitraries.of(true, false).map(Json.Bool::new),
        Arbitraries.just(Json.NULL));
  }

  /** JSON numbers of every spelling. */
  static Arbitrary<String> numbers() {
    Arbitrary<String> whole =
        Arbitraries.oneOf(
            Arbitraries.just("0"),
            Arbitraries.longs().greaterOrEqual(0).map(String::valueOf),
            Arbitraries.integers().between(1, 12).map(String::valueOf),
            Arbitraries.strings().numeric().ofMinLength(1).ofMaxLength(40).map(s -> "1" + s));
    Arbitrary<String> fraction =
        Arbitraries.oneOf(
            Arbitraries.just(""),
            Arbitraries.just(""),
            Arbitraries.strings().numeric().ofMinLength(1).ofMaxLength(20).map(s -> "." + s));
    Arbitrary<String> exponent =
        Arbitraries.oneOf(
            Arbitraries.just(""),
            Arbitraries.just(""),
            Combinators.combine(
                    Arbitraries.of("e", "E"),
                    Arbitraries.of("", "+", "-"),
                    Arbitraries.integers().between(0, 400).map(String::valueOf))
                .as((e, sign, digits) -> e + sign + digits));
    return Combinators.combine(Arbitraries.of("", "-"), whole, fraction, exponent)
        .as((sign, w, f, e) -> sign + w + f + e);
  }

  /** Unicode text, often one that some format takes for something else. */
  static Arbitrary<String> texts() {
    return Arbitraries.oneOf(
        Arbitraries.strings().alpha().ofMaxLength(5),
        Arbitraries.strings()
            .withChars(' ', '\t', '\n', '\r', '"', '\\', '\'', '<', '&', ':', '#', '-', ',')
            .withChars('\u0000', '\u001f', '\u007f', '\u0085', '\u2028', '\ufeff', '\uffff')
            .withChars('a', 'é', '世')
            .ofMaxLength(6),
        Arbitraries.integers()
            .between(0x20, 0x10ffff)
            .filter(point -> point < 0xd800 || point > 0xdfff)
            .list()
            .ofMaxSize(4)
            .map(JsonArbitraries::text),
        Arbitraries.of(TRAPS));
  }

  private static String text(List<Integer> points) {
    StringBuilder text = new StringBuilder();
    new ArrayList<>(points).forEach(text::appendCodePoint);
    return text.toString();
  }

  /** Texts that YAML, XML or CBOR writers of little care get wrong. */
  private static final String[] TRAPS = {
    "",
    " ",
    "no",
    "No",
    "yes",
    "on",
    "off",
    "y",
    "n",
    "true",
    "True",
    "TRUE",
    "false",
    "null",
    "~",
    "Null",
    "1",
    "01",
    "0x10",
    "0o17",
    "0b1",
    "1e3",
    "1_000",
    "1:30",
    "12:30:45",
    "+1",
    "-1",
    ".5",
    "1.",
    "-.inf",
    ".nan",
    ".NaN",
    "NaN",
    "Infinity",
    "2020-01-01",
    "2020-01-01T00:00:00Z",
    "-",
    "- a",
    "? a",
    "a: b",
    "a #b",
    "#",
    "!tag",
    "&anchor",
    "*alias",
    "<<",
    "=",
    "%YAML",
    "---",
    "...",
    "|",
    ">",
    "@",
    "`",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ",",
    "'",
    "\"",
    "\\",
    "\\u0041",
    "]]>",
    "<a/>",
    "&amp;",
    " leading",
    "trailing ",
    "trailing\n",
    "\nleading",
    "a\n\n b\n",
    "\r\n",
    "\t",
    "a\u0000b",
    "\u00a0",
    "\ufffe",
    "😀",
    "constructor",
    "__proto__",
    "_id"
  };
}
