package dev.meridian.cli;

import static dev.meridian.cli.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import dev.meridian.node.NodeException;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.ListenAddress;
import dev.meridian.site.Listeners;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line against a node, as its users type it: rightly and wrongly. */
@Timeout(180)
class CliTest {
  @TempDir Path folder;
  private Node node;

  @BeforeEach
  void start() throws Exception {
    Files.createDirectories(folder.resolve("site/pages"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        name: Test
        domains: [cli.test]
        names: {dnssec: true}
        collections:
          notes:
            indexes: [[n]]
        """);
    Files.writeString(folder.resolve("site/pages/index.html"), "<h1>{{ site.name }}</h1>");
    node = up(folder.resolve("data"));
  }

  private Node up(Path data) throws NodeException {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    return Node.start(
        new NodeOptions(
            folder.resolve("site"),
            data,
            _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), any, any),
            true,
            "test"));
  }

  @AfterEach
  void stop() {
    node.close();
  }

  private String url(InetSocketAddress address) {
    return "http://127.0.0.1:" + address.getPort();
  }

  private String[] reaching(String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of("--url", url(node.listeners().http().orElseThrow())));
    all.addAll(List.of("--admin", url(node.listeners().admin())));
    all.addAll(List.of("--data", folder.resolve("data").toString()));
    return all.toArray(String[]::new);
  }

  /** Runs a command that talks to the node. */
  private Ran at(String... args) {
    return run("", reaching(args));
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  // --- Documents -----------------------------------------------------------------------------

  @Test
  void documentsAreWrittenReadAndListed() {
    String etag = at("data", "put", "notes/1", "{\"n\":1}").ok().out().strip();
    assertThat(at("data", "get", "notes/1", "--etag").ok().out().strip()).isEqualTo(etag);
    assertThat(at("data", "get", "notes/1").ok().out()).isEqualTo("{\"n\":1}\n");
    at("data", "patch", "notes/1", "{\"m\":2}").ok();
    assertThat(at("data", "get", "notes/1").ok().out()).isEqualTo("{\"n\":1,\"m\":2}\n");
    run("{\"n\":2}", reaching("data", "put", "notes/2", "-")).ok();
    assertThat(at("data", "list", "notes", "--ids").ok().out()).isEqualTo("1\n2\n");
    assertThat(at("data", "list", "notes", "--where", "n == 2", "--ids").ok().out())
        .isEqualTo("2\n");
    at("data", "delete", "notes/1").ok();
    at("data", "get", "notes/1").failed(ExitCode.NOT_FOUND);
  }

  @Test
  void wrongUseIsToldInOneLineAndByItsCode() throws Exception {
    at("data", "put", "notes/1", "{\"n\":").failed(ExitCode.USAGE);
    at("data", "put", "notes", "1").failed(ExitCode.USAGE);
    at("data", "get", "notes/none").failed(ExitCode.NOT_FOUND);
    at("data", "put", "notes/1", "1").ok();
    at("data", "put", "notes/1", "2", "--if-absent").failed(ExitCode.PRECONDITION);
    at("data", "list", "notes", "--sort", "colour").failed(ExitCode.FAILED);
    at("data", "import", "notes", folder.resolve("none").toString()).failed(ExitCode.NOT_FOUND);
    String url = url(node.listeners().http().orElseThrow());
    run("", "data", "put", "notes/1", "1", "--url", url, "--key", "mk_wrong")
        .failed(ExitCode.REFUSED);
    run("", "data", "get", "notes/1", "--url", "http://127.0.0.1:1").failed(ExitCode.UNREACHABLE);
    assertThat(run("", "data", "gett").failed(ExitCode.USAGE).err()).contains("get");
    assertThat(run("", "torture", "--cache", "write-back").failed(ExitCode.USAGE).err())
        .contains("write-behind");
    Ran nowhere = run("", "up", folder.resolve("none").toString());
    assertThat(nowhere.code()).isEqualTo(ExitCode.FAILED);
    assertThat(nowhere.err().strip().lines()).hasSize(1);
    run("", "restore", file("junk.zip", "junk").toString(), "--data", "x").failed(ExitCode.FAILED);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "up",
        "new",
        "check",
        "status",
        "data",
        "data get",
        "data put",
        "data patch",
        "data delete",
        "data list",
        "data import",
        "data export",
        "backup",
        "restore",
        "recover",
        "key",
        "key create",
        "key list",
        "key revoke",
        "sessions",
        "sessions list",
        "sessions revoke",
        "dns",
        "dns lookup",
        "dns ds",
        "dns keys",
        "dns roll",
        "dns where",
        "dns check",
        "geo",
        "geo fetch",
        "version"
      })
  void everyCommandHasHelpWithItsExitCodes(String command) {
    List<String> args = new ArrayList<>(List.of(command.split(" ")));
    args.removeIf(String::isEmpty);
    args.add("--help");
    Ran help = run("", args.toArray(String[]::new)).ok();
    assertThat(help.out()).contains("Usage: ").contains("Exit codes:");
    assertThat(help.err()).isEmpty();
  }

  // --- Import and export ---------------------------------------------------------------------

  @Test
  void whatArgumentsHoldIsPrintable() {
    for (String[] args :
        new String[][] {
          {"data", "import", "notes", "\u001b[31m"},
          {"data", "import", "\u001b[31m", "nothing"},
          {"data", "put", "notes/1", "--file", "no\u001b[31m\nfile"},
          {"data", "import", "notes", folder + "/site/pages/index.html/\u001b"},
          {"check", "\u001b[31m"},
          {"\u001b[31m"},
        }) {
      Ran ran = at(args);
      assertThat(ran.code()).isNotEqualTo(ExitCode.OK);
      assertThat(ran.err()).isNotBlank().doesNotContain("\u001b");
      assertThat(ran.err().strip().lines()).as(ran.err()).hasSize(1);
    }
  }

  @Test
  void everyFormatIsImportedAndTheExportComesBackTheSame() throws Exception {
    at("data", "import", "notes", file("a.ndjson", "{\"_id\":\"a\",\"n\":1}\n").toString()).ok();
    at("data", "import", "notes", file("b.json", "[{\"_id\":\"b\",\"n\":2}]").toString()).ok();
    at("data", "import", "notes", "--id", "key", file("c.csv", "key,n\nc,3\n").toString()).ok();
    Path gzip = folder.resolve("d.ndjson.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(gzip))) {
      out.write("{\"_id\":\"d\",\"n\":4}\n".getBytes(StandardCharsets.UTF_8));
    }
    at("data", "import", "notes", gzip.toString()).ok();
    run("{\"_id\":\"e\",\"n\":5}\n", reaching("data", "import", "notes")).ok();
    assertThat(at("data", "list", "notes", "--ids").ok().out()).isEqualTo("a\nb\nc\nd\ne\n");

    String before = at("data", "export", "notes").ok().out();
    assertThat(before.lines()).hasSize(5);
    for (String name : List.of("x.ndjson", "x.json", "x.ndjson.gz")) {
      Path file = folder.resolve(name);
      at("data", "export", "notes", file.toString()).ok();
      String copy = "copy" + name.length();
      at("data", "import", copy, file.toString()).ok();
      assertThat(at("data", "export", copy).ok().out()).as(name).isEqualTo(before);
    }
  }

  @Test
  void csvHasTheColumnsThatWereNamed() {
    at("data", "put", "notes/1", "{\"n\":1,\"m\":2}").ok();
    assertThat(at("data", "export", "notes", "--format=csv", "--fields=m,x").ok().out())
        .isEqualTo("_id,m,x\r\n1,2,\r\n");
    assertThat(at("data", "export", "notes", "--format=csv").ok().out())
        .isEqualTo("_id,m,n\r\n1,2,1\r\n");
  }

  @Test
  void badRecordIsNamedAndTheRestCanGoOn() throws Exception {
    Path file =
        file(
            "bad.ndjson",
            "{\"_id\":\"a\",\"n\":1}\n{\"_id\":\"b\",\"n\":\n{\"_id\":\"c\",\"n\":3}\n");
    Ran ran = at("data", "import", "notes", file.toString());
    assertThat(ran.code()).isNotZero();
    assertThat(ran.err()).contains("2").doesNotContain("Exception");
    assertThat(at("data", "list", "notes", "--ids").ok().out()).doesNotContain("b");
    at("data", "import", "notes", "--restart", "--skip-bad", "1", file.toString()).ok();
    assertThat(at("data", "list", "notes", "--ids").ok().out()).isEqualTo("a\nc\n");
  }

  /**
   * In a process of its own, ended in the middle; the same command again does the rest. SIGTERM
   * ends it as Ctrl-C does, which a shell may have its background jobs ignore.
   */
  @ParameterizedTest
  @ValueSource(strings = {"TERM", "KILL"})
  void interruptedImportIsResumed(String signal) throws Exception {
    int records = 300_000;
    Path file = folder.resolve("many.ndjson");
    try (var out = Files.newBufferedWriter(file)) {
      for (int i = 0; i < records; i++) {
        out.write("{\"_id\":\"" + i + "\",\"n\":" + i + "}\n");
      }
    }
    Path state = ImportState.fileFor(file);
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "dev.meridian.cli.Meridian"));
    command.addAll(List.of(reaching("data", "import", "notes", file.toString())));
    Path log = folder.resolve("child.log");
    Process child =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    Instant end = Instant.now().plus(Duration.ofMinutes(2));
    // On a slow machine the first thing it keeps may be that nothing is done yet.
    while (ImportState.load(state).filter(kept -> kept.records() > 0).isEmpty()) {
      assertThat(child.isAlive()).as("not done before it is interrupted").isTrue();
      assertThat(Instant.now()).isBefore(end);
      Thread.sleep(5);
    }
    new ProcessBuilder("kill", "-" + signal, Long.toString(child.pid())).start().waitFor();
    assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(child.exitValue())
        .as(Files.readString(log))
        .isEqualTo(signal.equals("TERM") ? 143 : 137);

    Ran rest = at("data", "import", "notes", file.toString()).ok();
    assertThat(rest.err()).contains("going on after");
    assertThat(state).doesNotExist();
    Path all = folder.resolve("all.ndjson");
    at("data", "export", "notes", all.toString()).ok();
    var ids = new TreeSet<Integer>();
    try (var lines = Files.lines(all)) {
      lines.forEach(
          line -> {
            String id = line.substring("{\"_id\":\"".length(), line.indexOf('"', 8));
            assertThat(line).contains("{\"n\":" + id + "}");
            assertThat(ids.add(Integer.valueOf(id))).isTrue();
          });
    }
    assertThat(ids).hasSize(records);
  }

  // --- The operator --------------------------------------------------------------------------

  @Test
  void backupIsRestoredAndServed() throws Exception {
    at("data", "put", "notes/1", "{\"n\":1}").ok();
    Path copy = folder.resolve("copy.zip");
    at("backup", copy.toString()).ok();
    at("backup", "--verify", copy.toString()).ok();
    at("backup", copy.toString()).failed(ExitCode.FAILED); // it is there
    at("data", "put", "notes/1", "{\"n\":2}").ok();
    Path restored = folder.resolve("restored");
    run("", "restore", copy.toString(), "--data", restored.toString()).ok();
    try (Node other = up(restored)) {
      String url = url(other.listeners().http().orElseThrow());
      assertThat(run("", "data", "get", "notes/1", "--url", url).ok().out())
          .isEqualTo("{\"n\":1}\n");
      assertThat(
              run("", "data", "list", "notes", "--where", "n == 1", "--ids", "--url", url)
                  .ok()
                  .out())
          .isEqualTo("1\n");
    }
  }

  @Test
  void keysAreMadeUsedAndRevoked() {
    String key = at("key", "create", "--role", "editor").ok().out().strip();
    String url = url(node.listeners().http().orElseThrow());
    run("", "data", "put", "notes/1", "1", "--url", url, "--key", key).ok();
    String listed = at("key", "list").ok().out();
    assertThat(listed).contains("editor").doesNotContain(key);
    String id = key.substring(3).split("_", 2)[0];
    assertThat(listed).contains(id);
    at("key", "revoke", id).ok();
    Instant end = Instant.now().plus(Duration.ofSeconds(30));
    while (run("", "data", "put", "notes/1", "2", "--url", url, "--key", key).code()
        == ExitCode.OK) {
      assertThat(Instant.now()).isBefore(end);
    }
    run("", "data", "put", "notes/1", "2", "--url", url, "--key", key).failed(ExitCode.REFUSED);
  }

  @Test
  void rolesMeanWhatTheySay() {
    String web = url(node.listeners().http().orElseThrow());
    String admin = url(node.listeners().admin());
    String reader = at("key", "create", "--role", "reader").ok().out().strip();
    String editor = at("key", "create", "--role", "editor").ok().out().strip();
    String operator = at("key", "create", "--role", "operator").ok().out().strip();
    run("", "data", "put", "notes/1", "1", "--url", web, "--key", reader).failed(ExitCode.REFUSED);
    run("", "data", "put", "notes/1", "1", "--url", web, "--key", editor).ok();
    run("", "data", "put", "notes/2", "2", "--url", web, "--key", operator).ok();
    run("", "data", "delete", "notes/1", "--url", web, "--key", reader).failed(ExitCode.REFUSED);
    for (String key : List.of(reader, editor, operator)) {
      run("", "data", "get", "notes/1", "--url", web, "--key", key).ok();
    }
    for (String key : List.of(reader, editor)) {
      run("", "status", "--admin", admin, "--key", key).failed(ExitCode.REFUSED);
      run("", "key", "list", "--admin", admin, "--key", key).failed(ExitCode.REFUSED);
      run("", "data", "get", "_secrets/grants", "--url", web, "--key", key)
          .failed(ExitCode.REFUSED);
    }
    run("", "status", "--admin", admin, "--key", operator).ok();
    assertThat(run("", "key", "list", "--admin", admin, "--key", operator).ok().out())
        .contains("reader", "editor", "operator");
    run("", "data", "list", "_keys", "--url", web, "--key", operator).ok();
  }

  @Test
  void statusAndNamesAreShown() {
    assertThat(at("status").ok().out()).contains("Test").contains("cli.test");
    assertThat(at("status", "--json").ok().out()).startsWith("{");
    String server = "127.0.0.1:" + node.listeners().dns().orElseThrow().getPort();
    assertThat(run("", "dns", "lookup", "cli.test", "--server", server).ok().out())
        .contains("127.0.0.1");
  }

  @Test
  void keysOfSignedZonesAreShownAndReplacedOnlyWhenTheyAreKnown() {
    Ran ds = at("dns", "ds", "CLI.test.").ok();
    assertThat(ds.out()).matches("cli\\.test\\. IN DS [0-9]+ 13 2 [0-9A-F]{64}\n");
    assertThat(at("dns", "ds").ok().out()).isEqualTo(ds.out());
    assertThat(at("dns", "ds", "--dnskey").ok().out()).startsWith("cli.test. IN DNSKEY 257 3 13 ");
    assertThat(at("dns", "ds", "--anchor").ok().out())
        .startsWith("trust-anchors { \"cli.test.\" static-key 257 3 13 \"");
    at("dns", "ds", "other.test").failed(ExitCode.NOT_FOUND);
    assertThat(at("dns", "keys").ok().out()).contains("cli.test", "fresh");
    assertThat(at("dns", "keys", "--json").ok().out()).doesNotContain("private");
    Ran early = at("dns", "roll", "cli.test");
    assertThat(early.code()).isNotZero();
    assertThat(early.err()).contains("is new");
    assertThat(Files.exists(folder.resolve("data/dnssec/cli.test.keys"))).isTrue();
  }

  @Test
  void newSiteIsValidAndBrokenOneIsNamedByItsLine() throws Exception {
    Path site = folder.resolve("mine");
    run("", "new", site.toString()).ok();
    assertThat(run("", "check", site.toString()).ok().out()).contains("1 collections, 2 pages");
    Ran again = run("", "new", site.toString());
    assertThat(again.code()).isEqualTo(ExitCode.FAILED);
    assertThat(again.err()).contains("nothing was written");
    Files.writeString(site.resolve("site.yaml"), "name: Mine\ndomain: [a.test]\n");
    Ran broken = run("", "check", site.toString());
    assertThat(broken.code()).isEqualTo(ExitCode.FAILED);
    assertThat(broken.out() + broken.err()).contains("site.yaml:2").contains("domains");
  }

  @Test
  void checkNamesEveryMistakeInPagesByItsLine() throws Exception {
    Files.writeString(folder.resolve("site/pages/index.html"), "one\n{{ site.name | uper }}");
    Files.writeString(
        folder.resolve("site/pages/list.html"),
        "---\ndata:\n  notes: {list: notes, sort: m}\n---\n{{ asset('none.css') }}");
    Ran broken = run("", "check", folder.resolve("site").toString());
    assertThat(broken.code()).isEqualTo(ExitCode.FAILED);
    assertThat(broken.err().lines())
        .containsExactly(
            "pages/index.html:2:1: there is no filter 'uper', did you mean 'upper'?",
            "pages/list.html:3:1: data.notes: no index serves this query; add '- [m]' to the"
                + " indexes of 'notes' in site.yaml, or allow a 'scan' of so many documents.",
            "pages/list.html:5:1: there is no file 'public/none.css'.");
  }

  @Test
  void expiryOutlivesExportAndImport() throws Exception {
    at("data", "put", "notes/1", "{\"n\":1}").ok();
    HttpRequest put =
        HttpRequest.newBuilder(
                URI.create(url(node.listeners().http().orElseThrow()) + "/data/notes/2"))
            .header(
                "Authorization",
                "Bearer " + Files.readString(folder.resolve("data/operator.key")).strip())
            .header("Expires-At", "2099-01-02T03:04:05Z")
            .PUT(BodyPublishers.ofString("{\"n\":2}"))
            .build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      assertThat(client.send(put, BodyHandlers.ofString()).statusCode()).isEqualTo(201);
    }
    String line = "\",\"_expires\":\"2099-01-02T03:04:05Z\",\"_value\":{\"n\":2}}\n";
    assertThat(at("data", "export", "notes").ok().out())
        .isEqualTo("{\"_id\":\"1\",\"_value\":{\"n\":1}}\n{\"_id\":\"2" + line);
    Path one = folder.resolve("one.json");
    at("data", "export", "notes", one.toString()).ok();
    at("data", "import", "others", one.toString()).ok();
    assertThat(at("data", "export", "others").ok().out()).endsWith("{\"_id\":\"2" + line);
    at("data", "delete", "notes/2").ok();
    Path all = folder.resolve("all.ndjson");
    at("data", "export", "--all", all.toString()).ok();
    assertThat(Files.readString(all)).contains("{\"_path\":\"others/2" + line);
    at("data", "delete", "others/2").ok();
    at("data", "import", "--all", all.toString()).ok();
    assertThat(at("data", "export", "others").ok().out()).endsWith("{\"_id\":\"2" + line);
    Path bad = file("bad.ndjson", "{\"_id\":\"1\",\"_expires\":\"soon\",\"_value\":1}\n");
    assertThat(at("data", "import", "others", bad.toString()).code()).isEqualTo(ExitCode.FAILED);
  }

  @ParameterizedTest
  @CsvSource({"No space left on device, true", "Broken pipe, false"})
  void outputThatCannotBeWrittenIsSaidUnlessItsReaderLeft(String reason, boolean said) {
    at("data", "put", "notes/1", "1").ok();
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException(reason);
          }
        };
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Console console =
        new Console(
            new ByteArrayInputStream(new byte[0]),
            new Console.Output(full),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            Map.of(),
            false,
            false,
            false);
    assertThat(Meridian.run(console, reaching("data", "export", "notes")))
        .isEqualTo(ExitCode.FAILED);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .isEqualTo(said ? "meridian: standard output cannot be written: " + reason + "\n" : "");
  }

  // --- Up ------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1:80, off, off, true",
    "'[::1]:80', 127.0.0.1:443, 127.0.0.1:53, true",
    "off, off, off, true",
    "'*:80', off, off, false",
    "127.0.0.1:80, 192.0.2.1:443, off, false",
    "127.0.0.1:80, off, '[::]:53', false",
  })
  void developmentIsTheDefaultOnLoopbackOnly(
      String http, String https, String dns, boolean expected) {
    InetSocketAddress own = new InetSocketAddress("127.0.0.1", 1);
    Listeners listeners = new Listeners(optional(http), optional(https), optional(dns), own, own);
    assertThat(UpCommand.isDevelopment(null, listeners)).isEqualTo(expected);
    UpCommand.Mode mode = new UpCommand.Mode();
    mode.dev = !expected;
    mode.production = expected;
    assertThat(UpCommand.isDevelopment(mode, listeners)).isEqualTo(!expected);
  }

  @Test
  void namesOverTlsForOthersAreNoDevelopment() {
    InetSocketAddress own = new InetSocketAddress("127.0.0.1", 1);
    Listeners listeners =
        new Listeners(
            Optional.of(own),
            Optional.empty(),
            Optional.of(own),
            optional("0.0.0.0:853"),
            own,
            own);
    assertThat(UpCommand.isDevelopment(null, listeners)).isFalse();
  }

  private static Optional<InetSocketAddress> optional(String text) {
    return text.equals("off") ? Optional.empty() : Optional.of(ListenAddress.parse(text));
  }
}
