package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Version;
import dev.meridian.site.SessionSettings;
import dev.meridian.store.SessionToken;
import java.io.ByteArrayInputStream;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Kept pages over HTTP: what a page shows is never older than what making it would show. */
@Timeout(120)
class PageCacheTest {
  private static final String[] HTML = {"Accept", "text/html"};

  @TempDir Path temp;
  private final HttpClient client = HttpClient.newHttpClient();
  private Path folder;
  private SiteServer server;

  @BeforeEach
  void start() throws Exception {
    folder = temp.resolve("site");
    SiteServer.write(
        folder,
        "site.yaml",
        """
        domains: [a.test]
        rules: {read: "true", write: "true"}
        sessions: {secure: never}
        limits: {requestTime: 2 min}
        collections:
          cities: {indexes: [size]}
          news: {cacheControl: {max-age: 1 min, stale-while-revalidate: 30 s}}
          closed: {rules: {read: auth.key}, cacheControl: {max-age: 1 min}}
          mine: {rules: {read: session.user != null || true}}
        """);
    page(
        "cities/[id].html",
        """
        ---
        data:
          city: {document: "cities/{id}"}
          mayor: {document: "mayors/{id}", optional: true}
        ---
        {{ city.name }} {{ mayor.name }}\
        """);
    page(
        "list.html",
        "{% set l = list('cities', sort='size') %}{% for c in l.items %}{{ c.value.name }} {% endfor %}");
    server = new SiteServer(folder, temp.resolve("data"), true);
    put("cities/k", "{\"name\":\"Kiel\",\"size\":2}");
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  private void page(String name, String text) throws Exception {
    SiteServer.write(folder, "pages/" + name, text);
  }

  /** Writes as clients do. */
  private HttpResponse<String> put(String path, String json, String... headers) throws Exception {
    HttpResponse<String> answer =
        new Browser(client).send(server.port(), "PUT", "/data/" + path, json, headers);
    assertThat(answer.statusCode()).as(answer.body()).isBetween(200, 204);
    return answer;
  }

  private String body(String path, String... headers) throws Exception {
    HttpResponse<String> answer = server.get(path, headers.length == 0 ? HTML : headers);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return answer.body().strip();
  }

  private static String header(HttpResponse<?> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }

  private long hits() {
    return server.kept.status().hits();
  }

  private void assertHit(String path, String text) throws Exception {
    // As soon as the feed is done with what came before.
    await(
        () -> {
          long before = hits();
          assertThat(body(path)).isEqualTo(text);
          return hits() == before + 1;
        });
  }

  private void assertMade(String path, String text) throws Exception {
    long before = hits();
    assertThat(body(path)).isEqualTo(text);
    assertThat(hits()).as("made").isEqualTo(before);
  }

  @Test
  void aPageIsMadeOnceAndAgainWhenWhatItShowsChanges() throws Exception {
    assertMade("/cities/k", "Kiel");
    assertHit("/cities/k", "Kiel");
    put("cities/x", "{\"name\":\"X\"}");
    assertHit("/cities/k", "Kiel");
    put("cities/k", "{\"name\":\"Kiel!\",\"size\":3}");
    assertMade("/cities/k", "Kiel!");
    put("mayors/k", "{\"name\":\"Ulf\"}");
    assertMade("/cities/k", "Kiel! Ulf");
    assertHit("/cities/k", "Kiel! Ulf");
    assertThat(server.bytes("DELETE", "/data/cities/k").statusCode()).isEqualTo(204);
    assertThat(server.get("/cities/k", HTML).statusCode()).isEqualTo(404);
    put("cities/k", "{\"name\":\"again\"}");
    assertMade("/cities/k", "again Ulf");
    assertHit("/cities/k", "again Ulf");
    long drops = server.kept.status().drops();
    put("cities/k", "{\"name\":\"gone\"}");
    await(() -> server.kept.status().drops() > drops); // with nobody asking for it
    assertThat(server.kept.status().entries()).isZero();
  }

  @Test
  void aListIsMadeAgainWhenItsCollectionChanges() throws Exception {
    assertMade("/list", "Kiel");
    assertHit("/list", "Kiel");
    put("cities/b", "{\"name\":\"Bonn\",\"size\":1}");
    assertMade("/list", "Bonn Kiel");
    put("cities/b/streets/1", "{\"name\":\"S\"}");
    assertHit("/list", "Bonn Kiel");
    put("cities/b", "{\"name\":\"Bonn\",\"size\":9}");
    assertMade("/list", "Kiel Bonn");
    assertThat(server.bytes("DELETE", "/data/cities/k").statusCode()).isEqualTo(204);
    assertMade("/list", "Bonn");
  }

  @Test
  void whoKnowsOfAChangeElsewhereSeesIt() throws Exception {
    assertMade("/cities/k", "Kiel");
    for (int i = 0; i < 50; i++) {
      Version version = server.putElsewhere("cities/k", "{\"name\":\"K" + i + "\"}");
      String token = SessionToken.NONE.seen(version).toString();
      assertThat(body("/cities/k", "Accept", "text/html", "Meridian-Session", token))
          .isEqualTo("K" + i);
    }
  }

  @Test
  void conditionsAreAnsweredFromTheCache() throws Exception {
    put("cities/k", "{\"name\":\"" + "Kiel ".repeat(300) + "\"}");
    HttpResponse<byte[]> packed =
        server.bytes("GET", "/cities/k", "Accept", "text/html", "Accept-Encoding", "gzip");
    HttpResponse<byte[]> plain = server.bytes("GET", "/cities/k", HTML);
    assertThat(header(packed, "Content-Encoding")).isEqualTo("gzip");
    assertThat(new GZIPInputStream(new ByteArrayInputStream(packed.body())).readAllBytes())
        .isEqualTo(plain.body());
    assertThat(header(packed, "ETag")).isNotEqualTo(header(plain, "ETag"));
    assertHit("/cities/k", new String(plain.body(), StandardCharsets.UTF_8).strip());
    long before = hits();
    HttpResponse<byte[]> same =
        server.bytes("GET", "/cities/k", "Accept", "text/html", "If-None-Match", tag(plain));
    assertThat(same.statusCode()).isEqualTo(304);
    assertThat(same.body()).isEmpty();
    for (String name : List.of("ETag", "Cache-Control", "Vary", "Date")) {
      assertThat(header(same, name)).as(name).isNotEmpty();
    }
    assertThat(header(same, "ETag")).isEqualTo(tag(plain));
    HttpResponse<byte[]> head = server.bytes("HEAD", "/cities/k", HTML);
    assertThat(head.headers().firstValueAsLong("Content-Length")).hasValue(plain.body().length);
    assertThat(head.body()).isEmpty();
    assertThat(server.get("/cities/k", "Accept", "text/html", "If-Match", "\"other\"").statusCode())
        .isEqualTo(412);
    assertThat(body("/cities/k", "Accept", "application/json")).startsWith("{\"city\"");
    assertThat(body("/cities/k", "Accept", "application/json")).startsWith("{\"city\"");
    assertThat(hits()).isEqualTo(before + 4);
  }

  private static String tag(HttpResponse<?> answer) {
    return header(answer, "ETag");
  }

  @Test
  void whatIsPersonalIsSharedWithNobody() throws Exception {
    page("me.html", "{{ session.name }}");
    page("maybe.html", "{% if query.me %}{{ session.name }}{% else %}all{% endif %}");
    page("token.html", "{{ csrf() }}");
    page("messages.html", "{% for m in flash() %}{{ m }}{% endfor %}");
    Browser ann = new Browser(client);
    Browser bob = new Browser(client);
    for (int i = 0; i < 2; i++) {
      ann.page(server.port(), "PUT", "/session/name", "\"Ann\"");
      bob.page(server.port(), "PUT", "/session/name", "\"Bob\"");
      ann.page(
          server.port(),
          "POST",
          "/session",
          "_flash=for+Ann",
          "Content-Type",
          "application/x-www-form-urlencoded");
      assertThat(own(ann, "/me")).isEqualTo("Ann");
      assertThat(own(bob, "/me")).isEqualTo("Bob");
      assertThat(own(bob, "/messages")).isEmpty();
      assertThat(own(ann, "/messages")).isEqualTo("for Ann");
      assertThat(own(ann, "/token")).isNotEmpty().isNotEqualTo(own(bob, "/token"));
      assertThat(own(ann, "/maybe?me=1")).isEqualTo("Ann");
      assertThat(own(bob, "/maybe?me=1")).isEqualTo("Bob");
      assertThat(body("/maybe")).isEqualTo("all");
      assertThat(body("/me")).isEmpty();
    }
    assertThat(server.kept.status().entries())
        .as("/maybe, and /me for those without a session")
        .isEqualTo(2);
  }

  @Test
  void whoHasNoSessionSharesWhatPagesShowWithoutOne() throws Exception {
    page(
        "hello.html",
        "{% if session.name %}hello {{ session.name }}{% else %}sign in{% endif %}"
            + "{{ csrf() }}{{ flash() | length }}");
    Browser ann = new Browser(client);
    ann.page(server.port(), "PUT", "/session/name", "\"Ann\"");
    String cookie = SessionSettings.DEFAULT.cookie();
    String nobody = "sign in0";
    for (int i = 0; i < 2; i++) {
      assertThat(own(ann, "/hello")).startsWith("hello Ann").endsWith("0");
      assertThat(body("/hello")).isEqualTo(nobody);
    }
    assertHit("/hello", nobody);
    long before = hits();
    HttpResponse<String> other =
        server.get("/hello", "Accept", "text/html", "Cookie", "theme=dark");
    assertThat(other.body().strip()).isEqualTo(nobody);
    assertThat(hits()).isEqualTo(before + 1);
    assertThat(header(other, "Cache-Control")).isEqualTo("private, no-store");
    assertThat(header(other, "Vary")).contains("Cookie");
    assertThat(header(other, "ETag")).isEmpty();
    for (String any : List.of("", "-seen", "-device", "-sign-in")) {
      String sent = "theme=dark; " + cookie + any + "=x";
      HttpResponse<String> made = server.get("/hello", "Accept", "text/html", "Cookie", sent);
      assertThat(made.body().strip()).isEqualTo(nobody);
      assertThat(header(made, "Cache-Control")).isEqualTo("private, no-store");
    }
    assertThat(own(ann, "/hello")).startsWith("hello Ann");
    assertThat(hits()).as("made for each").isEqualTo(before + 1);
    assertThat(server.kept.status().entries()).isEqualTo(1);
    ann.page(server.port(), "DELETE", "/session", "");
    assertThat(ann.send(server.port(), "GET", "/hello", "", HTML).body().strip()).isEqualTo(nobody);
  }

  private String own(Browser browser, String path) throws Exception {
    HttpResponse<String> answer = browser.send(server.port(), "GET", path, "", HTML);
    assertThat(header(answer, "Cache-Control")).isEqualTo("private, no-store");
    assertThat(header(answer, "Vary")).contains("Cookie");
    assertThat(header(answer, "ETag")).isEmpty();
    return answer.body().strip();
  }

  @Test
  void aVisitorSeesWhatTheyWrote() throws Exception {
    assertMade("/cities/k", "Kiel");
    Browser ann = new Browser(client);
    ann.page(server.port(), "PUT", "/session/name", "\"Ann\"");
    ann.page(server.port(), "PUT", "/data/cities/k", "{\"name\":\"Ann's\"}");
    HttpResponse<String> answer = ann.send(server.port(), "GET", "/cities/k", "", HTML);
    assertThat(answer.body()).contains("Ann&#39;s");
    assertThat(answer.headers().allValues("Set-Cookie")).isEmpty();
    assertThat(header(answer, "Cache-Control")).isEqualTo("no-cache");
  }

  @Test
  void onlyParametersThatThePageLooksAtCount() throws Exception {
    page("q.html", "{{ query.a }}{% if query.a == 'x' %}{{ query.b }}{% endif %}");
    page("all.html", "{% for e in query %}{{ e.key }}={{ e.value }} {% endfor %}");
    assertMade("/q?a=1&junk=1", "1");
    long entries = server.kept.status().entries();
    for (int i = 0; i < 30; i++) {
      assertHit("/q?junk=" + i + "&a=1&more" + i, "1");
    }
    assertThat(server.kept.status().entries()).isEqualTo(entries);
    assertMade("/q?a=x&b=1", "x1");
    assertMade("/q?a=x&b=2", "x2");
    assertHit("/q?b=1&a=x", "x1");
    assertMade("/q", "");
    assertMade("/q?a=", "");
    assertMade("/q?a=x", "x");
    assertMade("/q?a=x&b=", "x");
    assertMade("/q?a=1%3A2%0A3:b=1", "1:2\n3:b=1");
    assertMade("/all?x=1", "x=1");
    assertMade("/all?x=2", "x=2");
    assertMade("/q?a=" + "y".repeat(3000), "y".repeat(3000));
    assertMade("/q?a=" + "y".repeat(3000), "y".repeat(3000));
    assertHit("/q?a=1&junk=" + "y".repeat(3000), "1");
  }

  @Test
  void anAddressThatIsSpeltOtherwiseTakesNoPlace() throws Exception {
    put("cities/K-1", "{\"name\":\"One\"}");
    put("cities/ü", "{\"name\":\"Two\"}");
    assertMade("/cities/K-1", "One");
    assertMade("/cities/%C3%BC", "Two");
    assertHit("/cities/%C3%BC", "Two");
    long entries = server.kept.status().entries();
    for (String other : List.of("/cities/%4B-1", "/cities/K%2d1", "/%63ities/K-1")) {
      assertHit(other, "One");
    }
    assertHit("/cities/%c3%bc", "Two");
    assertThat(server.kept.status().entries()).isEqualTo(entries);
  }

  @Test
  void whatARequestSaysOfItselfPoisonsNoPage() throws Exception {
    page(
        "about.html",
        "{{ request.path }} {{ request.secure }} {{ site.domain }}{{ url('a', 'b') }}");
    page("how.html", "{{ request.method }}");
    String text = "/about false a.test/a/b";
    String first =
        server.raw(
            "GET /about HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: evil.test\r\n"
                + "X-Forwarded-Proto: https\r\nX-Original-URL: /evil\r\nAccept: text/html\r\n"
                + "Forwarded: host=evil.test\r\nAccept-Language: de\r\nConnection: close\r\n\r\n");
    assertThat(first).contains(text).doesNotContain("evil");
    assertHit("/about", text);
    assertThat(server.bytes("HEAD", "/how", HTML).statusCode()).isEqualTo(200);
    assertMade("/how", "GET");
    assertMade("/how", "GET");
  }

  @Test
  void errorsAndRedirectsAreNotKept() throws Exception {
    page("go.html", "{{ redirect('/list') }}");
    page("broken.html", "{{ 1 / query.zero }}");
    for (int i = 0; i < 2; i++) {
      assertThat(server.get("/cities/none", HTML).statusCode()).isEqualTo(404);
      assertThat(header(server.get("/cities/none", HTML), "Cache-Control")).isEqualTo("no-store");
      assertThat(server.get("/broken", HTML).statusCode()).isEqualTo(500);
      HttpResponse<byte[]> go = server.bytes("HEAD", "/go", HTML);
      assertThat(go.statusCode()).isEqualTo(303);
    }
    assertThat(server.kept.status().entries()).isZero();
  }

  @Test
  void templatesFilesAndTheSiteDropWhatWasMadeOfThem() throws Exception {
    SiteServer.write(folder, "public/a.css", "a{}");
    page("styled.html", "{{ asset('a.css') }} {{ site.name }}");
    String first = body("/styled");
    assertHit("/styled", first);
    SiteServer.write(folder, "public/a.css", "b{color:red}");
    Files.setLastModifiedTime(
        folder.resolve("public/a.css"), FileTime.from(Instant.now().plusSeconds(5)));
    String second = body("/styled");
    assertThat(second).isNotEqualTo(first).startsWith("/a.css?v=");
    assertHit("/styled", second);
    page("styled.html", "new");
    assertMade("/styled", "new");
    page("styled.html", "{{ site.name }}");
    assertMade("/styled", "a.test");
    String yaml = Files.readString(folder.resolve("site.yaml"));
    SiteServer.write(folder, "site.yaml", "name: Other\n" + yaml);
    await(() -> body("/styled").equals("Other"));
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private static void await(Condition condition) throws Exception {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!condition.holds()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(until);
      Thread.sleep(10);
    }
  }

  @Test
  void whatExpiresIsNotShownAfterwards() throws Exception {
    page("soon.html", "---\ncacheControl: {max-age: 1 h}\n---\n{{ document('tmp/a').name }}");
    Instant ends = Instant.now().plusMillis(1500);
    put("tmp/a", "{\"name\":\"here\"}", "Expires-At", ends.toString());
    HttpResponse<String> there = server.get("/soon", HTML);
    assertThat(header(there, "Cache-Control")).isIn("public, max-age=1", "no-cache");
    await(
        () -> {
          boolean after = Instant.now().isAfter(ends.plusMillis(200));
          String shown = body("/soon");
          assertThat(after && shown.equals("here")).as("after its end").isFalse();
          return shown.isEmpty();
        });
  }

  @Test
  void manyWhoMissAtOnceMakeOnePage() throws Exception {
    put("cities/warm", "{\"name\":\"w\"}");
    body("/cities/warm");
    put("cities/cold", "{\"name\":\"cold\"}");
    assertOneIsMade("/cities/cold", "cold");
  }

  @Test
  void whatIsNotKeptAtOneAddressIsNoMatterAtOthers() throws Exception {
    page(
        "t/[id].html",
        "{% if params.id == 'none' %}{{ notFound() }}{% endif %}{{ request.path }}"
            + "{% if params.id == 'me' %}{{ session.name }}{% endif %}"
            + "{% if params.id == 'how' %}{{ request.method }}{% endif %}");
    Browser ann = new Browser(client);
    ann.page(server.port(), "PUT", "/session/name", "\"Ann\"");
    for (int i = 0; i < 2; i++) {
      assertThat(own(ann, "/t/me")).isEqualTo("/t/meAnn");
      assertMade("/t/how", "/t/howGET");
      assertThat(server.get("/t/none", HTML).statusCode()).isEqualTo(404);
      assertOneIsMade("/t/" + i, "/t/" + i);
      String more = "?a=" + "y".repeat(3000);
      assertOneIsMade("/t/more" + i + more, "/t/more" + i);
    }
  }

  private void assertOneIsMade(String path, String text) throws Exception {
    PageCache.Status before = server.kept.status();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<String>> all = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        all.add(threads.submit(() -> body(path)));
      }
      for (Future<String> one : all) {
        assertThat(one.get()).isEqualTo(text);
      }
    }
    PageCache.Status after = server.kept.status();
    assertThat(after.misses() - before.misses()).isEqualTo(1);
    assertThat(after.hits() + after.shared() - before.hits() - before.shared()).isEqualTo(39);
  }

  @Test
  void pagesSayWhatCachesMayDo() throws Exception {
    String matter = "---\ncacheControl: {max-age: 1 min, s-maxage: 10 min}\n---\n";
    page("news.html", matter + "news");
    page("granted.html", matter + "{{ grant('increment', 'visits/a', {'count': 1}) }}");
    page("own.html", matter + "{{ session.name }}");
    page("wrong.html", "---\ncacheControl: {maxage: 1 min}\n---\nx");
    for (int i = 0; i < 2; i++) {
      HttpResponse<String> news = server.get("/news", HTML);
      assertThat(header(news, "Cache-Control")).isEqualTo("public, max-age=60, s-maxage=600");
      assertThat(header(news, "Vary"))
          .isEqualTo("Accept, Accept-Encoding, Meridian-Consistency, Meridian-Session");
      for (String[] own :
          List.of(
              new String[] {"Meridian-Session", ""},
              new String[] {"Meridian-Consistency", "strong"},
              new String[] {"Authorization", "Bearer x"})) {
        HttpResponse<String> answer = server.get("/news", "Accept", "text/html", own[0], own[1]);
        assertThat(header(answer, "Cache-Control")).as(own[0]).isEqualTo("private, no-cache");
        assertThat(header(answer, "Vary")).contains("Meridian-Session");
      }
      assertThat(header(server.get("/cities/k", HTML), "Cache-Control")).isEqualTo("no-cache");
      assertThat(header(server.get("/granted", HTML), "Cache-Control")).isEqualTo("no-cache");
      assertThat(header(server.get("/own", HTML), "Cache-Control")).isEqualTo("private, no-store");
    }
    assertThat(server.get("/wrong", HTML).body()).contains("max-age");
  }

  @Test
  void aPageThatMayBeOldSaysSoAndIsForNoCacheOutside() throws Exception {
    page("news.html", "---\ncacheControl: {max-age: 1 min}\n---\nnews");
    page("own.html", "{{ session.name }}");
    page(
        "sent.html",
        "{% if not document('cities', 'none') %}{{ redirect('/news', 303) }}{% endif %}");
    page("missing.html", "{% if not document('cities', 'none') %}{{ notFound() }}{% endif %}");
    server.age = Duration.ofSeconds(77);
    for (int i = 0; i < 2; i++) {
      for (String path : List.of("/cities/k", "/news")) {
        HttpResponse<String> old = server.get(path, HTML);
        assertThat(header(old, "Meridian-Stale")).isEqualTo("77");
        assertThat(header(old, "Cache-Control")).isEqualTo("no-cache");
        HttpResponse<String> same =
            server.get(path, "Accept", "text/html", "If-None-Match", tag(old));
        assertThat(same.statusCode()).isEqualTo(304);
        assertThat(header(same, "Meridian-Stale")).isEqualTo("77");
      }
      assertThat(header(server.get("/own", HTML), "Meridian-Stale")).isEqualTo("77");
    }
    HttpResponse<String> sent = server.get("/sent", HTML);
    assertThat(sent.statusCode()).isEqualTo(303);
    assertThat(header(sent, "Meridian-Stale")).isEqualTo("77");
    HttpResponse<String> missing = server.get("/missing", HTML);
    assertThat(missing.statusCode()).isEqualTo(404);
    assertThat(header(missing, "Meridian-Stale")).isEqualTo("77");
    assertThat(server.kept.status().entries()).isZero();
    server.age = Duration.ZERO;
    HttpResponse<String> fresh = server.get("/news", HTML);
    assertThat(header(fresh, "Meridian-Stale")).isEmpty();
    assertThat(header(fresh, "Cache-Control")).isEqualTo("public, max-age=60");
  }

  private static final String SHOWS =
      "---\n{% for c in list('slow').items %}{{ c.value.name }}{% endfor %}";

  private static String caching(String more) {
    return "---\ncacheControl: {max-age: 10 s, " + more + "}\n";
  }

  /**
   * How often a page was made before something changed: more than once if the feed was behind when
   * it was made first.
   */
  private int made;

  /** A page that was kept, and that something changed since; nobody can make it now. */
  private Version changedBehindAGate(String name, String more) throws Exception {
    page(name + ".html", caching(more) + SHOWS);
    server.put("slow/a", "{\"name\":\"one\"}");
    assertHit("/" + name, "one");
    made = server.lists.get();
    server.gate = new CountDownLatch(1);
    return server.putElsewhere("slow/a", "{\"name\":\"two\"}");
  }

  /** What a page shows, however long it takes to make: one that waits at the gate may give up. */
  private String bodyAtLast(String... headers) throws Exception {
    HttpResponse<String> answer = server.get("/old", headers);
    while (answer.statusCode() == 503) {
      Thread.sleep(10);
      answer = server.get("/old", headers);
    }
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return answer.body().strip();
  }

  private void assertOld(HttpResponse<String> answer) {
    assertThat(answer.body().strip()).isEqualTo("one");
    assertThat(header(answer, "Meridian-Stale")).matches("[0-9]+");
    assertThat(header(answer, "Cache-Control")).isEqualTo("no-cache");
  }

  @Test
  void whileAPageIsMadeAnewItIsGivenAsItWas() throws Exception {
    Browser ann = new Browser(client);
    ann.page(server.port(), "PUT", "/session/name", "\"Ann\"");
    Version version = changedBehindAGate("old", "stale-while-revalidate: 1 h");
    String token = SessionToken.NONE.seen(version).toString();
    // Until the feed has brought it, it is a hit.
    await(() -> !header(server.get("/old", HTML), "Meridian-Stale").isEmpty());
    await(() -> server.lists.get() == made + 1);
    long before = server.kept.status().stale();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      try {
        List<Future<HttpResponse<String>>> all = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
          all.add(
              threads.submit(() -> server.get("/old", "Accept", "text/html", "Cookie", "theme=x")));
        }
        for (Future<HttpResponse<String>> one : all) {
          assertOld(one.get(60, TimeUnit.SECONDS));
        }
        assertThat(server.lists.get()).as("made once anew").isEqualTo(made + 1);
        assertThat(server.kept.status().stale()).isEqualTo(before + 40);
        HttpResponse<String> first = server.get("/old", HTML);
        HttpResponse<String> same =
            server.get("/old", "Accept", "text/html", "If-None-Match", tag(first));
        assertThat(same.statusCode()).isEqualTo(304);
        assertThat(header(same, "Meridian-Stale")).isNotEmpty();
        List<Future<String>> knowing = new ArrayList<>();
        for (String[] known :
            List.of(
                new String[] {"Meridian-Session", token},
                new String[] {"Meridian-Session", ""},
                new String[] {"Meridian-Consistency", "session"},
                new String[] {"Authorization", "Bearer x"},
                new String[] {"Cache-Control", "max-age=0"},
                new String[] {"Cache-Control", "No-Cache"},
                new String[] {"Pragma", "no-cache"},
                new String[] {"Cookie", SessionSettings.DEFAULT.cookie() + "=x"})) {
          knowing.add(threads.submit(() -> bodyAtLast("Accept", "text/html", known[0], known[1])));
        }
        Future<String> visitor =
            threads.submit(
                () -> {
                  HttpResponse<String> answer = ann.send(server.port(), "GET", "/old", "", HTML);
                  while (answer.statusCode() == 503) {
                    Thread.sleep(10);
                    answer = ann.send(server.port(), "GET", "/old", "", HTML);
                  }
                  return answer.body().strip();
                });
        await(() -> server.lists.get() >= made + 2); // at least one of them waits
        assertOld(server.get("/old", HTML));
        server.gate.countDown();
        for (Future<String> one : knowing) {
          assertThat(one.get(60, TimeUnit.SECONDS)).isEqualTo("two");
        }
        assertThat(visitor.get(60, TimeUnit.SECONDS)).isEqualTo("two");
      } finally {
        server.gate.countDown();
      }
    }
    assertHit("/old", "two");
    assertThat(header(server.get("/old", HTML), "Meridian-Stale")).isEmpty();
  }

  @Test
  void whatIsTooOldIsWaitedFor() throws Exception {
    changedBehindAGate("old", "stale-while-revalidate: 1 s");
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      try {
        // When its second is over, visitors wait for who makes it, and then go there themselves.
        List<Future<?>> early = new ArrayList<>();
        await(
            () -> {
              if (early.stream().filter(one -> !one.isDone()).count() < 3) {
                early.add(threads.submit(() -> server.get("/old", HTML)));
              }
              return server.lists.get() >= made + 2;
            });
        // Whoever comes now, comes too late.
        List<Future<String>> waiting = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
          waiting.add(threads.submit(() -> bodyAtLast(HTML)));
        }
        // Of those before, three at most are there, beside who makes it anew.
        await(() -> server.lists.get() >= made + 5);
        server.gate.countDown();
        for (Future<String> one : waiting) {
          assertThat(one.get(60, TimeUnit.SECONDS)).isEqualTo("two");
        }
      } finally {
        server.gate.countDown();
      }
    }
    assertThat(body("/old")).isEqualTo("two");
  }

  @Test
  void whatCannotBeMadeIsGivenAsItWas() throws Exception {
    page("none.html", caching("stale-while-revalidate: 0 s") + SHOWS);
    page("own.html", caching("stale-if-error: 1 h") + SHOWS + "{{ session.name }}");
    Version version = changedBehindAGate("old", "stale-if-error: 1 h");
    server.gate.countDown();
    String token = SessionToken.NONE.seen(version).toString();
    String[] knowing = {"Accept", "text/html", "Meridian-Session", token};
    assertThat(body("/none")).isEqualTo(body("/own"));
    server.broken = true;
    server.put("slow/b", "{\"name\":\"!\"}");
    await(() -> server.get("/none", HTML).statusCode() == 503);
    assertThat(server.get("/own", HTML).statusCode()).isEqualTo(503);
    HttpResponse<String> old = server.get("/old", HTML);
    assertOld(old);
    assertThat(server.get("/old", knowing).statusCode()).isEqualTo(503);
    server.broken = false;
    assertMade("/old", "two!");
    assertThat(header(server.get("/old", HTML), "Meridian-Stale")).isEmpty();
  }

  @Test
  void whatIsGoneOrRewrittenIsNotGivenAsItWas() throws Exception {
    String all = caching("stale-while-revalidate: 1 h, stale-if-error: 1 h");
    page(
        "city/[id].html", all + "data:\n  city: {document: \"cities/{id}\"}\n---\n{{ city.name }}");
    assertMade("/city/k", "Kiel");
    assertThat(server.bytes("DELETE", "/data/cities/k").statusCode()).isEqualTo(204);
    await(() -> server.get("/city/k", HTML).statusCode() == 404);
    for (int i = 0; i < 3; i++) {
      assertThat(server.get("/city/k", HTML).statusCode()).isEqualTo(404);
    }
    put("cities/k", "{\"name\":\"Kiel\"}");
    assertMade("/city/k", "Kiel");
    put("cities/k", "{\"name\":\"Kiel!\"}");
    page("city/[id].html", all + "---\n{{ document('cities', params.id).name }} new");
    assertMade("/city/k", "Kiel! new");
    put("cities/k", "{\"name\":\"Kiel?\"}");
    String yaml = Files.readString(folder.resolve("site.yaml"));
    SiteServer.write(folder, "site.yaml", "name: Other\n" + yaml);
    page("site.html", "{{ site.name }}");
    await(() -> body("/site").equals("Other"));
    assertMade("/city/k", "Kiel? new");
  }

  @Test
  void dataSaysWhatCachesMayDo() throws Exception {
    put("news/1", "{\"a\":1}");
    put("closed/1", "{}");
    put("mine/1", "{}");
    String fresh = "public, max-age=60, stale-while-revalidate=30";
    for (String path : List.of("/data/news/1", "/data/news")) {
      HttpResponse<String> news = server.get(path);
      assertThat(header(news, "Cache-Control")).isEqualTo(fresh);
      assertThat(header(news, "Vary")).contains("Meridian-Session", "Meridian-Consistency");
      assertThat(header(news, "Meridian-Session")).isEmpty();
      HttpResponse<String> same = server.get(path, "If-None-Match", tag(news));
      assertThat(same.statusCode()).isEqualTo(304);
      assertThat(header(same, "Cache-Control")).isEqualTo(fresh);
      assertThat(header(same, "ETag")).isEqualTo(tag(news));
      HttpResponse<String> token = server.get(path, "Meridian-Session", "");
      assertThat(header(token, "Cache-Control")).isEqualTo("private, no-cache");
      assertThat(header(token, "Meridian-Session")).isNotEmpty();
      HttpResponse<String> strong = server.get(path, "Meridian-Consistency", "strong");
      assertThat(header(strong, "Cache-Control")).isEqualTo("private, no-cache");
    }
    assertThat(header(server.get("/data/cities/k"), "Cache-Control")).isEqualTo("no-cache");
    assertThat(header(server.get("/data/cities/k", "Meridian-Session", ""), "Cache-Control"))
        .isEqualTo("private, no-cache");
    assertThat(header(server.get("/data/news/none"), "Cache-Control")).isEqualTo("no-store");
    assertThat(header(server.get("/data/closed/1"), "Cache-Control")).isEqualTo("no-store");
    String key = "Bearer " + Files.readString(temp.resolve("data/operator.key")).strip();
    HttpResponse<String> closed = server.get("/data/closed/1", "Authorization", key);
    assertThat(closed.statusCode()).isEqualTo(200);
    assertThat(header(closed, "Cache-Control")).isEqualTo("private, no-cache");
    assertThat(header(closed, "Vary")).contains("Authorization").doesNotContain("Cookie");
    HttpResponse<String> mine = server.get("/data/mine/1");
    assertThat(header(mine, "Cache-Control")).isEqualTo("private, no-cache");
    assertThat(header(mine, "Vary")).contains("Authorization", "Cookie");
    put("news/2", "{}", "Expires-In", "PT20S");
    assertThat(header(server.get("/data/news/2"), "Cache-Control"))
        .matches("public, max-age=(1[0-9]|20)");
  }

  @Test
  void aListThatChangedHasAnotherTag() throws Exception {
    HttpResponse<String> first = server.get("/data/cities");
    assertThat(server.get("/data/cities", "If-None-Match", tag(first)).statusCode()).isEqualTo(304);
    put("cities/b", "{\"name\":\"Bonn\"}");
    HttpResponse<String> second = server.get("/data/cities", "If-None-Match", tag(first));
    assertThat(second.statusCode()).isEqualTo(200);
    assertThat(second.body()).contains("Bonn");
    HttpResponse<byte[]> bytes = server.bytes("GET", "/data/cities", "Accept", "application/yaml");
    assertThat(tag(bytes)).isNotEqualTo(tag(second));
    assertThat(new String(bytes.body(), StandardCharsets.UTF_8)).contains("Bonn");
  }
}
