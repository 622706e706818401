package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CookieHeaderTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "session=a # a",
        "x=1; session=a; y=2 # a",
        "x=1;session=a;y=2 # a",
        "  session = a  # a",
        "session=\"a\" # a",
        "session=a=b # a=b",
        "session= # ``",
        ";;;session=a;;; # a",
        "garbage; session=a # a",
        "session=a; session=b # a,b",
        "Session=a; session2=b; xsession=c # ",
        "=session; session # ",
      })
  void cookiesAreReadAsBrowsersWriteThem(String header, String expected) {
    assertThat(String.join(",", CookieHeader.values(List.of(header), "session")))
        .isEqualTo(expected == null ? "" : expected);
  }

  @Test
  void linesOfHttp2AreOneHeader() {
    assertThat(CookieHeader.values(List.of("a=1", "session=x", "session=y"), "session"))
        .containsExactly("x", "y");
  }

  @Test
  void thereAreBounds() {
    assertThat(CookieHeader.values(List.of("session=x;".repeat(1000)), "session"))
        .hasSize(CookieHeader.MAX_SAME);
    assertThat(CookieHeader.values(List.of("a=1;".repeat(1000) + "session=x"), "session"))
        .isEmpty();
  }

  @Property(tries = 2000)
  void nothingIsAnError(@ForAll String header) {
    assertThat(CookieHeader.values(List.of(header), "session"))
        .hasSizeLessThanOrEqualTo(CookieHeader.MAX_SAME);
  }
}
