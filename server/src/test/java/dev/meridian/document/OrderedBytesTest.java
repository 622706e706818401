package dev.meridian.document;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class OrderedBytesTest {
  @Property(tries = 5000)
  void bytesHaveTheOrderOfValues(@ForAll("values") Json a, @ForAll("values") Json b) {
    int order = Integer.signum(JsonOrder.INSTANCE.compare(a, b));
    assertThat(compare(OrderedBytes.encode(a, false), OrderedBytes.encode(b, false)))
        .isEqualTo(order);
    assertThat(compare(OrderedBytes.encode(a, true), OrderedBytes.encode(b, true)))
        .isEqualTo(-order);
  }

  @Property(tries = 5000)
  void numbersHaveTheirExactOrder(@ForAll("numbers") String a, @ForAll("numbers") String b) {
    bytesHaveTheOrderOfValues(new Json.Num(a), new Json.Num(b));
  }

  @Property
  void encodingsStrungTogetherCompareFieldByField(
      @ForAll("values") Json a1,
      @ForAll("values") Json a2,
      @ForAll("values") Json b1,
      @ForAll("values") Json b2,
      @ForAll boolean firstDown,
      @ForAll boolean secondDown) {
    int first = Integer.signum(JsonOrder.INSTANCE.compare(a1, b1)) * (firstDown ? -1 : 1);
    int second = Integer.signum(JsonOrder.INSTANCE.compare(a2, b2)) * (secondDown ? -1 : 1);
    byte[] a = join(OrderedBytes.encode(a1, firstDown), OrderedBytes.encode(a2, secondDown));
    byte[] b = join(OrderedBytes.encode(b1, firstDown), OrderedBytes.encode(b2, secondDown));
    assertThat(compare(a, b)).isEqualTo(first != 0 ? first : second);
  }

  @Property
  void anEncodingEndsWhereItSays(
      @ForAll("values") Json value, @ForAll byte[] before, @ForAll byte[] after) {
    for (boolean down : new boolean[] {false, true}) {
      byte[] encoded = OrderedBytes.encode(value, down);
      byte[] all = join(join(before, encoded), after);
      assertThat(OrderedBytes.end(all, before.length, down))
          .isEqualTo(before.length + encoded.length);
    }
  }

  @Property
  void exactlyTheStringsWithAPrefixStartWithItsBytes(
      @ForAll("values") Json value, @ForAll("texts") String prefix) {
    for (boolean down : new boolean[] {false, true}) {
      byte[] encoded = OrderedBytes.encode(value, down);
      byte[] start = OrderedBytes.encodePrefix(prefix, down);
      boolean starts =
          encoded.length >= start.length
              && Arrays.equals(encoded, 0, start.length, start, 0, start.length);
      assertThat(starts)
          .isEqualTo(value instanceof Json.Str string && string.value().startsWith(prefix));
    }
  }

  @Property
  void theBoundsOfAKindHoldExactlyThatKind(@ForAll("values") Json value) {
    for (boolean down : new boolean[] {false, true}) {
      byte[] encoded = OrderedBytes.encode(value, down);
      assertThat(
              compare(OrderedBytes.numbersFrom(down), encoded) <= 0
                  && compare(encoded, OrderedBytes.numbersTo(down)) < 0)
          .isEqualTo(value instanceof Json.Num);
      assertThat(
              compare(OrderedBytes.stringsFrom(down), encoded) <= 0
                  && compare(encoded, OrderedBytes.stringsTo(down)) < 0)
          .isEqualTo(value instanceof Json.Str);
    }
  }

  @Test
  void equalNumbersHaveEqualBytes() {
    byte[] one = OrderedBytes.encode(new Json.Num("1"), false);
    for (String text : List.of("1.0", "1.000", "10e-1", "0.01e2", "1E0")) {
      assertThat(OrderedBytes.encode(new Json.Num(text), false)).isEqualTo(one);
    }
    assertThat(OrderedBytes.encode(new Json.Num("-0.0e7"), false))
        .isEqualTo(OrderedBytes.encode(new Json.Num("0"), false));
  }

  @Test
  void aLadderOfValuesIsInOrder() {
    List<Json> ladder =
        List.of(
            Json.NULL,
            new Json.Bool(false),
            new Json.Bool(true),
            new Json.Num("-1e9999"),
            new Json.Num("-123456789012345678901234567890"),
            new Json.Num("-1.5"),
            new Json.Num("-1"),
            new Json.Num("-1e-9999"),
            new Json.Num("0"),
            new Json.Num("1e-9999"),
            new Json.Num("0.1"),
            new Json.Num("0.10000000000000000000000000000001"),
            new Json.Num("9007199254740992"),
            new Json.Num("9007199254740993"),
            new Json.Num("1e9999"),
            new Json.Str(""),
            new Json.Str("\0"),
            new Json.Str("a"),
            new Json.Str("a\0"),
            new Json.Str("a\u0001"),
            new Json.Str("ab"),
            new Json.Str("\uffff"),
            new Json.Str("😀"),
            new Json.Arr(List.of()));
    for (int i = 0; i + 1 < ladder.size(); i++) {
      assertThat(JsonOrder.INSTANCE.compare(ladder.get(i), ladder.get(i + 1))).isNegative();
      bytesHaveTheOrderOfValues(ladder.get(i), ladder.get(i + 1));
    }
  }

  @Provide
  Arbitrary<Json> values() {
    return JsonArbitraries.values();
  }

  @Provide
  Arbitrary<String> numbers() {
    return JsonArbitraries.numbers();
  }

  @Provide
  Arbitrary<String> texts() {
    return JsonArbitraries.texts();
  }

  private static int compare(byte[] a, byte[] b) {
    return Integer.signum(Arrays.compareUnsigned(a, b));
  }

  private static byte[] join(byte[] a, byte[] b) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(a);
    all.writeBytes(b);
    return all.toByteArray();
  }
}
