package dev.meridian.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Imports of generated files, good and bad: what an import says it stored is exactly what is
 * stored, and what it did not is named by its line.
 */
@Timeout(300)
class ImportFuzzTest {
  private static final int ROUNDS = 60;

  @TempDir static Path folder;
  private static Node node;

  @BeforeAll
  static void start() throws Exception {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(folder.resolve("site/site.yaml"), "name: Test\ndomains: [import.test]\n");
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    node =
        Node.start(
            new NodeOptions(
                folder.resolve("site"),
                folder.resolve("data"),
                _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.empty(), any, any),
                true,
                "test"));
  }

  @AfterAll
  static void stop() {
    node.close();
  }

  private static Ran at(byte[] input, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    int port = node.listeners().http().orElseThrow().getPort();
    all.addAll(List.of("--url", "http://127.0.0.1:" + port));
    all.addAll(List.of("--data", folder.resolve("data").toString()));
    return Ran.run(input, all.toArray(String[]::new));
  }

  /** Every document of a collection, by id. */
  private static Map<String, String> stored(String collection) {
    return at(new byte[0], "data", "list", collection, "--all")
        .ok()
        .out()
        .lines()
        .collect(
            Collectors.toMap(
                line -> line.substring("{\"id\":\"".length(), line.indexOf('"', 7)),
                line -> line.substring(line.indexOf("\"value\":") + 8, line.length() - 1)));
  }

  // --- The model -----------------------------------------------------------------------------

  /**
   * A file whose content is known.
   *
   * @param bad the lines of its bad records, in order
   * @param good how many other records it has
   * @param documents what is stored when all good records are
   */
  private record Made(
      byte[] bytes, List<Integer> bad, int good, TreeMap<String, String> documents) {}

  private static final List<String> BAD_LINES =
      List.of(
          "{\"_id\":\"x\",\"n\":}",
          "{\"_id\":\"x\"} trailing",
          "{\"_id\":\"x/y\",\"n\":1}",
          "{\"_id\":\"\",\"n\":1}",
          "{\"_id\":[1],\"n\":1}",
          "{\"_id\":1.5}",
          "{\"_id\":\"..\"}",
          "{\"_id\":\"" + "x".repeat(2_000) + "\"}",
          "{\"_id\":\"x\",\"n\":1e99999}",
          "{\"_id\":\"x\",\"n\":\"\0\"}",
          "{\"_id\":\"x\",\"n\":\"\\ud800\"}",
          "{\"_id\":\"x\",\"v\":" + "[".repeat(100) + "]".repeat(100) + "}",
          "{\"_id\":\"x\",\"_id\":\"y\"}",
          "{\"_id\":\"x\",\"v\":\"" + "x".repeat(1_100_000) + "\"}",
          "nothing");

  private static Made lines(Random random, int records, int badOnes) {
    StringBuilder file = new StringBuilder();
    List<Integer> bad = new ArrayList<>();
    TreeMap<String, String> documents = new TreeMap<>();
    String end = random.nextBoolean() ? "\n" : "\r\n";
    int line = 1;
    int good = 0;
    for (int i = 0; i < records; i++) {
      while (random.nextInt(20) == 0) {
        file.append(" ".repeat(random.nextInt(3))).append(end);
        line++;
      }
      // The first must not look like another format.
      if (i > 0 && random.nextInt(records) < badOnes) {
        file.append(BAD_LINES.get(random.nextInt(BAD_LINES.size())));
        bad.add(line);
      } else {
        String id = "i" + random.nextInt(records);
        String value = "{\"n\":" + i + ",\"s\":\"ä" + "x".repeat(random.nextInt(50)) + "\"}";
        file.append(
            switch (random.nextInt(3)) {
              case 0 -> "{\"_id\":\"" + id + "\",\"_value\":" + value + "}";
              case 1 -> value.substring(0, value.length() - 1) + ",\"_id\":\"" + id + "\"}";
              default -> "{ \"_id\": \"" + id + "\" , \"_value\" :" + value + " }";
            });
        documents.put(id, value);
        good++;
      }
      file.append(i == records - 1 && random.nextBoolean() ? "" : end);
      line++;
    }
    return new Made(file.toString().getBytes(UTF_8), bad, good, documents);
  }

  private static Made rows(Random random, int records, int badOnes) {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes("_id,n,s\n".getBytes(UTF_8));
    List<Integer> bad = new ArrayList<>();
    TreeMap<String, String> documents = new TreeMap<>();
    int line = 2;
    int good = 0;
    for (int i = 0; i < records; i++) {
      if (random.nextInt(records) < badOnes) {
        file.writeBytes(
            switch (random.nextInt(4)) {
              case 0 -> "x,1\n".getBytes(UTF_8);
              case 1 -> "x,1,2,3\n".getBytes(UTF_8);
              case 2 -> new byte[] {'x', ',', '1', ',', (byte) 0xe4, '\n'};
              default -> "x/y,1,\"\"\n".getBytes(UTF_8);
            });
        bad.add(line);
      } else {
        String id = "i" + random.nextInt(records);
        boolean two = random.nextInt(4) == 0;
        file.writeBytes((id + "," + i + ",\"" + (two ? "a\nb" : "a,b") + "\"\n").getBytes(UTF_8));
        documents.put(id, "{\"n\":" + i + ",\"s\":\"" + (two ? "a\\nb" : "a,b") + "\"}");
        line += two ? 1 : 0;
        good++;
      }
      line++;
    }
    return new Made(file.toByteArray(), bad, good, documents);
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int half = bytes.length / 2;
    try (GZIPOutputStream first = new GZIPOutputStream(out)) {
      first.write(bytes, 0, half);
    }
    try (GZIPOutputStream second = new GZIPOutputStream(out)) {
      second.write(bytes, half, bytes.length - half);
    }
    return out.toByteArray();
  }

  // --- The promises --------------------------------------------------------------------------

  @Test
  void whatIsReportedIsWhatIsStoredAndResumingDoesTheRest() throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("ImportFuzzTest -Dseed=" + seed);
    Random random = new Random(seed);
    for (int round = 0; round < ROUNDS; round++) {
      String as = "seed " + seed + ", round " + round;
      int records = 1 + random.nextInt(random.nextInt(8) == 0 ? 5_000 : 200);
      int badOnes = random.nextInt(3) == 0 ? 0 : random.nextInt(Math.min(records, 12));
      Made made =
          random.nextInt(3) == 0 ? rows(random, records, badOnes) : lines(random, records, badOnes);
      byte[] bytes = random.nextBoolean() ? gzip(made.bytes()) : made.bytes();
      String collection = "round" + round;
      int skip = made.bad().isEmpty() ? 0 : random.nextInt(made.bad().size() + 2);
      if (random.nextInt(3) == 0) {
        Ran ran = at(bytes, "data", "import", collection, "--skip-bad", "" + skip);
        check(as, ran, made, skip);
        if (ran.code() == ExitCode.OK) {
          assertThat(stored(collection)).as(as).isEqualTo(made.documents());
        } else {
          assertThat(made.documents().keySet()).as(as).containsAll(stored(collection).keySet());
        }
        continue;
      }
      Path file = Files.write(folder.resolve("round" + round), bytes);
      Ran ran =
          at(new byte[0], "data", "import", collection, "--skip-bad", "" + skip, file.toString());
      check(as, ran, made, skip);
      if (skip < made.bad().size()) {
        // As many as there are, and no more: those already skipped are not counted twice.
        String all = Integer.toString(made.bad().size());
        Ran rest =
            at(new byte[0], "data", "import", collection, "--skip-bad", all, file.toString());
        assertThat(rest.code()).as(as + rest.err()).isEqualTo(ExitCode.OK);
        assertThat(rest.err()).as(as).contains("skipped " + all + " bad records");
      }
      assertThat(stored(collection)).as(as).isEqualTo(made.documents());
      assertThat(ImportState.fileFor(file)).doesNotExist();
    }
  }

  private static boolean isWhole(byte[] gzip, byte[] content) {
    try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(gzip))) {
      return Arrays.equals(in.readAllBytes(), content);
    } catch (IOException e) {
      return false;
    }
  }

  private static void check(String as, Ran ran, Made made, int skip) {
    assertThat(ran.err()).as(as).doesNotContain("Exception", "\tat ");
    if (skip >= made.bad().size()) {
      assertThat(ran.code()).as(as + ran.err()).isEqualTo(ExitCode.OK);
      assertThat(ran.err()).as(as).contains("imported " + Meter.count(made.good()) + " records");
      for (int line : made.bad()) {
        assertThat(ran.err()).as(as).contains("skipped line " + line + " (record ");
      }
      return;
    }
    assertThat(ran.code()).as(as + ran.err()).isEqualTo(ExitCode.FAILED);
    List<String> errors = ran.err().lines().filter(l -> l.startsWith("meridian: ")).toList();
    assertThat(errors).as(as + ran.err()).hasSize(1);
    // Records go to the server in parallel, and it may find another bad one first.
    assertThat(made.bad().stream().map(line -> "meridian: line " + line + " (record "))
        .as(as + errors)
        .anyMatch(errors.getFirst()::startsWith);
    assertThat(errors.getFirst()).as(as).containsAnyOf("--skip-bad N", "there are more than");
  }

  @Test
  void fileThatBreaksOffSaysSoInOneLineAndStoresNothingMadeUp() throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("ImportFuzzTest -Dseed=" + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 40; round++) {
      String as = "seed " + seed + ", round " + round;
      Made made = lines(random, 300, 0);
      byte[] whole = gzip(made.bytes());
      byte[] bytes = Arrays.copyOf(whole, 20 + random.nextInt(whole.length - 21));
      if (random.nextBoolean()) {
        do {
          bytes = whole.clone();
          bytes[12 + random.nextInt(whole.length / 2 - 40)] ^= 1;
        } while (isWhole(bytes, made.bytes())); // some bits of a code's description mean nothing
      }
      String collection = "broken" + round;
      Path file = Files.write(folder.resolve(collection), bytes);
      Ran ran = at(new byte[0], "data", "import", collection, file.toString());
      assertThat(ran.code()).as(as + ran.err()).isEqualTo(ExitCode.FAILED);
      assertThat(ran.err()).as(as).doesNotContain("Exception");
      assertThat(ran.err().lines().filter(l -> l.startsWith("meridian: "))).as(as).hasSize(1);
      assertThat(made.documents().keySet()).as(as).containsAll(stored(collection).keySet());
      Files.write(file, whole);
      at(new byte[0], "data", "import", collection, "--restart", file.toString()).ok();
      assertThat(stored(collection)).as(as).isEqualTo(made.documents());
    }
  }

  @Test
  void largestAndDeepestDocumentComesBackFromItsExport() throws Exception {
    String deep = "[".repeat(64) + "]".repeat(64);
    Path large = Files.writeString(folder.resolve("large"), '"' + "x".repeat((1 << 20) - 2) + '"');
    at(new byte[0], "data", "put", "extreme/deep", deep).ok();
    at(new byte[0], "data", "put", "extreme/large", "--file", large.toString()).ok();
    for (String name : List.of("extreme.ndjson", "extreme.json", "extreme.ndjson.gz")) {
      Path file = folder.resolve(name);
      at(new byte[0], "data", "export", "extreme", file.toString()).ok();
      String copy = name.replace('.', '_');
      at(new byte[0], "data", "import", copy, file.toString()).ok();
      assertThat(stored(copy)).isEqualTo(stored("extreme"));
    }
  }

  @Test
  void importGoesOnWhereNothingCanBeKeptBesideTheFile() throws Exception {
    Path file = Files.writeString(folder.resolve("kept"), "{\"_id\":\"a\"}\n{\"_id\":\n");
    // In the way of what is kept.
    Files.createDirectories(folder.resolve("kept.meridian-import.part/x"));
    Ran ran = at(new byte[0], "data", "import", "kept", file.toString());
    assertThat(ran.code()).isEqualTo(ExitCode.FAILED);
    assertThat(ran.err()).contains("meridian: line 2 (record 2): ").contains("cannot be kept");
  }
}
