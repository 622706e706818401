package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.InvalidInputException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.UUID;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class JoinTokenTest {
  private static final Instant NOW = Instant.parse("2026-05-01T12:00:00Z");
  private static final X509Certificate AUTHORITY = authority();
  private static final String TYPED = "0123456789abcdefghijklmnopqrstuvwxyzABCXYZ-_ .é";

  private static X509Certificate authority() {
    return Authority.create(UUID.randomUUID(), NOW).certificate();
  }

  @Property(tries = 200)
  void tokenIsReadAsItWasWritten(
      @ForAll @Size(16) byte[] fingerprint,
      @ForAll @Size(16) byte[] secret,
      @ForAll @IntRange(max = 3) int blanks) {
    JoinToken token = new JoinToken(fingerprint, secret);
    JoinToken read = JoinToken.parse(" ".repeat(blanks) + token.text() + "\n".repeat(blanks));
    assertThat(read.text())
        .isEqualTo(token.text())
        .matches("mjt1-[0-9a-hjkmnp-tv-z]{32}-[0-9a-hjkmnp-tv-z]{32}");
    assertThat(read.fingerprint()).isEqualTo(HexFormat.of().formatHex(fingerprint));
    assertThat(JoinGrant.of(token, NOW, false).matches(read, NOW.minusSeconds(1))).isTrue();
  }

  @Property(tries = 20)
  void everySingleWrongCharacterIsToldApart(
      @ForAll @Size(16) byte[] fingerprint, @ForAll @Size(16) byte[] secret) {
    String text = new JoinToken(fingerprint, secret).text();
    for (int at = 0; at < text.length(); at++) {
      for (int i = 0; i < TYPED.length(); i++) {
        String typed = text.substring(0, at) + TYPED.charAt(i) + text.substring(at + 1);
        if (!typed.equals(text)) {
          assertRefused(typed, at);
        }
      }
    }
  }

  private static void assertRefused(String typed, int at) {
    String part = at < 5 ? "mjt1-" : at == 37 ? "whole" : at < 37 ? "first part" : "second part";
    assertThatThrownBy(() -> JoinToken.parse(typed))
        .as(typed)
        .isInstanceOf(InvalidInputException.class)
        .satisfies(
            e ->
                assertThat(e.getMessage())
                    .containsAnyOf(part, "not whole")
                    .doesNotContain(typed.substring(40)));
  }

  @Property(tries = 20)
  void everyMissingDoubledOrExchangedCharacterIsToldApart(
      @ForAll @Size(16) byte[] fingerprint, @ForAll @Size(16) byte[] secret) {
    String text = new JoinToken(fingerprint, secret).text();
    for (int at = 0; at < text.length() - 1; at++) {
      String head = text.substring(0, at);
      char here = text.charAt(at);
      char next = text.charAt(at + 1);
      String tail = text.substring(at + 2);
      for (String typed :
          new String[] {
            head + next + tail, head + here + here + next + tail, head + next + here + tail
          }) {
        if (!typed.equals(text)) {
          assertThatThrownBy(() -> JoinToken.parse(typed))
              .as(typed)
              .isInstanceOf(InvalidInputException.class);
        }
      }
    }
  }

  @Example
  void errorsSayWhatToLookAt() {
    String text = JoinToken.create(AUTHORITY).text();
    assertThatThrownBy(() -> JoinToken.parse("")).hasMessage("A join token begins with mjt1-.");
    assertThatThrownBy(() -> JoinToken.parse(text.replace("mjt1", "mjt2")))
        .hasMessageContaining("newer Meridian");
    assertThatThrownBy(() -> JoinToken.parse(text.substring(0, 50)))
        .hasMessageContaining("not whole");
    assertThatThrownBy(() -> JoinToken.parse(text.substring(0, 69) + "o"))
        .hasMessageContaining("without i, l, o and u");
    // The two parts exchanged.
    assertThatThrownBy(
            () -> JoinToken.parse("mjt1-" + text.substring(38) + "-" + text.substring(5, 37)))
        .hasMessageContaining("mistyped");
  }

  @Example
  void tokenIsOfOneAuthorityOnly() {
    String text = JoinToken.create(AUTHORITY).text();
    assertThat(JoinToken.parse(text).isOf(AUTHORITY)).isTrue();
    assertThat(JoinToken.create(AUTHORITY).isOf(authority())).isFalse();
  }

  @Example
  void secretStandsNeitherInLogsNorInTheGrant() {
    JoinToken token = JoinToken.create(AUTHORITY);
    String secret = token.text().substring(38);
    assertThat(token.toString()).doesNotContain(secret);
    assertThat(JoinGrant.of(token, NOW, true).toString()).doesNotContain(secret);
  }

  @Example
  void grantTakesItsTokenUntilItExpiresAndNoOther() {
    JoinToken token = JoinToken.create(AUTHORITY);
    JoinGrant grant = JoinGrant.of(token, NOW.plus(Duration.ofHours(1)), true);
    assertThat(grant.matches(token, NOW)).isTrue();
    assertThat(grant.matches(token, NOW.plus(Duration.ofHours(1)))).isFalse();
    assertThat(grant.matches(JoinToken.create(AUTHORITY), NOW)).isFalse();
    assertThat(new JoinGrant(grant.secretHash(), grant.expires(), true)).isEqualTo(grant);
  }
}
