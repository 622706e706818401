package dev.meridian.handler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RoutesTest {
  private static final Handler HOME = _ -> Response.text("home");
  private static final Handler ONE = _ -> Response.text("one");
  private static final Handler NEW = _ -> Response.text("new");

  private final Routes routes =
      Routes.NONE
          .with("GET", "/", HOME)
          .with("GET", "/teas/{id}", ONE)
          .with("GET", "/teas/new", NEW)
          .with("POST", "/teas/{id}/like", ONE)
          .with("GET", "/{a}/{b}/x", ONE);

  @Test
  void aNameGoesBeforeAParameter() {
    assertThat(routes.match("GET", List.of("teas", "new")).orElseThrow().handler()).isSameAs(NEW);
    Routes.Match match = routes.match("GET", List.of("teas", "assam")).orElseThrow();
    assertThat(match.handler()).isSameAs(ONE);
    assertThat(match.parameters()).isEqualTo(Map.of("id", "assam"));
  }

  @Test
  void headIsAnsweredAsGetIs() {
    assertThat(routes.match("HEAD", List.of())).isPresent();
    assertThat(routes.match("HEAD", List.of("teas", "a", "like"))).isEmpty();
  }

  @Test
  void whatMatchesNothingIsNobodys() {
    assertThat(routes.match("GET", List.of("teas"))).isEmpty();
    assertThat(routes.match("GET", List.of("teas", "a", "b", "c"))).isEmpty();
    assertThat(routes.match("DELETE", List.of("teas", "a"))).isEmpty();
    assertThat(routes.methods(List.of("teas", "a"))).containsExactly("GET", "HEAD");
    assertThat(routes.methods(List.of("nowhere"))).isEmpty();
  }

  @Test
  void anEscapedSlashMakesNoSegment() {
    Routes.Match match = routes.match("GET", List.of("teas", "a/b")).orElseThrow();
    assertThat(match.parameters()).isEqualTo(Map.of("id", "a/b"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "teas", "/teas/", "//", "/a//b", "/a/../b", "/{", "/{1}", "/x{a}", "/a b\\c", "/?q"
      })
  void whatIsNoPathIsRefused(String path) {
    assertThatThrownBy(() -> Routes.NONE.with("GET", path, HOME))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("path");
  }

  @ParameterizedTest
  @CsvSource({
    "GET,/teas/{other},already",
    "GET,/,already",
    "GET,/{a}/{a},twice",
    "GET,/data/x,own"
  })
  void whatWouldNeverBeAskedIsRefused(String method, String path, String why) {
    assertThatThrownBy(() -> routes.with(method, path, HOME))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(why);
  }

  @Test
  void headersCannotAddHeaders() {
    Response answer = Response.text("x");
    assertThatThrownBy(() -> answer.header("X-Name", "a\r\nSet-Cookie: b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("percent-encode");
    assertThatThrownBy(() -> answer.header("Content-Length", "1"))
        .hasMessageContaining("set by the server");
    assertThatThrownBy(() -> answer.header("a b", "1")).hasMessageContaining("name");
    assertThat(answer.header("x-a", "1").header("X-A", "2").headers())
        .extracting(Response.Header::value)
        .containsExactly("text/plain; charset=utf-8", "2");
  }
}
