package dev.meridian.web;

import static dev.meridian.web.TestServer.header;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.store.ReadBudget;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataApiTest {
  @TempDir Path folder;
  private TestServer server;

  @BeforeEach
  void start() throws Exception {
    server = TestServer.open(folder);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void documentComesBackExactlyAsItWasPut() throws Exception {
    String value = "{\"b\":1.0,\"a\":[1e2,\"é\\u0000\"],\"big\":123456789012345678901234567890}";
    HttpResponse<String> put = server.json("PUT", "/data/users/7", value);
    assertThat(put.statusCode()).isEqualTo(201);
    assertThat(header(put, "Location")).isEqualTo("/data/users/7");
    HttpResponse<String> got = server.send("GET", "/data/users/7", "");
    assertThat(got.statusCode()).isEqualTo(200);
    assertThat(got.body()).isEqualTo(value);
    assertThat(header(got, "Content-Type")).isEqualTo("application/json");
    assertThat(header(got, "ETag")).isEqualTo(header(put, "ETag")).matches("\"[0-9a-f]{20}\"");
    assertThat(header(got, "Vary")).contains("Accept");
    HttpResponse<String> head = server.send("HEAD", "/data/users/7", "");
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(header(head, "Content-Length")).isEqualTo(header(got, "Content-Length"));
    assertThat(head.body()).isEmpty();
    assertThat(server.json("PUT", "/data/users/7", "1").statusCode()).isEqualTo(204);
    assertThat(server.send("DELETE", "/data/users/7", "").statusCode()).isEqualTo(204);
    assertThat(server.send("GET", "/data/users/7", "").statusCode()).isEqualTo(404);
  }

  @Test
  void whoReadThatADocumentIsGoneCarriesATokenOfThat() throws Exception {
    server.json("PUT", "/data/users/7", "1");
    String deleted = header(server.send("DELETE", "/data/users/7", ""), "Meridian-Session");
    for (String path : List.of("/data/users/7", "/data/users?limit=5")) {
      HttpResponse<String> read = server.send("GET", path, "", "Meridian-Session", "0-1");
      // Or a node that lags would show this client the document again.
      assertThat(SessionToken.parse(header(read, "Meridian-Session")).timestamps().get(0))
          .as(path)
          .isGreaterThanOrEqualTo(SessionToken.parse(deleted).timestamps().get(0));
    }
  }

  @Test
  void listsWaitAndAreThenRefusedWhileTooMuchIsBeingSent() throws Exception {
    String large = "\"" + "x".repeat(100_000) + "\"";
    assertThat(server.json("PUT", "/data/users/7", large).statusCode()).isEqualTo(201);
    List<ReadBudget.Lease> leases = new ArrayList<>();
    try {
      assertThatThrownBy(
              () -> {
                while (true) {
                  leases.add(ReadBudget.PROCESS.page(1));
                }
              })
          .isInstanceOf(StoreException.Unavailable.class);
      assertThatThrownBy(
              () -> {
                while (true) {
                  leases.add(ReadBudget.PROCESS.answer(50_000));
                }
              })
          .isInstanceOf(StoreException.Unavailable.class);
      for (String path : List.of("/data/users?limit=1000", "/data/users/7")) {
        HttpResponse<String> refused = server.send("GET", path, "");
        assertThat(refused.statusCode()).isEqualTo(503);
        assertThat(header(refused, "Retry-After")).isEqualTo("1");
        assertThat(refused.body()).contains("\"outcome\":\"not-done\"");
      }
    } finally {
      leases.forEach(ReadBudget.Lease::close);
    }
    assertThat(server.send("GET", "/data/users?limit=1000", "").statusCode()).isEqualTo(200);
    assertThat(server.send("GET", "/data/users/7", "").body()).isEqualTo(large);
    // All of it was given back.
    assertThat(server.send("GET", "/data/users?limit=1000", "").statusCode()).isEqualTo(200);
  }

  @Test
  void conditionsHoldOrNothingHappens() throws Exception {
    String path = "/data/users/7";
    assertThat(server.json("PUT", path, "1", "If-Match", "*").statusCode()).isEqualTo(412);
    HttpResponse<String> first = server.json("PUT", path, "1", "If-None-Match", "*");
    assertThat(first.statusCode()).isEqualTo(201);
    String tag = header(first, "ETag");
    HttpResponse<String> refused = server.json("PUT", path, "2", "If-None-Match", "*");
    assertThat(refused.statusCode()).isEqualTo(412);
    assertThat(refused.body()).contains(tag.replace("\"", "\\\""));
    assertThat(server.json("PUT", path, "2", "If-Match", "W/" + tag).statusCode()).isEqualTo(412);
    assertThat(server.json("PUT", path, "2", "If-Match", "\"other\"").statusCode()).isEqualTo(412);
    assertThat(server.json("PUT", path, "2", "If-Match", "other").statusCode()).isEqualTo(400);
    HttpResponse<String> second = server.json("PUT", path, "2", "If-Match", "\"other\", " + tag);
    assertThat(second.statusCode()).isEqualTo(204);
    String now = header(second, "ETag");
    assertThat(server.send("GET", path, "", "If-None-Match", tag).statusCode()).isEqualTo(200);
    HttpResponse<String> same = server.send("GET", path, "", "If-None-Match", tag + ", W/" + now);
    assertThat(same.statusCode()).isEqualTo(304);
    assertThat(header(same, "ETag")).isEqualTo(now);
    assertThat(server.send("GET", path, "", "If-None-Match", "*").statusCode()).isEqualTo(304);
    assertThat(server.send("GET", path, "", "If-Match", tag).statusCode()).isEqualTo(412);
    assertThat(server.send("DELETE", path, "", "If-Match", tag).statusCode()).isEqualTo(412);
    assertThat(server.send("DELETE", path, "", "If-Match", now).statusCode()).isEqualTo(204);
  }

  @Test
  void patchesCountersAndPreferences() throws Exception {
    String path = "/data/visits/IS-1";
    String increment = "application/vnd.meridian.increment+json";
    HttpResponse<String> made =
        server.send(
            "PATCH",
            path,
            "{\"n\":2}",
            "Content-Type",
            increment,
            "Prefer",
            "return=representation");
    assertThat(made.statusCode()).isEqualTo(201);
    assertThat(made.body()).isEqualTo("{\"n\":2}");
    HttpResponse<String> again = server.send("PATCH", path, "{\"n\":3}", "Content-Type", increment);
    assertThat(again.statusCode()).isEqualTo(204);
    assertThat(
            server
                .send(
                    "PATCH",
                    path,
                    "{\"a\":null,\"b\":1}",
                    "Content-Type",
                    "application/merge-patch+json")
                .statusCode())
        .isEqualTo(204);
    assertThat(
            server
                .send(
                    "PATCH",
                    path,
                    "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":9}]",
                    "Content-Type",
                    "application/json-patch+json")
                .statusCode())
        .isEqualTo(204);
    assertThat(server.send("GET", path, "").body()).isEqualTo("{\"n\":5,\"b\":9}");
    HttpResponse<String> unfit =
        server.send(
            "PATCH",
            path,
            "[{\"op\":\"test\",\"path\":\"/b\",\"value\":1}]",
            "Content-Type",
            "application/json-patch+json");
    assertThat(unfit.statusCode()).isEqualTo(422);
    HttpResponse<String> unnamed = server.json("PATCH", path, "{}");
    assertThat(unnamed.statusCode()).isEqualTo(415);
    assertThat(header(unnamed, "Accept-Patch")).contains("merge-patch");
    assertThat(
            server
                .send("PATCH", "/data/none/1", "{}", "Content-Type", "application/merge-patch+json")
                .statusCode())
        .isEqualTo(404);
    assertThat(
            server
                .send(
                    "PATCH",
                    "/data/none/1?create",
                    "{}",
                    "Content-Type",
                    "application/merge-patch+json")
                .statusCode())
        .isEqualTo(201);
  }

  @Test
  void listsPageByPage() throws Exception {
    for (int i = 0; i < 5; i++) {
      server.json("PUT", "/data/c/" + i, "{\"n\":" + i + ",\"x\":{\"y\":1,\"z\":2}}");
    }
    server.json("PUT", "/data/c/0/below/1", "{}");
    HttpResponse<String> page = server.send("GET", "/data/c?limit=3&fields=x.y", "");
    assertThat(page.statusCode()).isEqualTo(200);
    assertThat(page.body()).startsWith("{\"items\":[{\"id\":\"0\",\"etag\":\"");
    assertThat(page.body()).contains("\"value\":{\"x\":{\"y\":1}}}").contains(",\"next\":\"");
    String next = page.body().replaceAll(".*\"next\":\"([^\"]+)\".*", "$1");
    HttpResponse<String> rest =
        server.send("GET", "/data/c?limit=3&after=" + Percent.encodePath(next), "");
    assertThat(rest.body()).contains("\"id\":\"4\"").doesNotContain("next");
    HttpResponse<String> unknown = server.send("GET", "/data/c?limt=3", "");
    assertThat(unknown.statusCode()).isEqualTo(400);
    assertThat(unknown.body()).contains("did you mean 'limit'");
    assertThat(server.send("GET", "/data/c?limit=0", "").statusCode()).isEqualTo(400);
  }

  @Test
  void postMakesIdsThatAscend() throws Exception {
    String first = header(server.json("POST", "/data/log", "1"), "Location");
    String second = header(server.json("POST", "/data/log", "2"), "Location");
    assertThat(first).startsWith("/data/log/").isLessThan(second);
    assertThat(server.send("GET", second, "").body()).isEqualTo("2");
  }

  @Test
  void batchIsAllOrNothing() throws Exception {
    HttpResponse<String> done =
        server.json(
            "POST",
            "/data",
            "{\"writes\":[{\"put\":\"u/1\",\"value\":{\"a\":1}},{\"put\":\"u/1/c/2\",\"value\":2},"
                + "{\"increment\":\"u/1/n/1\",\"value\":{\"k\":1}},{\"delete\":\"u/1/c/9\"}]}");
    assertThat(done.body()).startsWith("{\"results\":[{\"path\":\"u/1\",\"etag\":\"");
    assertThat(done.statusCode()).isEqualTo(200);
    HttpResponse<String> failed =
        server.json(
            "POST",
            "/data",
            "{\"writes\":[{\"patch\":\"u/1\",\"value\":{\"a\":2}},"
                + "{\"put\":\"u/1/c/2\",\"value\":3,\"ifNoneMatch\":\"*\"}]}");
    assertThat(failed.statusCode()).isEqualTo(412);
    assertThat(server.send("GET", "/data/u/1", "").body()).isEqualTo("{\"a\":1}");
    HttpResponse<String> apart =
        server.json(
            "POST",
            "/data",
            "{\"writes\":[{\"put\":\"u/1\",\"value\":1},{\"put\":\"u/2\",\"value\":1}]}");
    assertThat(apart.statusCode()).isEqualTo(400);
    assertThat(apart.body()).contains("within one tree");
  }

  @Test
  void retryWithTheSameKeyWritesOnce() throws Exception {
    String[] key = {"Idempotency-Key", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\""};
    HttpResponse<String> first = server.json("POST", "/data/orders", "{\"n\":1}", key);
    HttpResponse<String> again = server.json("POST", "/data/orders", "{\"n\":1}", key);
    assertThat(first.statusCode()).isEqualTo(201);
    assertThat(again.statusCode()).isEqualTo(201);
    assertThat(header(again, "Location")).isEqualTo(header(first, "Location"));
    assertThat(header(again, "Idempotency-Replayed")).isEqualTo("true");
    HttpResponse<String> other = server.json("POST", "/data/orders", "{\"n\":2}", key);
    assertThat(other.statusCode()).isEqualTo(422);
    assertThat(other.body()).contains("idempotency-key-reused");
  }

  @Test
  void addressesAreReadStrictly() throws Exception {
    assertThat(server.json("PUT", "/data/u/%C3%A9%20%3F%25", "1").statusCode()).isEqualTo(201);
    assertThat(server.send("GET", "/data/u/%c3%a9%20%3f%25", "").statusCode()).isEqualTo(200);
    for (String bad :
        new String[] {
          "/data/u/a%2Fb",
          "/data/u/%2e%2e",
          "/data/u/%2E",
          "/data/u/%00",
          "/data/u/%ff",
          "/data/u//x",
          "/data/u/7/",
          "/data/9x/7",
          "/data/u/%C0%AE"
        }) {
      HttpResponse<String> refused = server.send("GET", bad, "");
      assertThat(refused.statusCode()).as(bad).isEqualTo(400);
      assertThat(header(refused, "Content-Type")).isEqualTo("application/problem+json");
    }
    HttpResponse<String> wrong = server.send("DELETE", "/data/u", "");
    assertThat(wrong.statusCode()).isEqualTo(405);
    assertThat(header(wrong, "Allow")).contains("POST");
    assertThat(server.send("OPTIONS", "/data/u/1", "").statusCode()).isEqualTo(204);
  }

  @Test
  void expiryIsSetAndShown() throws Exception {
    server.json("PUT", "/data/s/1", "1", "Expires-In", "PT1H");
    assertThat(header(server.send("GET", "/data/s/1", ""), "Expires-At")).endsWith("Z");
    server.json("PUT", "/data/s/2", "1", "Expires-At", "2001-01-01T00:00:00Z");
    assertThat(server.send("GET", "/data/s/2", "").statusCode()).isEqualTo(404);
    assertThat(server.json("PUT", "/data/s/3", "1", "Expires-In", "soon").statusCode())
        .isEqualTo(400);
  }

  @Test
  void someFieldsOfADocumentHaveTheirOwnTag() throws Exception {
    String path = "/data/u/1";
    server.json("PUT", path, "{\"name\":\"x\",\"a\":{\"b\":1,\"c\":2},\"n\":1}");
    HttpResponse<String> whole = server.send("GET", path, "");
    HttpResponse<String> some = server.send("GET", path + "?fields=n,a.c", "");
    assertThat(some.body()).isEqualTo("{\"a\":{\"c\":2},\"n\":1}");
    String tag = header(some, "ETag");
    assertThat(tag).isNotEqualTo(header(whole, "ETag"));
    assertThat(server.send("GET", path + "?fields=n", "").headers().allValues("ETag"))
        .doesNotContain(tag);
    HttpResponse<String> same =
        server.send("GET", path + "?fields=n,a.c", "", "If-None-Match", tag);
    assertThat(same.statusCode()).isEqualTo(304);
    assertThat(header(same, "ETag")).isEqualTo(tag);
    assertThat(server.send("GET", path, "", "If-None-Match", tag).statusCode()).isEqualTo(200);
    // Whoever has some fields of a version has seen that version.
    assertThat(server.json("PUT", path, "{}", "If-Match", tag).statusCode()).isEqualTo(204);
    assertThat(server.send("GET", path + "?fields=a..b", "").statusCode()).isEqualTo(400);
    HttpResponse<String> yaml =
        server.send("GET", path + "?fields=n", "", "Accept", "application/yaml");
    assertThat(header(yaml, "ETag")).endsWith("+yaml\"").contains("+fields-");
  }

  @Test
  void largeAnswersAreCompressedForWhoeverWantsThat() throws Exception {
    server.json("PUT", "/data/s/1", "\"" + "x".repeat(5000) + "\"");
    HttpResponse<String> plain = server.send("GET", "/data/s/1", "");
    HttpResponse<String> packed = server.send("GET", "/data/s/1", "", "Accept-Encoding", "gzip");
    assertThat(header(packed, "Content-Encoding")).isEqualTo("gzip");
    assertThat(header(packed, "ETag")).isNotEqualTo(header(plain, "ETag"));
    HttpResponse<String> known =
        server.send(
            "GET",
            "/data/s/1",
            "",
            "Accept-Encoding",
            "gzip",
            "If-None-Match",
            header(plain, "ETag") + ", " + header(packed, "ETag"));
    assertThat(known.statusCode()).isEqualTo(304);
    assertThat(header(known, "ETag")).isEqualTo(header(packed, "ETag"));
    HttpResponse<String> any =
        server.send("GET", "/data/s/1", "", "Accept-Encoding", "gzip", "If-None-Match", "*");
    assertThat(any.statusCode()).isEqualTo(304);
    assertThat(header(any, "ETag")).isEqualTo(header(packed, "ETag"));
  }
}
