package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What templates make of values that may be missing, and how pages without an end are ended. */
class TemplateLanguageTest {
  private static final String HEAD =
      "---\ndata:\n  d: {document: things/d}\n  none: {document: things/none, optional: true}\n"
          + "---\n";

  @TempDir Path temp;
  private Path folder;
  private SiteServer server;

  @BeforeEach
  void start() throws Exception {
    folder = temp.resolve("site");
    SiteServer.write(
        folder,
        "site.yaml",
        "domains: [a.test]\ncollections: {things: }\n"
            + "limits: {requestTime: 2 s, pageSize: 100 KiB}");
    SiteServer.write(folder, "pages/index.html", "home");
    server = new SiteServer(folder, temp.resolve("data"), true);
    server.put(
        "things/d",
        "{\"null\":null,\"no\":false,\"yes\":true,\"zero\":0,\"half\":0.5,\"empty\":\"\","
            + "\"text\":\"x\",\"list\":[1,2],\"nothing\":[],\"object\":{\"a\":1},\"bare\":{}}");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private HttpResponse<String> tried(String template, int status) throws Exception {
    SiteServer.write(folder, "pages/try.html", HEAD + template);
    HttpResponse<String> response = server.get("/try", "Accept", "text/html");
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    return response;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "d.null",
        "d.missing",
        "d.missing.deeper",
        "d.object.b.c",
        "none",
        "none.name",
        "d.no",
        "d.zero",
        "d.empty",
        "d.nothing",
        "d.bare",
        "null",
        "document('things/none')",
        "d.list[7]",
        "not d.yes",
        "d.yes and d.null",
        "d.list and d.nothing",
        "d.null or none",
        "d.null == 1",
        "d.missing > 3",
        "query.q",
        "nowhere is defined"
      })
  void theseAreFalse(String condition) throws Exception {
    assertThat(tried("{% if " + condition + " %}yes{% else %}no{% endif %}", 200).body().strip())
        .isEqualTo("no");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "d.yes",
        "d.half",
        "d.text",
        "d.list",
        "d.object",
        "d",
        "not d.null",
        "not d.nothing",
        "d.null or d.list",
        "d.text and d.object",
        "d.missing is null",
        "d.missing == null",
        "none is null",
        "d.null is empty",
        "d.no == false",
        "d.text is defined"
      })
  void theseAreTrue(String condition) throws Exception {
    assertThat(tried("{% if " + condition + " %}yes{% else %}no{% endif %}", 200).body().strip())
        .isEqualTo("yes");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "[{{ d.null }}{{ d.missing.deeper }}{{ none.name }}] # []",
        "{{ d.missing | default('?') }}{{ d.null.x | default('!') }} # ?!",
        "{{ nowhere | default('absent') }} # absent",
        "{{ d.no | default('?') }} {{ d.zero | default('?') }} # false 0",
        "{{ d.missing | upper | default('-') }} # -",
        "{{ d.null | number }}{{ d.missing | date }}. # .",
        "{{ d.missing ? 'a' : 'b' }}{{ d.text ? 'a' : 'b' }} # ba",
        "{{ 'x' ~ d.null ~ 'y' }} # xy",
        "{% for i in d.missing %}{{ i }}{% else %}none{% endfor %} # none",
        "{% for i in d.list %}{{ i }}/{{ loop.length }} {% endfor %} # 1/2 2/2",
        "{% for e in d.object %}{{ e.key }}={{ e.value }}{% endfor %} # a=1",
        "{% macro m(a, b) %}{{ a }}{{ b }}{{ b | default('-') }}{% endmacro %}{{ m(1) }} # 1-",
        "{% set s = d.missing.x %}[{{ s }}] # []",
      })
  void whatIsNotThereIsNothing(String template, String expected) throws Exception {
    assertThat(tried(template, 200).body().strip()).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "{{ dd.text }} # there is no 'dd' here, did you mean 'd'?",
        "{% if nowhere %}{% endif %} # there is no 'nowhere' here",
        "{% for x in nowhere %}{% endfor %} # there is no 'nowhere' here",
        "{% set x = nowhere %} # there is no 'nowhere' here",
        "{% macro m(a) %}{{ d }}{% endmacro %}{{ m(1) }} # there is no 'd' here",
        "{{ d.missing * 1 }} # Could not perform multiplication: Cannot convert to Number: null",
        "{{ d.text.bytes }} # only objects have members",
        "{{ d.list ? 1 : 2 }} # write a condition",
        "{% fro x in d.list %} # did you mean",
      })
  void mistakesAreStillMistakes(String template, String expected) throws Exception {
    assertThat(tried("one\n" + template, 500).body().replace("&#39;", "'"))
        .contains(expected)
        .contains(", line 7");
  }

  @ParameterizedTest
  @Timeout(60)
  @ValueSource(
      strings = {
        "{% for a in range(1, 9999) %}{% for b in range(1, 9999) %}{% for c in range(1, 9999) %}"
            + "{% endfor %}{% endfor %}{% endfor %}",
        "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
            + "{{ m(60) }}",
        "{% for a in range(1, 9999) %}{% for b in range(1, 9999) %}{% set x = range(1, 999) %}"
            + "{% endfor %}{% endfor %}",
      })
  void aPageWithoutAnEndIsEnded(String template) throws Exception {
    assertThat(tried(template, 503).body()).contains("not done in time").contains("pages/try.html");
    // The connection is of use again, and so is the thread: nothing is left interrupted.
    assertThat(server.get("/").body()).isEqualTo("home");
  }

  @Test
  @Timeout(60)
  void includesAndBlocksThatCallEachOtherAreEnded() throws Exception {
    SiteServer.write(
        folder,
        "pages/_twice.html",
        "{% if n > 0 %}{% include '_twice.html' with {'n': n - 1} %}"
            + "{% include '_twice.html' with {'n': n - 1} %}{% endif %}");
    tried("{% include '_twice.html' with {'n': 60} %}", 503);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(1, 9999) %}xxxxxxxxxxxxxxxxxxxx{% endfor %}",
        "{% macro m() %}{% for a in range(1, 9999) %}{% for b in range(1, 9999) %}xxxxxxxxxxxxxxx"
            + "{% endfor %}{% endfor %}{% endmacro %}{{ m() }}",
      })
  void aPageThatGrowsTooLargeIsEnded(String template) throws Exception {
    assertThat(tried(template, 500).body()).contains("larger than 100 KiB", "limits.pageSize");
  }

  @Test
  void aValueThatDoublesIsEnded() throws Exception {
    assertThat(
            tried(
                    "{% set s = 'xxxxxxxxxx' %}{% for a in range(1, 99) %}{% set s = s ~ s %}"
                        + "{% endfor %}",
                    500)
                .body())
        .contains("grows larger");
  }

  @Test
  void aHigherLimitIsTakenUp() throws Exception {
    String template = "{% for a in range(1, 9999) %}xxxxxxxxxxxxxxxxxxxx{% endfor %}";
    tried(template, 500);
    SiteServer.write(folder, "site.yaml", "domains: [a.test]\ncollections: {things: }");
    long end = System.nanoTime() + 20_000_000_000L;
    while (server.get("/try", "Accept", "text/html").statusCode() != 200
        && System.nanoTime() < end) {
      Thread.onSpinWait();
    }
    assertThat(tried(template, 200).body()).hasSizeGreaterThan(150_000);
  }

  @Test
  void tagsThatWouldNotEscapeOrWorkOnlyOnceAreNoTags() throws Exception {
    SiteServer.write(folder, "pages/_card.html", "{% macro m() %}x{% endmacro %}");
    tried("{% embed '_card.html' %}{% endembed %}", 500);
    tried("{% from '_card.html' import m %}", 500);
    SiteServer.write(folder, "pages/try.html", "{% import '_card.html' as c %}{{ c.m() }}");
    assertThat(server.get("/try").body()).isEqualTo("x");
    assertThat(server.get("/try").body()).isEqualTo("x");
  }
}
