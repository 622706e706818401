package dev.meridian.web;

import static dev.meridian.web.TestServer.header;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Format;
import dev.meridian.document.JsonLimits;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same values in JSON, YAML, XML and CBOR, both ways, and hostile input in each. */
class NegotiationTest {
  private static final String VALUE =
      "{\"b\":1.5,\"a\":[true,null,\"é <&> \\\" yes\"],\"\":{},\"n\":-12345678901234567890}";

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

  private HttpResponse<byte[]> send(String method, String path, byte[] body, String... headers)
      throws Exception {
    return server.client.send(
        server
            .request(path)
            .headers(headers)
            .method(method, BodyPublishers.ofByteArray(body))
            .build(),
        BodyHandlers.ofByteArray());
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String json(Format format, byte[] body) {
    return new String(format.toJson(body, JsonLimits.DEFAULT), StandardCharsets.UTF_8);
  }

  @Test
  void everyFormatGoesInAndComesOutWithoutLoss() throws Exception {
    for (Format in : Format.values()) {
      HttpResponse<byte[]> put =
          send("PUT", "/data/t/" + in, in.fromJson(utf8(VALUE)), "Content-Type", in.mediaType());
      assertThat(put.statusCode()).as("%s in", in).isEqualTo(201);
      for (Format out : Format.values()) {
        HttpResponse<byte[]> got =
            send("GET", "/data/t/" + in, new byte[0], "Accept", out.mediaType());
        assertThat(header(got, "Content-Type")).isEqualTo(out.mediaType());
        assertThat(header(got, "Vary")).contains("Accept");
        assertThat(json(out, got.body())).as("%s to %s", in, out).isEqualTo(VALUE);
        String suffix = out == Format.JSON ? "" : "+" + out.name().toLowerCase(Locale.ROOT);
        assertThat(header(got, "ETag")).matches("\"[0-9a-f]{20}\\Q" + suffix + "\\E\"");
        assertThat(
                send(
                        "GET",
                        "/data/t/" + in,
                        new byte[0],
                        "Accept",
                        out.mediaType(),
                        "If-None-Match",
                        header(got, "ETag"))
                    .statusCode())
            .isEqualTo(304);
      }
    }
  }

  @Test
  void listsAndBatchesAreInTheFormatAskedFor() throws Exception {
    String batch = "{\"writes\":[{\"put\":\"t/1\",\"value\":" + VALUE + "}]}";
    for (Format format : Format.values()) {
      HttpResponse<byte[]> done =
          send(
              "POST",
              "/data",
              format.fromJson(utf8(batch)),
              "Content-Type",
              format.mediaType(),
              "Accept",
              format.mediaType());
      assertThat(done.statusCode()).isEqualTo(200);
      assertThat(json(format, done.body())).contains("\"path\":\"t/1\"");
      HttpResponse<byte[]> list = send("GET", "/data/t", new byte[0], "Accept", format.mediaType());
      assertThat(header(list, "Content-Type")).isEqualTo(format.mediaType());
      assertThat(json(format, list.body())).contains("\"id\":\"1\"", "\"value\":" + VALUE);
    }
  }

  @Test
  void mostWantedFormatIsSent() throws Exception {
    server.json("PUT", "/data/t/1", "1");
    String[][] cases = {
      {"application/json;q=0.5, application/yaml", "application/yaml"},
      {"application/xml;q=0.2, application/cbor;q=0.3", "application/cbor"},
      {"text/html, */*;q=0.1", "application/json"},
      {"application/*;q=0.9, application/json;q=0", "application/yaml"},
      {"text/xml", "application/xml"},
      {"APPLICATION/XML", "application/xml"},
    };
    for (String[] one : cases) {
      assertThat(header(server.send("GET", "/data/t/1", "", "Accept", one[0]), "Content-Type"))
          .as(one[0])
          .isEqualTo(one[1]);
    }
    HttpResponse<String> none = server.send("GET", "/data/t/1", "", "Accept", "image/png");
    assertThat(none.statusCode()).isEqualTo(406);
    assertThat(header(none, "Content-Type")).isEqualTo("application/problem+json");
    assertThat(none.body()).contains("application/cbor", "application/yaml");
    HttpResponse<String> strange =
        server.send("PUT", "/data/t/2", "x", "Content-Type", "text/plain");
    assertThat(strange.statusCode()).isEqualTo(415);
    assertThat(strange.body()).contains("application/xml");
    assertThat(server.send("GET", "/data/t/2", "").statusCode()).isEqualTo(404);
  }

  @Test
  void hostileInputIsRefusedAndNothingIsStored() throws Exception {
    String map = "<map xmlns=\"http://www.w3.org/2005/xpath-functions\">";
    String deep = "[".repeat(100_000);
    String yamlBomb =
        "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b]\n";
    String external = "<!DOCTYPE map [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>";
    byte[] badText = {'"', (byte) 0xc0, (byte) 0xaf, '"'};
    byte[] nestedCbor = new byte[100_000];
    java.util.Arrays.fill(nestedCbor, (byte) 0x81);
    Object[][] cases = {
      {"xml", utf8(external + map + "<string key=\"a\">&e;</string></map>")},
      {"xml", utf8("<!DOCTYPE m [<!ENTITY l \"ha\"><!ENTITY m \"&l;&l;\">]>" + map + "</map>")},
      {"xml", utf8(map + "<array key=\"a\">".repeat(50_000))},
      {"yaml", utf8(yamlBomb)},
      {"yaml", utf8("!!java.net.URL [http://127.0.0.1/]")},
      {"yaml", utf8(deep)},
      {"json", utf8(deep)},
      {"json", badText},
      {"yaml", badText},
      {"xml", badText},
      {"json", utf8("1e999999999999")},
      {"json", utf8("9".repeat(200_000))},
      {"yaml", utf8("9".repeat(200_000))},
      {"cbor", nestedCbor},
      {"cbor", new byte[] {(byte) 0x9b, 0x7f, -1, -1, -1, -1, -1, -1, -1}},
      {"cbor", new byte[] {(byte) 0x62, (byte) 0xc0, (byte) 0xaf}},
    };
    for (int i = 0; i < cases.length; i++) {
      HttpResponse<byte[]> refused =
          send(
              "PUT",
              "/data/t/" + i,
              (byte[]) cases[i][1],
              "Content-Type",
              "application/" + cases[i][0]);
      assertThat(refused.statusCode()).as("case %d, %s", i, cases[i][0]).isIn(400, 413, 415, 422);
      assertThat(header(refused, "Content-Type")).isEqualTo("application/problem+json");
    }
    assertThat(server.send("GET", "/data/t", "").body()).isEqualTo("{\"items\":[]}");
  }
}
