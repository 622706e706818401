package dev.meridian.account;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.InvalidInputException;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PasswordsTest {
  private static final Set<String> OWN = Set.of("ada.lovelace", "Every City");

  private static String check(String text) {
    return Passwords.checkNew(text, 8, OWN);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "correct horse",
        "ada.lovelace is me",
        "пароль кота",
        "🐈🐕🐎🐄🐖🐑🐐🐇",
        "a  b  c  d",
        "%&/()=?!"
      })
  void anyCharactersMakeAPassword(String text) {
    assertThat(check(text)).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "short",
        "password",
        "PassWord",
        "password123!",
        "12345678",
        "1234567890",
        "87654321",
        "abcdefgh",
        "aaaaaaaa",
        "abababab",
        "Ada.Lovelace",
        "ada.lovelace1",
        "every city",
        "qwertyuiop",
        "🐈🐕🐎🐄",
        "with\u0000control",
      })
  void whatIsTriedFirstIsNone(String text) {
    assertThatThrownBy(() -> check(text)).isInstanceOf(InvalidInputException.class);
  }

  @Test
  void oneThatIsTypedOnAnotherKeyboardIsTheSame() {
    assertThat(check("Zoe\u0308's\u00a0own\u3000one")).isEqualTo("Zo\u00eb's own one");
    assertThat(Passwords.prepare("ﬁsh"))
        .as("compatibility forms are not the same")
        .isEqualTo("ﬁsh");
  }

  @Test
  void lengthIsBounded() {
    String longest = "ab".repeat(127) + "🐈c";
    assertThat(check(longest)).isEqualTo(longest);
    assertThatThrownBy(() -> check(longest + "d")).hasMessageContaining("at most 256");
    assertThatThrownBy(() -> check("x".repeat(50_000_000))).hasMessageContaining("at most 256");
    assertThatThrownBy(() -> check("")).hasMessageContaining("missing");
  }
}
