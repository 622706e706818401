package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import dev.meridian.site.SiteStarter;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

class PagesTest {
  private static final String[] HTML = {"Accept", "text/html"};

  @TempDir Path temp;
  private Path folder;
  private SiteServer server;

  @BeforeEach
  void start() throws Exception {
    folder = temp.resolve("site");
    SiteServer.write(
        folder, "site.yaml", "domains: [a.test]\ncollections: {cities: {indexes: [-size]}}");
    SiteServer.write(folder, "pages/index.html", "<p>{{ site.domain }}</p>");
    SiteServer.write(
        folder,
        "pages/cities/[id].html",
        """
        ---
        title: A city
        data:
          city: {document: "cities/{id}"}
          mayor: {document: "mayors/{city.mayor}", optional: true, fields: [name]}
        ---
        {% extends "_layouts/base.html" %}
        {% block body %}{{ city.name }} {{ city.size | number }} \
        {{ mayor is null ? "nobody" : mayor.name }}{% endblock %}
        """);
    SiteServer.write(
        folder,
        "pages/_layouts/base.html",
        "<!doctype html><title>{{ page.title }}</title>{% block body %}{% endblock %}");
    server = new SiteServer(folder, temp.resolve("data"), true);
    server.put(
        "cities/IS-1",
        "{\"name\":\"<b>Reykjavík</b>\",\"size\":136000,\"mayor\":\"m1\",\"x\":1.50}");
    server.put("mayors/m1", "{\"name\":\"Heiða\",\"secret\":1}");
    server.put("cities/DE-1", "{\"name\":\"Kiel\",\"size\":250000}");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private HttpResponse<String> tried(String template, int status) throws Exception {
    SiteServer.write(folder, "pages/try.html", template);
    HttpResponse<String> response = server.get("/try", HTML);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    return response;
  }

  @Test
  void aPageShowsItsDataEscaped() throws Exception {
    HttpResponse<String> response = server.get("/cities/IS-1", HTML);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
    assertThat(response.body().strip())
        .startsWith("<!doctype html><title>A city</title>")
        .contains("&lt;b&gt;Reykjavík&lt;/b&gt; 136,000 Heiða");
    assertThat(response.headers().firstValue("Content-Type")).contains("text/html; charset=utf-8");
    assertThat(response.headers().firstValue("Cache-Control")).contains("no-cache");
    assertThat(response.headers().firstValue("Vary").orElseThrow()).contains("Accept");
    assertThat(response.headers().firstValue("Content-Security-Policy")).isPresent();
  }

  @Test
  void theSameAddressAnswersJson() throws Exception {
    HttpResponse<String> response = server.get("/cities/IS-1", "Accept", "application/json");
    assertThat(response.headers().firstValue("Content-Type")).contains("application/json");
    assertThat(response.body())
        .isEqualTo(
            "{\"city\":{\"name\":\"<b>Reykjavík</b>\",\"size\":136000,\"mayor\":\"m1\",\"x\":1.50},"
                + "\"mayor\":{\"name\":\"Heiða\"}}");
    assertThat(server.get("/cities/DE-1", "Accept", "application/json").body())
        .endsWith("\"mayor\":null}");
    assertThat(server.get("/", "Accept", "application/json").statusCode()).isEqualTo(406);
    assertThat(server.get("/cities/IS-1", "Accept", "text/html,*/*;q=0.8").body())
        .contains("<!doctype");
  }

  @Test
  void unchangedPagesAnswer304() throws Exception {
    HttpResponse<String> first = server.get("/cities/IS-1", HTML);
    String tag = first.headers().firstValue("ETag").orElseThrow();
    HttpResponse<String> second =
        server.get("/cities/IS-1", "Accept", "text/html", "If-None-Match", tag);
    assertThat(second.statusCode()).isEqualTo(304);
    assertThat(second.body()).isEmpty();
    server.put("cities/IS-1", "{\"name\":\"R\",\"size\":1}");
    assertThat(server.get("/cities/IS-1", "Accept", "text/html", "If-None-Match", tag).statusCode())
        .isEqualTo(200);
    HttpResponse<byte[]> head = server.bytes("HEAD", "/cities/IS-1", HTML);
    assertThat(head.body()).isEmpty();
    assertThat(head.headers().firstValueAsLong("Content-Length").orElseThrow()).isPositive();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/cities/none",
        "/cities",
        "/nothing",
        "/_layouts/base",
        "/_layouts/base.html",
        "/cities/a%2Fb",
        "/404"
      })
  void whatIsNotThereIsNotFound(String path) throws Exception {
    HttpResponse<String> response = server.get(path, HTML);
    assertThat(response.statusCode()).isEqualTo(404);
    assertThat(response.body()).contains("There is no page at this address");
  }

