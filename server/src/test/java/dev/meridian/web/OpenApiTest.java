package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.meridian.document.Json;
import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Limits;
import dev.meridian.site.Rules;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The server against its description: whatever it answers is described, and whatever is described
 * it answers.
 */
@Timeout(120)
class OpenApiTest {
  private static final JsonMapper JSON = JsonMapper.shared();
  private static final JsonNode API = JSON.readTree(OpenApi.read());

  /** A slow body, a failing server, a store that cannot and a flood are other tests' matter. */
  private static final Set<String> NOT_HERE = Set.of("408", "429", "500", "503");

  private static final Limits LIMITS =
      new Limits(2000, 4000, 3, 20, 1000, 1_000_000, Duration.ofSeconds(30), 10, 1 << 20);

  @TempDir Path folder;
  private TestServer server;

  /** What was answered: {@code METHOD template status}. */
  private final Set<String> seen = new TreeSet<>();

  @BeforeEach
  void start() throws Exception {
    Rules keys = new Rules("auth.key", "auth.role == \"editor\"");
    CollectionSettings closed =
        new CollectionSettings(
            "closed",
            List.of(),
            keys,
            Optional.empty(),
            CollectionSettings.CachePolicy.READ_THROUGH,
            Optional.empty(),
            Optional.empty());
    CollectionSettings editors =
        CollectionSettings.defaults("editors", new Rules("auth.role == \"editor\"", "true"));
    server =
        new TestServer(
            folder,
            new Rules("true", "true"),
            LIMITS,
            Map.of(
                "closed",
                closed,
                "editors",
                editors,
                "closed/*/sub",
                CollectionSettings.defaults("closed/*/sub", keys),
                "editors/*/sub",
                CollectionSettings.defaults("editors/*/sub", editors.rules())));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** Follows a reference. */
  private static JsonNode at(JsonNode node) {
    JsonNode ref = node.get("$ref");
    return ref == null ? node : API.at(ref.asString().substring(1));
  }

  /**
   * Sends, and holds the answer against the description.
   *
   * @param template the path as the description has it
   * @param headers names and values in turn
   */
  private HttpResponse<String> call(
      String method, String template, String path, int status, String body, String... headers)
      throws Exception {
    HttpResponse<String> answer = server.send(method, path, body, headers);
    String what = method + " " + template + " " + answer.statusCode();
    assertThat(answer.statusCode()).as("%s %s: %s", method, path, answer.body()).isEqualTo(status);
    JsonNode operation = API.get("paths").get(template).get(method.toLowerCase(Locale.ROOT));
    JsonNode declared = operation.get("responses").get(Integer.toString(status));
    assertThat(declared).as("%s is declared", what).isNotNull();
    JsonNode response = at(declared);
    seen.add(what);

    Map<String, String> known = new HashMap<>();
    if (response.has("headers")) {
      response
          .get("headers")
          .properties()
          .forEach(h -> known.put(h.getKey().toLowerCase(Locale.ROOT), ""));
    }
    for (String header : answer.headers().map().keySet()) {
      if (header.startsWith(":")) {
        continue; // of HTTP/2 itself
      }
      boolean generic =
          Set.of(
                  "content-length",
                  "content-type",
                  "content-encoding",
                  "transfer-encoding",
                  "date",
                  "connection",
                  "vary",
                  "cache-control",
                  "x-content-type-options",
                  "preference-applied",
                  "accept",
                  "accept-patch")
              .contains(header.toLowerCase(Locale.ROOT));
      if (!method.equals("HEAD") || status < 400) {
        assertThat(generic || known.containsKey(header.toLowerCase(Locale.ROOT)))
            .as("%s: header %s is declared", what, header)
            .isTrue();
      }
    }
    if (answer.body().isEmpty()) {
      return answer;
    }
    String type = TestServer.header(answer, "Content-Type").split(";", 2)[0];
    assertThat(response.has("content")).as("%s has a body", what).isTrue();
    JsonNode media = response.get("content").get(type);
    assertThat(media).as("%s: %s is declared", what, type).isNotNull();
    if (type.endsWith("/json") || type.endsWith("+json")) {
      assertValid(what, media.get("schema"), answer.body());
    } else if (type.equals("application/x-ndjson")) {
      for (String line : answer.body().split("\n", -1)) {
        if (!line.isEmpty()) {
          assertValid(what, media.get("schema"), line);
        }
      }
    }
    return answer;
  }

  private static void assertValid(String what, JsonNode schema, String json) {
    Map<String, Object> whole = new LinkedHashMap<>();
    whole.put("$schema", "https://json-schema.org/draft/2020-12/schema");
    whole.put("allOf", List.of(schema));
    whole.put("components", API.get("components"));
    var errors =
        SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
            .getSchema(JSON.writeValueAsString(whole), InputFormat.JSON)
            .validate(json, InputFormat.JSON);
    assertThat(errors).as("%s: %s", what, json).isEmpty();
  }

  private static String[] with(String... headers) {
    return headers;
  }

  private static final String J = "application/json";

  @Test
  void everythingAnsweredIsDescribedAndEverythingDescribedIsAnswered() throws Exception {
    String reader = key(ApiKeys.READER);
    String operator = "Bearer " + server.operatorKey();
    documents("", "/data/{collection}/{id}", reader);
    documents("/1/sub", "/data/{collection}/{id}/{collection2}/{id2}", reader);
    collections("", "/data/{collection}", reader);
    collections("/1/sub", "/data/{collection}/{id}/{collection2}", reader);
    root(reader, operator);
    session();

    Set<String> declared = new TreeSet<>();
    API.get("paths")
        .properties()
        .forEach(
            path ->
                path.getValue()
                    .properties()
                    .forEach(
                        operation -> {
                          if (operation.getValue().has("responses")) {
                            operation
                                .getValue()
                                .get("responses")
                                .propertyNames()
                                .forEach(
                                    status -> {
                                      if (!NOT_HERE.contains(status)) {
                                        declared.add(
                                            operation.getKey().toUpperCase(Locale.ROOT)
                                                + " "
                                                + path.getKey()
                                                + " "
                                                + status);
                                      }
                                    });
                          }
                        }));
    assertThat(seen).containsExactlyElementsOf(declared);
  }

  private String key(String role) {
    return "Bearer " + server.access.keys().create(role, "t", Optional.empty()).token();
  }

  private void session() throws Exception {
    String merge = "application/merge-patch+json";
    String plus = "application/vnd.meridian.increment+json";
    String form = "application/x-www-form-urlencoded";
    String big = "\"" + "x".repeat(3000) + "\"";
    String[] own = {"Sec-Fetch-Site", "same-origin"};
    String s = "/session";
    call("GET", s, s, 200, "");
    var made = call("PATCH", s, s, 204, "{\"n\":1}", with("Content-Type", merge));
    String set = TestServer.header(made, "Set-Cookie");
    String cookie = set.substring(0, set.indexOf(';'));
    String[] key = {
      "Cookie", cookie, own[0], own[1], "Idempotency-Key", "s1", "Content-Type", plus
    };
    call("PATCH", s, s, 204, "{\"n\":1}", key);
    call("PATCH", s, s, 204, "{\"n\":1}", key);
    call("PATCH", s, s, 422, "{\"n\":2}", key);
    call("PATCH", s, s, 400, "{\"n\":", key);
    call("PATCH", s, s, 403, "{}", with("Cookie", cookie, "Content-Type", merge));
    call("PATCH", s, s, 413, "{\"a\":\"" + "x".repeat(70_000) + "\"}", with("Content-Type", merge));
    call("PATCH", s, s, 415, "1", with("Content-Type", J));
    call("GET", s, s, 200, "", with("Cookie", cookie));
    for (String format : List.of("application/yaml", "application/xml", "application/cbor")) {
      call("GET", s, s, 200, "", with("Accept", format, "Cookie", cookie));
    }
    call("GET", s, s + "?colour=red", 400, "");
    call("GET", s, s, 406, "", with("Accept", "image/png"));
    call("HEAD", s, s, 200, "");
    call("HEAD", s, s + "?colour=red", 400, "");
    call("HEAD", s, s, 406, "", with("Accept", "image/png"));

    String t = "/session/{attribute}";
    String n = s + "/n";
    call("GET", t, n, 200, "", with("Cookie", cookie));
    call("GET", t, n + "?colour=red", 400, "");
    call("GET", t, n, 404, "");
    call("GET", t, n, 406, "", with("Accept", "image/png"));
    call("HEAD", t, n, 200, "", with("Cookie", cookie));
    call("HEAD", t, n + "?colour=red", 400, "");
    call("HEAD", t, n, 404, "");
    call("HEAD", t, n, 406, "", with("Accept", "image/png"));
    call("PUT", t, n, 204, "1");
    call("PUT", t, n, 400, "{");
    call("PUT", t, n, 403, "1", with("Cookie", cookie));
    call("PUT", t, n, 413, big);
    call("PUT", t, n, 415, "1", with("Content-Type", "text/csv"));
    String[] again = {"Cookie", cookie, own[0], own[1], "Idempotency-Key", "s1"};
    call("PUT", t, n, 422, "1", again);
    call("DELETE", t, n, 204, "", with("Cookie", cookie, own[0], own[1]));
    call("DELETE", t, n + "?colour=red", 400, "");
    call("DELETE", t, n, 403, "", with("Cookie", cookie));
    call("DELETE", t, n, 422, "", again);
    call("OPTIONS", t, n, 204, "");

    call("POST", s, s, 303, "a=1", with("Content-Type", form));
    call("POST", s, s, 400, "user=1", with("Content-Type", form));
    call("POST", s, s, 403, "a=1", with("Content-Type", form, "Cookie", cookie));
    call("POST", s, s, 413, "a=" + "x".repeat(70_000), with("Content-Type", form));
    call("POST", s, s, 415, "a=1");
    String[] page = {"Content-Type", form, "Cookie", cookie, own[0], own[1]};
    call("POST", s, s, 303, "a=text", page);
    call("POST", s, s, 422, "a%2B=1", page);

    String other = TestServer.header(call("PUT", t, n, 204, "1"), "Set-Cookie");
    String[] two = {
      "Cookie",
      cookie + "; " + other.substring(0, other.indexOf(';')),
      own[0],
      own[1],
      "Content-Type",
      merge
    };
    String r = "/session/rotate";
    call("PATCH", s, s, 409, "{}", two);
    call("DELETE", s, s, 409, "", two);
    call("DELETE", t, n, 409, "", two);
    call("PUT", t, n, 409, "1", two);
    call("POST", r, r, 409, "", two);
    two[5] = form;
    call("POST", s, s, 409, "a=1", two);
    call("POST", r, r, 204, "", with("Cookie", cookie, own[0], own[1]));
    call("POST", r, r + "?colour=red", 400, "");
    call("POST", r, r, 403, "", with("Cookie", cookie));
    call("POST", r, r, 404, "");
    call("DELETE", s, s, 204, "", with("Cookie", cookie, own[0], own[1]));
    call("DELETE", s, s + "?colour=red", 400, "");
    call("DELETE", s, s, 403, "", with("Sec-Fetch-Site", "cross-site"));
    call("OPTIONS", s, s, 204, "");
  }

  private void documents(String below, String t, String reader) throws Exception {
    String open = "/data/open" + below;
    String closed = "/data/closed" + below;
    String editors = "/data/editors" + below;
    String big = "\"" + "x".repeat(3000) + "\"";

    String a = open + "/a";
    var made =
        call("PUT", t, a, 201, "{\"n\":1}", with("Content-Type", J, "Idempotency-Key", "k" + t));
    call("PUT", t, a, 201, "{\"n\":1}", with("Content-Type", J, "Idempotency-Key", "k" + t));
    call("PUT", t, a, 422, "{\"n\":2}", with("Content-Type", J, "Idempotency-Key", "k" + t));
    String etag = TestServer.header(made, "ETag");
    call("PUT", t, a, 204, "{\"n\":1}", with("Expires-In", "3600"));
    call("PUT", t, a, 200, "{\"n\":1}", with("Prefer", "return=representation"));
    call("PUT", t, a, 400, "{\"n\":");
    call("PUT", t, a, 400, "1", with("Expires-In", "soon"));
    call("PUT", t, closed + "/a", 401, "1");
    call("PUT", t, closed + "/a", 403, "1", with("Authorization", reader));
    call("PUT", t, a, 406, "1", with("Prefer", "return=representation", "Accept", "image/png"));
    call("PUT", t, a, 412, "1", with("If-None-Match", "*"));
    call("PUT", t, a, 412, "1", with("If-Match", etag));
    call("PUT", t, a, 413, big);
    call("PUT", t, a, 415, "1", with("Content-Type", "text/csv"));

    var got = call("GET", t, a, 200, "");
    for (String form : List.of("application/yaml", "application/xml", "application/cbor")) {
      call("GET", t, a, 200, "", with("Accept", form));
    }
    call("GET", t, a, 304, "", with("If-None-Match", TestServer.header(got, "ETag")));
    call("GET", t, a + "?fields=n", 200, "");
    call("GET", t, a + "?colour=red", 400, "");
    call("GET", t, closed + "/a", 401, "");
    call("GET", t, editors + "/a", 403, "", with("Authorization", reader));
    call("GET", t, open + "/none", 404, "");
    call("GET", t, a, 406, "", with("Accept", "image/png"));
    call("GET", t, a, 412, "", with("If-Match", etag));

    call("HEAD", t, a, 200, "");
    call("HEAD", t, a, 304, "", with("If-None-Match", TestServer.header(got, "ETag")));
    call("HEAD", t, a + "?colour=red", 400, "");
    call("HEAD", t, closed + "/a", 401, "");
    call("HEAD", t, editors + "/a", 403, "", with("Authorization", reader));
    call("HEAD", t, open + "/none", 404, "");
    call("HEAD", t, a, 406, "", with("Accept", "image/png"));
    call("HEAD", t, a, 412, "", with("If-Match", etag));

    String merge = "application/merge-patch+json";
    String patch = "application/json-patch+json";
    String plus = "application/vnd.meridian.increment+json";
    call("PATCH", t, a, 204, "{\"m\":1}", with("Content-Type", merge));
    call(
        "PATCH",
        t,
        a,
        200,
        "{\"n\":1}",
        with("Content-Type", plus, "Prefer", "return=representation"));
    call("PATCH", t, open + "/counter", 201, "{\"n\":1}", with("Content-Type", plus));
    call("PATCH", t, a, 400, "{\"n\":\"one\"}", with("Content-Type", plus));
    call("PATCH", t, closed + "/a", 401, "{}", with("Content-Type", merge));
    call(
        "PATCH", t, closed + "/a", 403, "{}", with("Content-Type", merge, "Authorization", reader));
    call("PATCH", t, open + "/none", 404, "{}", with("Content-Type", merge));
    call(
        "PATCH",
        t,
        a,
        406,
        "{}",
        with("Content-Type", merge, "Prefer", "return=representation", "Accept", "image/png"));
    call("PATCH", t, a, 412, "{}", with("Content-Type", merge, "If-Match", etag));
    call("PATCH", t, a, 413, "{\"a\":" + big + "}", with("Content-Type", merge));
    call("PATCH", t, a, 415, "{}", with("Content-Type", J));
    call(
        "PATCH",
        t,
        a,
        422,
        "[{\"op\":\"remove\",\"path\":\"/none\"}]",
        with("Content-Type", patch));

    call("DELETE", t, a, 412, "", with("If-Match", etag));
    call("DELETE", t, a + "?colour=red", 400, "");
    call("DELETE", t, closed + "/a", 401, "");
    call("DELETE", t, closed + "/a", 403, "", with("Authorization", reader));
    call("DELETE", t, a, 422, "", with("Idempotency-Key", "k" + t));
    call("DELETE", t, a, 204, "");
    call("OPTIONS", t, a, 204, "");
  }

  private void collections(String below, String t, String reader) throws Exception {
    String open = "/data/listed" + below;
    String closed = "/data/closed" + below;
    String editors = "/data/editors" + below;
    var made = call("POST", t, open, 201, "{\"n\":1}", with("Idempotency-Key", "c" + t));
    assertThat(TestServer.header(made, "Location")).startsWith(open + "/");
    call("POST", t, open, 422, "{\"n\":2}", with("Idempotency-Key", "c" + t));
    call(
        "POST",
        t,
        open,
        200,
        "{\"value\":1}\n"
            + "{\"id\":\"x\",\"expires\":\"2099-01-02T03:04:05Z\",\"value\":2}\n"
            + "{\"id\":7}\n",
        with("Content-Type", "application/x-ndjson"));
    call("POST", t, open, 400, "{");
    call("POST", t, closed, 401, "1");
    call("POST", t, closed, 403, "1", with("Authorization", reader));
    call("POST", t, open, 406, "1", with("Prefer", "return=representation", "Accept", "image/png"));
    call("POST", t, open, 413, "\"" + "x".repeat(3000) + "\"");
    call("POST", t, open, 415, "1", with("Content-Type", "text/csv"));

    call("GET", t, open + "?limit=1", 200, "");
    call("GET", t, open + "?fields=n", 200, "");
    call("GET", t, open, 200, "", with("Accept", "application/yaml"));
    call("GET", t, open + "?sort=n", 400, "");
    call("GET", t, open + "?limit=0", 400, "");
    call("GET", t, open + "?after=junk", 400, "");
    call("GET", t, closed, 401, "");
    call("GET", t, editors, 403, "", with("Authorization", reader));
    call("GET", t, open, 406, "", with("Accept", "image/png"));
    call("HEAD", t, open, 200, "");
    call("HEAD", t, open + "?limit=0", 400, "");
    call("HEAD", t, closed, 401, "");
    call("HEAD", t, editors, 403, "", with("Authorization", reader));
    call("HEAD", t, open, 406, "", with("Accept", "image/png"));
    call("OPTIONS", t, open, 204, "");
  }

  private void root(String reader, String operator) throws Exception {
    String t = "/data";
    String put = "{\"writes\":[{\"put\":\"b/1\",\"value\":1},{\"delete\":\"b/1/c/2\"}]}";
    call("POST", t, t, 200, put, with("Idempotency-Key", "b"));
    call("POST", t, t, 200, put, with("Prefer", "return=representation"));
    call("POST", t, t, 422, put + " ", with("Idempotency-Key", "b"));
    call("POST", t, t, 400, "{\"writes\":[{\"put\":\"b/1\"}]}");
    call("POST", t, t, 401, "{\"writes\":[{\"put\":\"closed/1\",\"value\":1}]}");
    call(
        "POST",
        t,
        t,
        403,
        "{\"writes\":[{\"put\":\"closed/1\",\"value\":1}]}",
        with("Authorization", reader));
    call("POST", t, t, 404, "{\"writes\":[{\"patch\":\"b/none\",\"value\":{}}]}");
    call("POST", t, t, 406, put, with("Accept", "image/png"));
    call("POST", t, t, 412, "{\"writes\":[{\"put\":\"b/1\",\"value\":1,\"ifNoneMatch\":\"*\"}]}");
    call(
        "POST",
        t,
        t,
        413,
        "{\"writes\":[{\"put\":\"b/1\",\"value\":\"" + "x".repeat(3000) + "\"}]}");
    call("POST", t, t, 415, put, with("Content-Type", "text/csv"));
    call("GET", t, t, 200, "", with("Authorization", operator));
    call("GET", t, t + "?since=junk", 400, "", with("Authorization", operator));
    call("GET", t, t, 401, "");
    call("GET", t, t, 403, "", with("Authorization", reader));
    String position = TestServer.header(server.send("GET", "/data/open", ""), "Meridian-Position");
    call("GET", t, t + "?since=" + foreign(position), 410, "", with("Authorization", operator));
    call("OPTIONS", t, t, 204, "");
  }

  /** The same position of another data set. */
  private static String foreign(String position) {
    char first = position.charAt(0);
    return (first == '1' ? '2' : '1') + position.substring(1);
  }

  @Test
  void descriptionIsServedBeforeTheSiteAndCached() throws Exception {
    HttpResponse<String> first = server.send("GET", "/openapi.json", "");
    assertThat(first.statusCode()).isEqualTo(200);
    assertThat(TestServer.header(first, "Content-Type")).startsWith("application/json");
    assertThat(JSON.readTree(first.body())).isEqualTo(API);
    String etag = TestServer.header(first, "ETag");
    assertThat(server.send("GET", "/openapi.json", "", "If-None-Match", etag).statusCode())
        .isEqualTo(304);
    HttpResponse<String> head = server.send("HEAD", "/openapi.json", "");
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    HttpResponse<String> small = server.send("GET", "/openapi.json", "", "Accept-Encoding", "gzip");
    assertThat(TestServer.header(small, "Content-Encoding")).isEqualTo("gzip");
    assertThat(TestServer.header(small, "ETag")).isNotEqualTo(etag);
  }

  /** Every reference leads somewhere, and everything that can be referred to is. */
  @Test
  void descriptionIsWhole() {
    Set<String> used = new TreeSet<>();
    List<JsonNode> nodes = new ArrayList<>(List.of(API));
    for (int i = 0; i < nodes.size(); i++) {
      JsonNode node = nodes.get(i);
      JsonNode ref = node.get("$ref");
      if (ref != null) {
        assertThat(API.at(ref.asString().substring(1)).isMissingNode()).as("%s", ref).isFalse();
        used.add(ref.asString());
      }
      node.forEach(nodes::add);
    }
    Set<String> there = new TreeSet<>();
    for (String kind : List.of("parameters", "headers", "responses", "schemas")) {
      API.get("components")
          .get(kind)
          .propertyNames()
          .forEach(name -> there.add("#/components/" + kind + "/" + name));
    }
    assertThat(used).containsExactlyElementsOf(there);
    assertThat(Json.parse(OpenApi.read())).isNotNull();
  }
}
