package dev.meridian.document;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExpressionTest {
  private static final Map<String, Expression.Type> VARIABLES =
      Map.of(
          "auth", Expression.Type.MAP,
          "document", Expression.Type.DYN,
          "method", Expression.Type.STRING,
          "open", Expression.Type.BOOL,
          "roles", Expression.Type.LIST,
          "hour", Expression.Type.INT);

  private static final Map<String, Object> VALUES =
      Map.of(
          "auth",
          Map.of("key", true, "page", false, "user", "ada"),
          "document",
          Json.parse("{\"owner\":\"ada\",\"n\":1.5,\"secret\":null}".getBytes()),
          "method",
          "GET",
          "open",
          false,
          "roles",
          List.of("editor"),
          "hour",
          9L);

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "true ; true",
        " false ; false",
        "auth.key || auth.page ; true",
        "auth.page ; false",
        "document.owner == auth.user ; true",
        "document.n > 1 ; true",
        "document.secret == null ; true",
        "method == 'GET' && 'editor' in roles ; true",
        "open || hour >= 9 ; true",
        "has(auth.key) && !has(auth.nothing) ; true",
        "auth.nothing ; false",
        "!auth.nothing ; false",
        "document.owner.deeper == 1 ; false",
        "document.n + 'a' == 'b' ; false",
        "auth.user ; false",
      })
  void decidesAsItSays(String source, boolean expected) {
    assertThat(Expression.compile(source, VARIABLES).isTrue(VALUES)).isEqualTo(expected);
  }

  @Test
  void whatCannotBeDecidedAdmitsNobody() {
    Expression rule = Expression.compile("!auth.banned", VARIABLES);
    assertThat(rule.evaluate(Map.of())).isNull();
    assertThat(rule.isTrue(Map.of())).isFalse();
    Map<String, @Nullable Object> missing = new HashMap<>();
    missing.put("auth", null);
    assertThat(rule.isTrue(missing)).isFalse();
    assertThat(rule.isTrue(Map.of("auth", Map.of("banned", false)))).isTrue();
    assertThat(rule.isTrue(Map.of("auth", Map.of("banned", "no")))).isFalse();
    assertThat(rule.isTrue(Map.of("auth", new Object()))).isFalse();
  }

  @Test
  void constantsAreKnown() {
    Expression open = Expression.compile("true", VARIABLES);
    assertThat(open.isConstant()).isTrue();
    assertThat(open.constantValue()).isTrue();
    assertThat(open.uses("auth")).isFalse();
    Expression rule = Expression.compile("auth.key", VARIABLES);
    assertThat(rule.isConstant()).isFalse();
    assertThatThrownBy(rule::constantValue).isInstanceOf(IllegalStateException.class);
    assertThat(rule.uses("auth")).isTrue();
    assertThat(rule.uses("document")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "auht.key ; undeclared reference to 'auht'",
        "method ; must be true or false",
        "hour == 'a' ; no matching overload",
        "auth. ; line 1, column",
        "`` ; empty",
      })
  void mistakesAreNamed(String source, String message) {
    assertThatThrownBy(() -> Expression.compile(source, VARIABLES))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(message);
  }
}
