package dev.meridian.document;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Expression.Type;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Members joined by "or" are decided without CEL, and as CEL decides them. */
class ExpressionMembersTest {
  private static final Map<String, Type> VARIABLES =
      Map.of("auth", Type.MAP, "other", Type.MAP, "flag", Type.BOOL);
  private static final List<Object> VALUES = List.of(true, false, "text", 1L);

  @ParameterizedTest
  @ValueSource(strings = {"auth.key", "auth.key || auth.page", "auth.key||other.page || auth.page"})
  void shortFormAgreesWithTheLanguage(String source) {
    Expression fast = Expression.compile(source, VARIABLES);
    Expression slow = Expression.compile("(" + source + ")", VARIABLES);
    for (int i = -1; i < VALUES.size(); i++) {
      for (int j = -1; j < VALUES.size(); j++) {
        Map<String, Object> auth = new HashMap<>();
        if (i >= 0) {
          auth.put("key", VALUES.get(i));
        }
        if (j >= 0) {
          auth.put("page", VALUES.get(j));
        }
        Map<String, Object> variables = Map.of("auth", auth, "other", auth);
        assertThat(fast.isTrue(variables))
            .as("%s with %s", source, auth)
            .isEqualTo(slow.isTrue(variables));
      }
    }
    assertThat(fast.uses("auth")).isTrue();
    assertThat(fast.uses("flag")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"nobody.key", "flag.key", "auth.in", "auth.key || nobody.page"})
  void whatTheLanguageRefusesIsRefused(String source) {
    org.assertj.core.api.Assertions.assertThatThrownBy(() -> Expression.compile(source, VARIABLES))
        .isInstanceOf(InvalidInputException.class);
  }
}