  @Test
  void aPageHasOneAddressAndIsOnlyRead() throws Exception {
    HttpResponse<String> slash = server.get("/cities/IS-1/?a=1", HTML);
    assertThat(slash.statusCode()).isEqualTo(308);
    assertThat(slash.headers().firstValue("Location")).contains("/cities/IS-1?a=1");
    HttpResponse<byte[]> post = server.bytes("POST", "/cities/IS-1");
    assertThat(post.statusCode()).isEqualTo(405);
    assertThat(post.headers().firstValue("Allow")).contains("GET, HEAD");
  }

  @Test
  void routesPreferNamesThenParametersThenTheRest() throws Exception {
    SiteServer.write(folder, "pages/a/b.html", "named");
    SiteServer.write(folder, "pages/a/[x].html", "one {{ params.x }}");
    SiteServer.write(folder, "pages/a/[...rest].html", "rest {{ params.rest }}");
    SiteServer.write(folder, "pages/map.xml", "<?xml version=\"1.0\"?><a>{{ site.name }}</a>");
    assertThat(server.get("/a/b").body()).isEqualTo("named");
    assertThat(server.get("/a/%C3%A9%20").body()).isEqualTo("one é ");
    assertThat(server.get("/a/b/c").body()).isEqualTo("rest b/c");
    assertThat(server.get("/a").statusCode()).isEqualTo(404);
    HttpResponse<String> xml = server.get("/map.xml");
    assertThat(xml.body()).isEqualTo("<?xml version=\"1.0\"?><a>a.test</a>");
    assertThat(xml.headers().firstValue("Content-Type")).contains("application/xml; charset=utf-8");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "{{ document('cities/DE-1').name }} # Kiel",
        "{{ document('cities', 'DE-1').name }} # Kiel",
        "{{ document('cities', 'a/b') is null }} # true",
        "{% for c in list('cities', sort='-size', limit=1).items %}{{ c.id }}{% endfor %} # DE-1",
        "{{ url('cities', 'a/b ü', {'q': 'x&y', 'n': ''}) }} # /cities/a%2Fb%20%C3%BC?q=x%26y",
        "{{ 1234567.891 | number }} {{ 5 | number(2) }} # 1,234,567.891 5.00",
        "{{ '2026-01-31T12:30:00Z' | date('d MMM yyyy HH:mm', zone='Europe/Berlin') }}"
            + " # 31 Jan 2026 13:30",
        "{{ {'a': '</script>'} | json }} # {\"a\":\"\\u003c/script\\u003e\"}",
        "{% for i in range(1, 3) %}{{ i }}{% endfor %} # 123",
        "{{ 'Łódź d’Été' | fold }} # lodz dete",
        "{{ request.path }} {{ query.none is null }} # /try true",
        "{{ asset('/none.css') }} # /none.css",
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('&') }} # <&amp;>",
      })
  void templatesCan(String template, String expected) throws Exception {
    assertThat(tried(template, 200).body().strip().replace("&amp;y", "&y")).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "{{ 'x'.getClass().forName('java.lang.Runtime') }} # data has no methods",
        "{{ site.getClass() }} # data has no methods",
        "{{ 'x'.bytes }} # only objects have members",
        "{{ nothing }} # nothing",
        "{{ document('_keys/a') }} # own; pages cannot read it",
        "{% include 'none.html' %} # there is no template",
        "{% include '../site.yaml' %} # there is no template",
        "{% include 'try.html' %} # calls itself without an end",
        "{% for i in range(1, 100000) %}{% endfor %} # a range has at most",
        "{% for i in 1..3 %}{% endfor %} # line 2",
        "{{ redirect('//evil.test') }} # goes to a path of this site",
        "{{ 'abc' | number }} # takes a number",
        "{{ 'abc' | date }} # is no date",
        "{{ grant('fly', 'a/b') }} # is no kind of grant",
        "{{ grant('increment', 'a/b', {'n': 'x'}) }} # adds numbers",
        "{{ grant('put', 'a/b', {'n': 1}) }} # Only a grant for an increment",
        "{% if %} # line 2",
        "{{ list('cities', sort='name') }} # name",
        "{% for i in range(1, 9000) %}{% for j in range(1, 9000) %}xxxxxxxxxx{% endfor %}"
            + "{% endfor %} # This page is broken",
      })
  void mistakesAreShownWithTheirPlace(String template, String expected) throws Exception {
    HttpResponse<String> response = tried("line one\n" + template, 500);
    assertThat(response.body().replace("&#39;", "'")).contains("pages/try.html").contains(expected);
    assertThat(response.headers().firstValue("Cache-Control")).contains("no-store");
  }

  @Test
  void theDevelopmentPageMarksTheLineAndEscapesIt() throws Exception {
    assertThat(tried("one\n<script>{{ nothing }}</script>\nthree", 500).body())
        .contains(
            "<li class=\"here\"><span>2</span>&lt;script&gt;{{ nothing }}&lt;/script&gt;</li>")
        .contains(", line 2");
    assertThat(tried("---\ndata:\n  city: {documnt: x}\n---\nx", 500).body().replace("&#39;", "'"))
        .contains("unknown key 'documnt', did you mean 'document'?")
        .contains(", line 3");
    assertThat(tried("---\ntitle: x\n---\n{{ nothing }}", 500).body()).contains(", line 4");
  }

  @Test
  void visitorsCannotInjectIntoQueries() throws Exception {
    SiteServer.write(
        folder,
        "pages/find.html",
        "---\ndata:\n  found: {list: cities, where: 'name == {query.q}', scan: 100}\n---\n"
            + "{{ found.items | length }}");
    assertThat(server.get("/find?q=Kiel").body().strip()).isEqualTo("1");
    assertThat(server.get("/find?q=%22%20%7C%7C%20true%20%7C%7C%20%22").body().strip())
        .isEqualTo("0");
    assertThat(server.get("/find?q=%5C%22%0A").body().strip()).isEqualTo("0");
  }

  @Test
  void redirectsAndNotFoundEndAPage() throws Exception {
    SiteServer.write(folder, "pages/go.html", "{{ redirect(url('cities', 'IS-1')) }}");
    assertThat(server.get("/go").headers().firstValue("Location")).contains("/cities/IS-1");
    SiteServer.write(folder, "pages/no.html", "{{ notFound() }}");
    SiteServer.write(folder, "pages/404.html", "own page for {{ request.path }}");
    HttpResponse<String> response = server.get("/no", HTML);
    assertThat(response.statusCode()).isEqualTo(404);
    assertThat(response.body()).isEqualTo("own page for /no");
  }

  @Test
  void inProductionVisitorsSeeNothingOfTheInside() throws Exception {
    SiteServer.write(folder, "pages/bad.html", "{{ secretName }}");
    server.close();
    server = new SiteServer(folder, temp.resolve("data2"), false);
    HttpResponse<String> response = server.get("/bad", HTML);
    assertThat(response.statusCode()).isEqualTo(500);
    assertThat(response.body()).contains("Something went wrong here").doesNotContain("secretName");
    assertThat(server.get("/bad").body()).doesNotContain("secretName");
  }

  @Test
  void inProductionABrokenEditKeepsThePagesAsTheyWere() throws Exception {
    server.close();
    server = new SiteServer(folder, temp.resolve("data2"), false);
    SiteServer.write(folder, "pages/index.html", "{% if %}");
    SiteServer.write(folder, "pages/late.html", "late");
    long end = System.nanoTime() + 2_500_000_000L;
    while (System.nanoTime() < end) {
      assertThat(server.get("/").body()).contains("a.test");
    }
    SiteServer.write(folder, "pages/index.html", "mended");
    end = System.nanoTime() + 30_000_000_000L;
    while (!server.get("/").body().equals("mended") && System.nanoTime() < end) {
      Thread.onSpinWait();
    }
    assertThat(server.get("/").body()).isEqualTo("mended");
    assertThat(server.get("/late").body()).isEqualTo("late");
  }

  @Test
  void aMistakeInALayoutIsShownOnThePagesThatUseIt() throws Exception {
    SiteServer.write(folder, "pages/_layouts/base.html", "one\n{{ site.name | uper }}");
    assertThat(server.get("/cities/IS-1", HTML).body().replace("&#39;", "'"))
        .contains("there is no filter 'uper', did you mean 'upper'?")
        .contains("pages/_layouts/base.html")
        .contains(", line 2");
    assertThat(server.get("/", HTML).statusCode()).isEqualTo(200);
  }

  @Test
  void theLogNamesMistakesBeforeAnybodyAsksForThePage() throws Exception {
    List<String> logged = new CopyOnWriteArrayList<>();
    AppenderBase<ILoggingEvent> appender =
        new AppenderBase<>() {
          @Override
          protected void append(ILoggingEvent event) {
            logged.add(event.getFormattedMessage());
          }
        };
    appender.start();
    Logger logger = (Logger) LoggerFactory.getLogger(LivePages.class);
    logger.addAppender(appender);
    try {
      SiteServer.write(folder, "pages/bad.html", "one\n{{ 1 | nix }}");
      assertThat(server.get("/", HTML).statusCode()).isEqualTo(200);
      String mistake = "pages/bad.html:2:1: there is no filter 'nix'";
      String doubt = "site.yaml declares no collection 'mayors'";
      long end = System.nanoTime() + 30_000_000_000L;
      while (System.nanoTime() < end
          && !(String.join("\n", logged).contains(mistake)
              && String.join("\n", logged).contains(doubt))) {
        Thread.onSpinWait();
      }
      assertThat(String.join("\n", logged)).contains(mistake, doubt);
    } finally {
      logger.detachAppender(appender);
    }
  }

  @Test
  void inProductionAnEditThatNeedsAnIndexIsTakenOnceItIsDeclared() throws Exception {
    server.close();
    server = new SiteServer(folder, temp.resolve("data2"), false);
    SiteServer.write(
        folder,
        "pages/index.html",
        "---\ndata:\n  named: {list: cities, sort: name}\n---\n{{ named.items | length }} cities");
    long end = System.nanoTime() + 2_500_000_000L;
    while (System.nanoTime() < end) {
      assertThat(server.get("/").body()).contains("a.test");
    }
    SiteServer.write(
        folder, "site.yaml", "domains: [a.test]\ncollections: {cities: {indexes: [name]}}");
    end = System.nanoTime() + 30_000_000_000L;
    while (server.get("/").body().contains("a.test") && System.nanoTime() < end) {
      Thread.onSpinWait();
    }
    // The store of this test keeps the indexes it began with; that it is asked is what counts.
    assertThat(server.get("/").statusCode()).isEqualTo(500);
  }

  @Test
  void theStarterWorksAtOnce() throws Exception {
    Path starter = temp.resolve("My Guests");
    SiteStarter.create(starter);
    assertThat(Files.readString(starter.resolve("site.yaml"))).contains("my-guests.test");
    server.close();
    server = new SiteServer(starter, temp.resolve("data3"), true);
    assertThat(server.get("/", HTML).body())
        .contains("Leave a note")
        .contains("data-grant=\"g1.")
        .contains("No notes yet");
    server.put(
        "notes/n1",
        "{\"name\":\"Ada\",\"text\":\"Hello <you>\",\"created\":\"2026-01-31T12:30:00Z\"}");
    assertThat(server.get("/", HTML).body())
        .contains("Hello &lt;you&gt;")
        .contains("31 Jan 2026, 12:30")
        .contains("href=\"/notes/n1\"");
    assertThat(server.get("/notes/n1", HTML).body()).contains("Hello &lt;you&gt;");
    assertThat(server.get("/notes/none", HTML).body()).contains("There is nothing here");
    assertThat(server.get("/", "Accept", "application/json").body())
        .startsWith("{\"notes\":{\"items\":[{\"id\":\"n1\"");
    assertThat(server.get("/style.css").statusCode()).isEqualTo(200);
  }
}
