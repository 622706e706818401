package dev.meridian.node;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.dns.Lookup;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.site.Listeners;
import dev.meridian.site.MadeCertificate;
import dev.meridian.site.SiteException;
import dev.meridian.site.Tls;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Write;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * The whole product in one process: a site answers by its name, keeps its data, and stops cleanly.
 */
class NodeTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path folder;
  private Path site;
  private Path data;

  @BeforeEach
  void writeSite() throws IOException {
    site = folder.resolve("site");
    data = folder.resolve("data");
    Files.createDirectories(site.resolve("pages"));
    Files.createDirectories(site.resolve("public"));
    Files.writeString(
        site.resolve("site.yaml"),
        """
        name: Test
        domains: [node.test]
        collections:
          notes:
            indexes: [[rank]]
            seed: notes.ndjson
        """);
    Files.writeString(
        site.resolve("notes.ndjson"),
        """
        {"_id":"a","rank":1}
        {"_id":"b","rank":2}
        {"_id":"c","rank":3}
        """);
    Files.writeString(site.resolve("pages/index.html"), "<h1>Home of {{ site.name }}</h1>");
    Files.writeString(site.resolve("public/style.css"), "h1 { color: red }");
  }

  private Node start() throws NodeException {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    return Node.start(
        new NodeOptions(
            site,
            data,
            _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), any, any),
            true,
            "test"));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(request.build(), BodyHandlers.ofString());
    }
  }

  private static URI at(InetSocketAddress address, String path) {
    return URI.create("http://127.0.0.1:" + address.getPort() + path);
  }

  private static HttpResponse<String> get(Node node, String path) throws Exception {
    return send(HttpRequest.newBuilder(at(node.listeners().http().orElseThrow(), path)));
  }

  private String operatorKey() throws IOException {
    return "Bearer " + Files.readString(data.resolve("operator.key")).strip();
  }

  private static void await(String what, Callable<Boolean> condition) throws Exception {
    Instant end = Instant.now().plus(LIMIT);
    while (!condition.call()) {
      assertThat(Instant.now()).as("%s came within %s", what, LIMIT).isBefore(end);
      Thread.sleep(20);
    }
  }

  @Test
  void siteAnswersFromItsNameToItsData() throws Exception {
    try (Node node = start()) {
      InetSocketAddress names = node.listeners().dns().orElseThrow();
      assertThat(new Lookup("node.test", "A", names, false).ask().text()).contains("127.0.0.1");
      assertThat(get(node, "/").body()).contains("Home of Test");
      assertThat(get(node, "/style.css").body()).contains("color: red");
      assertThat(node.awaitSeeds(LIMIT)).isTrue();
      assertThat(get(node, "/data/notes/b").body()).isEqualTo("{\"rank\":2}");
      assertThat(get(node, "/data/notes?where=rank%3E1&sort=-rank").body())
          .contains("\"id\":\"c\"", "\"id\":\"b\"")
          .doesNotContain("\"id\":\"a\"");
    }
  }

  @Test
  void loadIsToldWhereARegionHasACapacity() throws Exception {
    try (Node node = start()) {
      assertThat(load(node)).isEmpty();
      assertThat(load(node)).isEmpty();
    }
    Files.writeString(
        site.resolve("site.yaml"),
        Files.readString(site.resolve("site.yaml"))
            + """
            health: {probe: http}
            regions: {eu: {addresses: 192.0.2.1, capacity: 1000/s}}
            """);
    try (Node node = start()) {
      await("a second sample", () -> load(node).isPresent());
      assertThat(load(node).orElseThrow()).matches("TEXT rps_fractional=[0-9]+[.][0-9]");
      assertThat(get(node, "/").headers().firstValue("endpoint-load-metrics")).isEmpty();
    }
  }

  private static Optional<String> load(Node node) throws Exception {
    return send(HttpRequest.newBuilder(at(node.listeners().http().orElseThrow(), "/data/notes/a"))
            .header("endpoint-load-metrics-format", "TEXT"))
        .headers()
        .firstValue("endpoint-load-metrics");
  }

  @Test
  void dataOutlivesTheProcessAndSeedsComeOnce() throws Exception {
    try (Node node = start()) {
      assertThat(node.awaitSeeds(LIMIT)).isTrue();
      InetSocketAddress http = node.listeners().http().orElseThrow();
      assertThat(
              send(HttpRequest.newBuilder(at(http, "/data/notes/a"))
                      .header("Authorization", operatorKey())
                      .DELETE())
                  .statusCode())
          .isEqualTo(204);
      assertThat(
              send(HttpRequest.newBuilder(at(http, "/data/notes/d"))
                      .header("Authorization", operatorKey())
                      .header("Content-Type", "application/json")
                      .PUT(HttpRequest.BodyPublishers.ofString("{\"rank\": 4}")))
                  .statusCode())
          .isEqualTo(201);
    }
    try (Node node = start()) {
      assertThat(node.awaitSeeds(LIMIT)).isTrue();
      assertThat(get(node, "/data/notes/a").statusCode()).isEqualTo(404);
      assertThat(get(node, "/data/notes/d").body()).isEqualTo("{\"rank\":4}");
    }
  }

  @Test
  void importThatWasCutOffMakesNoDocumentTwice() throws Exception {
    Files.writeString(
        site.resolve("notes.ndjson"),
        """
        {"rank":1}
        {"rank":1}
        {"rank":3}
        """);
    DocumentPath marker = DocumentPath.parse("_seeds/notes");
    try (Node node = start()) {
      assertThat(node.awaitSeeds(LIMIT)).isTrue();
      // As a crash before the end leaves it.
      node.store()
          .write(
              Batch.of(
                  new Write.Put(
                      marker,
                      "{\"state\":\"importing\"}".getBytes(UTF_8),
                      Condition.NONE,
                      Expiry.NEVER)));
    }
    try (Node node = start()) {
      assertThat(node.awaitSeeds(LIMIT)).isTrue();
      List<Document> notes =
          node.store()
              .list(Query.of(CollectionPath.parse("notes"), 10), ReadOptions.STRONG)
              .documents();
      assertThat(notes)
          .extracting(document -> new String(document.json(), UTF_8))
          .containsExactly("{\"rank\":1}", "{\"rank\":1}", "{\"rank\":3}");
    }
  }

  @Test
  void strangersMayReadButNotWrite() throws Exception {
    try (Node node = start()) {
      InetSocketAddress http = node.listeners().http().orElseThrow();
      HttpResponse<String> refused =
          send(
              HttpRequest.newBuilder(at(http, "/data/notes/x"))
                  .header("Content-Type", "application/json")
                  .header("Origin", "http://node.test")
                  .PUT(HttpRequest.BodyPublishers.ofString("{}")));
      assertThat(refused.statusCode()).isEqualTo(401);
      assertThat(refused.headers().firstValue("WWW-Authenticate"))
          .hasValueSatisfying(h -> assertThat(h).startsWith("Bearer"));
      assertThat(
              PosixFilePermissions.toString(
                  Files.getPosixFilePermissions(data.resolve("operator.key"))))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void operatorSeesHealthMetricsAndStatusOnTheirOwnListenerOnly() throws Exception {
    try (Node node = start()) {
      assertThat(node.awaitSeeds(LIMIT)).isTrue();
      InetSocketAddress admin = node.listeners().admin();
      assertThat(send(HttpRequest.newBuilder(at(admin, "/health/live"))).statusCode())
          .isEqualTo(200);
      await(
          "readiness",
          () -> send(HttpRequest.newBuilder(at(admin, "/health/ready"))).statusCode() == 200);
      assertThat(send(HttpRequest.newBuilder(at(admin, "/metrics"))).body())
          .contains("# TYPE", "jvm_memory_used_bytes");
      assertThat(send(HttpRequest.newBuilder(at(admin, "/status"))).statusCode()).isEqualTo(401);
      assertThat(
              send(HttpRequest.newBuilder(at(admin, "/status"))
                      .header("Authorization", operatorKey()))
                  .body())
          .contains("\"ready\":true", "\"role\":\"primary\"");
      assertThat(get(node, "/metrics").statusCode()).isEqualTo(404);
      assertThat(get(node, "/status").statusCode()).isEqualTo(404);
    }
  }

  @Test
  void editsOfTheSiteAreTakenUpAndBrokenOnesAreNot() throws Exception {
    try (Node node = start()) {
      assertThat(node.awaitSeeds(LIMIT)).isTrue();
      assertThat(get(node, "/data/notes?sort=-size").statusCode()).isEqualTo(400);
      String good = Files.readString(site.resolve("site.yaml"));
      Files.writeString(site.resolve("site.yaml"), good + "colections: {}\n");
      await(
          "the problem in status",
          () ->
              send(HttpRequest.newBuilder(at(node.listeners().admin(), "/status"))
                      .header("Authorization", operatorKey()))
                  .body()
                  .contains("colections"));
      assertThat(get(node, "/").body()).contains("Home of Test");
      Files.writeString(site.resolve("site.yaml"), good.replace("[[rank]]", "[[rank], [size]]"));
      await("the new index", () -> get(node, "/data/notes?sort=-size").statusCode() == 200);
    }
  }

  private NodeOptions withNamesOverTls(boolean names) {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    return new NodeOptions(
        site,
        data,
        _ ->
            new Listeners(
                Optional.of(any),
                Optional.empty(),
                names ? Optional.of(any) : Optional.empty(),
                Optional.of(any),
                any,
                any),
        true,
        "test");
  }

  @Test
  void namesAreAnsweredOverTlsWithTheSitesCertificate() throws Exception {
    assertThatThrownBy(() -> Node.start(withNamesOverTls(true)))
        .isInstanceOf(NodeException.class)
        .hasMessageContaining("dns-tls needs a certificate; add tls:");
    MadeCertificate made = MadeCertificate.make(folder, "names", "EC");
    made.write(new Tls(site.resolve("cert.pem"), site.resolve("key.pem")));
    Path yaml = site.resolve("site.yaml");
    Files.writeString(
        yaml, Files.readString(yaml) + "\ntls: {certificate: cert.pem, key: key.pem}\n");
    assertThatThrownBy(() -> Node.start(withNamesOverTls(false)))
        .isInstanceOf(NodeException.class)
        .hasMessageContaining("dns-tls needs the name server; give --dns an address");
    try (Node node = Node.start(withNamesOverTls(true))) {
      InetSocketAddress names = node.listeners().dnsTls().orElseThrow();
      try (Socket socket =
          MadeCertificate.trusting(made.certificate())
              .getSocketFactory()
              .createSocket(names.getAddress(), names.getPort())) {
        socket.setSoTimeout((int) LIMIT.toMillis());
        byte[] query =
            Message.newQuery(Record.newRecord(Name.fromString("node.test."), Type.A, DClass.IN))
                .toWire();
        DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        out.writeShort(query.length);
        out.write(query);
        out.flush();
        DataInputStream in = new DataInputStream(socket.getInputStream());
        Message answer = new Message(in.readNBytes(in.readUnsignedShort()));
        assertThat(answer.getSection(Section.ANSWER).toString()).contains("127.0.0.1");
      }
      InetSocketAddress admin = node.listeners().admin();
      assertThat(
              send(HttpRequest.newBuilder(at(admin, "/status"))
                      .header("Authorization", operatorKey()))
                  .body())
          .contains("\"dnsTls\":\"127.0.0.1:" + names.getPort() + "\"");
      assertThat(send(HttpRequest.newBuilder(at(admin, "/metrics"))).body())
          .containsPattern("meridian_dns_queries_total\\{transport=\"tls\",type=\"A\"} 1.0")
          .contains("meridian_dns_handshakes_failed_total 0.0")
          .contains("meridian_dns_connections{transport=\"tls\"}");
    }
  }

  @Test
  void everythingIsClosedWhenStartingFails() throws Exception {
    try (ServerSocket taken = new ServerSocket(0)) {
      InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
      InetSocketAddress busy = new InetSocketAddress("127.0.0.1", taken.getLocalPort());
      NodeOptions options =
          new NodeOptions(
              site,
              data,
              _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), busy, any),
              true,
              "test");
      assertThatThrownBy(() -> Node.start(options))
          .isInstanceOf(NodeException.class)
          .hasMessageContaining(Integer.toString(taken.getLocalPort()));
    }
    start().close(); // the data folder was let go
  }

  @Test
  void twoProcessesCannotShareADataFolder() throws Exception {
    try (Node node = start()) {
      assertThat(node.site().name()).isEqualTo("Test");
      assertThatThrownBy(this::start)
          .isInstanceOf(NodeException.class)
          .hasMessageContaining(data.toString());
    }
  }

  @Test
  void unusableSiteIsRefusedWithItsPlace() throws Exception {
    Files.writeString(site.resolve("site.yaml"), "name: Test\ndomian: [a.test]\n");
    assertThatThrownBy(this::start)
        .isInstanceOf(SiteException.class)
        .hasMessageContaining("site.yaml:2")
        .hasMessageContaining("domains");
  }
}
