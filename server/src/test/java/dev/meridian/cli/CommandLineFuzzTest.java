package dev.meridian.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
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
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever is typed ends with a documented exit code, and what went wrong is one line that is no
 * stack trace.
 */
@Timeout(300)
class CommandLineFuzzTest {
  private static final int ROUNDS = 2_000;

  /** Each command as it is meant; FILE and NEW stand for paths in the test's folder. */
  private static final List<String> COMMANDS =
      List.of(
          "data get notes/1 --etag",
          "data get notes/1 --raw",
          "data put notes/1 {\"n\":1} --if-absent",
          "data put notes/2 --file FILE --expires 7d",
          "data put notes/3 1 --if-match 1-0",
          "data patch notes/1 {\"m\":2} --if-exists",
          "data patch notes/1 --increment n --increment s.t=0.5",
          "data patch notes/1 [{\"op\":\"remove\",\"path\":\"/n\"}]",
          "data delete notes/1 notes/2 --if-exists",
          "data list notes --where n>0 --sort=-n --fields n --limit 5 --scan 100",
          "data list notes --all --ids",
          "data list notes --json --scan",
          "data import notes FILE --id n --format csv --strings --skip-bad 5 --restart",
          "data import --all FILE",
          "data import notes",
          "data export notes --where=n>0 --fields=n,m --format=csv",
          "data export notes NEW --force --restart",
          "data export --all --values-only",
          "key create --role reader --name x --expires 90d",
          "key list --json",
          "key revoke abc",
          "sessions list --user=ada --limit=5",
          "sessions revoke --user=ada",
          "status --json",
          "recover --from-this-replica --yes --data NEW",
          "dns lookup cli.test MX --tcp",
          "check FILE",
          "check NEW",
          "new NEW",
          "up NEW --http=127.0.0.1:0 --dns=off --data NEW --log=json --access-log=on --dev",
          "backup NEW --force",
          "backup --verify FILE",
          "restore FILE --data NEW",
          "help data import",
          "version",
          "completion",
          "data --help",
          "--version");

  private static final List<String> WORDS =
      List.of(
          "",
          " ",
          "-",
          "--",
          "---",
          "-1",
          "--no-such-option",
          "--no-such=1",
          "--url",
          "--url=",
          "--url=nothing",
          "--url=ftp://127.0.0.1",
          "--url=http://",
          "--url=http://127.0.0.1:99999",
          "--url=http://a b",
          "--admin=http://[::1",
          "--key=",
          "--key=ä",
          "--key=mk_1_2",
          "--timeout=0",
          "--timeout=-5",
          "--timeout=99999999999",
          "--timeout=x",
          "--data=",
          "--limit=0",
          "--limit=2147483647",
          "--limit=-2147483648",
          "--scan=-1",
          "--scan=2147483648",
          "--skip-bad=-1",
          "--format=xml",
          "--format=",
          "--id=..",
          "--id=a.b.c",
          "--where=",
          "--where=n >",
          "--where=" + "(".repeat(500),
          "--sort=",
          "--sort=--",
          "--fields=,,",
          "--increment=",
          "--increment==",
          "--increment=a=b",
          "--increment=n=1e5",
          "--expires=0s",
          "--expires=999999999d",
          "--expires=yesterday",
          "--expires=+999999999-12-31T23:59:59Z",
          "--if-match=",
          "--if-match=*",
          "--if-match=\"x",
          "--if-absent",
          "--if-exists=maybe",
          "--server=nowhere",
          "--server=127.0.0.1:x",
          "--role=",
          "--role=a\nb",
          "--help=1",
          "@file",
          "%s%n%d",
          "${sys:user.home}",
          "notes",
          "notes/",
          "/notes",
          "notes/1/",
          "notes/../1",
          "notes/\u0000",
          "notes/\ud800",
          "notes/" + "x".repeat(3_000),
          "_seeds/x",
          "{",
          "[",
          "{\"a\":" + "[".repeat(2_000),
          "\"\ud83d\"",
          "1e999999999",
          "\u001b[31m",
          "ä😀",
          "x".repeat(100_000));

  @TempDir static Path folder;
  private static Node node;

  @BeforeAll
  static void start() throws Exception {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        "name: Test\ndomains: [cli.test]\ncollections:\n  notes:\n    indexes: [[n]]\n");
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    node =
        Node.start(
            new NodeOptions(
                folder.resolve("site"),
                folder.resolve("data"),
                _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), any, any),
                true,
                "test"));
  }

  @AfterAll
  static void stop() {
    node.close();
  }

  @Test
  void everyCommandLineEndsWithADocumentedCodeAndAtMostOneError() throws Exception {
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.println("CommandLineFuzzTest -Dseed=" + seed);
    Random random = new Random(seed);
    Map<Integer, Integer> codes = new TreeMap<>();
    for (int round = 0; round < ROUNDS; round++) {
      List<String> line = mutated(random, round);
      byte[] input = WORDS.get(random.nextInt(WORDS.size())).getBytes(UTF_8);
      Ran ran = Ran.run(input, line.toArray(String[]::new));
      String as = "seed " + seed + ", round " + round + ": " + shown(line) + "\n" + ran.err();
      assertThat(ExitCode.DOCUMENTED.keySet()).as(as).contains(Integer.toString(ran.code()));
      assertThat(ran.err())
          .as(as)
          .doesNotContain("Exception", "\tat ", "fault of meridian's", "\u001b");
      if (line.stream().noneMatch(List.of("up", "check", "new")::contains)) {
        List<String> lines = ran.err().lines().filter(l -> l.startsWith("meridian: ")).toList();
        assertThat(lines).as(as).hasSizeLessThan(ran.code() == ExitCode.OK ? 1 : 2);
        // Otherwise standard output says, for instance, that there is no such name.
        if (ran.code() != ExitCode.OK && ran.out().isEmpty()) {
          assertThat(lines).as(as).hasSize(1);
        }
        if (ran.code() == ExitCode.USAGE) {
          assertThat(ran.err().strip().lines()).as(as).hasSize(1);
        }
      }
      codes.merge(ran.code(), 1, Integer::sum);
    }
    // The generator reaches what works and what does not.
    assertThat(codes.keySet())
        .as("seed %d", seed)
        .contains(ExitCode.OK, ExitCode.USAGE, ExitCode.FAILED, ExitCode.NOT_FOUND);
    System.out.println("exit codes: " + codes);
  }

  private static String shown(List<String> line) {
    return line.stream().map(arg -> arg.length() > 200 ? arg.substring(0, 200) + "…" : arg).toList()
        + "";
  }

  private static List<String> mutated(Random random, int round) {
    List<String> line =
        new ArrayList<>(List.of(COMMANDS.get(random.nextInt(COMMANDS.size())).split(" ")));
    // Of what makes files, only such as stay in the test's folder.
    boolean writes =
        List.of("new", "up", "backup", "restore").contains(line.getFirst())
            || line.contains("export");
    for (int i = random.nextInt(4); i > 0; i--) {
      int at = 1 + random.nextInt(line.size());
      switch (random.nextInt(writes ? 4 : 7)) {
        case 0 -> line.add(at, option(random));
        case 1 -> line.remove(at - 1);
        case 2 -> line.add(at, line.get(random.nextInt(line.size())));
        case 3 -> line.add(at, random.nextBoolean() ? "FILE" : "NEW");
        case 4 -> line.add(at, WORDS.get(random.nextInt(WORDS.size())));
        case 5 -> line.set(at - 1, WORDS.get(random.nextInt(WORDS.size())));
        default -> line.set(at - 1, damaged(random, line.get(at - 1)));
      }
      if (line.isEmpty()) {
        break;
      }
    }
    // Removing may have made it a command that writes where it was not one before.
    line.removeIf(arg -> arg.equals("--verbose"));
    line.replaceAll(
        arg ->
            arg.equals("FILE")
                ? file(random)
                : arg.equals("NEW") ? folder.resolve("new" + round).toString() : arg);
    if (writes && wouldWriteElsewhere(line)) {
      return List.of("version");
    }
    if (line.contains("up")) {
      // A site that is there would be served for ever.
      line.removeIf(arg -> arg.startsWith(folder.toString()) && !arg.contains("new"));
    }
    reach(random, line);
    return line;
  }

  /** Whether a word may be taken for a file's name that is not in the folder. */
  private static boolean wouldWriteElsewhere(List<String> line) {
    List<String> prefix = line.contains("export") ? List.of("data", "export", "notes") : List.of();
    int known = 0;
    while (known < Math.min(line.size(), prefix.size())
        && line.get(known).equals(prefix.get(known))) {
      known++;
    }
    if (prefix.isEmpty()
        && !line.isEmpty()
        && List.of("new", "up", "backup", "restore").contains(line.getFirst())) {
      known = 1;
    }
    return line.stream()
        .skip(known)
        .anyMatch(arg -> !arg.startsWith("-") && !arg.startsWith(folder.toString()));
  }

  private static String option(Random random) {
    List<String> options = WORDS.stream().filter(word -> word.startsWith("--")).toList();
    String option = options.get(random.nextInt(options.size()));
    return option.equals("--data=") ? "--data=" + folder.resolve("data") : option;
  }

  private static String file(Random random) {
    String name = List.of("site/site.yaml", "site", "data", "none").get(random.nextInt(4));
    return folder.resolve(name).toString();
  }

  private static String damaged(Random random, String word) {
    if (word.isEmpty()) {
      return "\t";
    }
    int at = random.nextInt(word.length());
    return switch (random.nextInt(4)) {
      case 0 -> word.substring(0, at);
      case 1 -> word.substring(0, at) + (char) random.nextInt(256) + word.substring(at);
      case 2 -> word.substring(0, at) + (char) random.nextInt(65_536) + word.substring(at + 1);
      default -> word + word;
    };
  }

  /** The test's node, mostly; otherwise whatever stands there already. */
  private static void reach(Random random, List<String> line) {
    boolean talks =
        line.stream().anyMatch(arg -> List.of("data", "key", "status", "backup").contains(arg));
    if (talks && line.stream().noneMatch(arg -> arg.startsWith("--url"))) {
      String http = "http://127.0.0.1:" + node.listeners().http().orElseThrow().getPort();
      line.addAll(List.of("--url", http));
    }
    if (talks && line.stream().noneMatch(arg -> arg.startsWith("--admin"))) {
      line.addAll(List.of("--admin", "http://127.0.0.1:" + node.listeners().admin().getPort()));
    }
    if (talks && random.nextInt(10) > 0 && !line.contains("restore") && !line.contains("up")) {
      line.addAll(List.of("--data", folder.resolve("data").toString()));
    }
    if (line.contains("dns") && line.stream().noneMatch(arg -> arg.startsWith("--server"))) {
      line.addAll(
          List.of("--server", "127.0.0.1:" + node.listeners().dns().orElseThrow().getPort()));
    }
  }

  @Test
  void everyWordAloneInEveryPlaceIsTakenOrRefused() {
    for (String command : COMMANDS) {
      List<String> meant = List.of(command.split(" "));
      if (List.of("new", "up", "backup", "restore").contains(meant.getFirst())
          || command.contains("export notes NEW")) {
        continue;
      }
      for (int place = 0; place < meant.size(); place++) {
        for (String word : List.of("", "-", "--", "\u0000", "\ud800", "=")) {
          List<String> line = new ArrayList<>(meant);
          line.set(place, word);
          line.replaceAll(arg -> arg.equals("FILE") || arg.equals("NEW") ? "none" : arg);
          if (line.contains("export") && place >= line.indexOf("export")) {
            continue; // It would be a file's name.
          }
          reach(new Random(0), line);
          Ran ran = Ran.run("", line.toArray(String[]::new));
          String as = shown(line) + "\n" + ran.err();
          assertThat(ExitCode.DOCUMENTED.keySet()).as(as).contains(Integer.toString(ran.code()));
          assertThat(ran.err()).as(as).doesNotContain("Exception", "\tat ", "fault of meridian's");
        }
      }
    }
  }

  @Test
  void everyOptionIsTriedWithoutAndWithTooMuch() {
    // Nobody listens at port 1.
    for (String command :
        List.of(
            "data get",
            "data list",
            "key list --admin=http://127.0.0.1:1",
            "status --admin=http://127.0.0.1:1",
            "dns lookup")) {
      for (String option : List.of("--url", "--key", "--timeout", "--limit", "--server")) {
        for (List<String> end :
            List.of(List.of(option), List.of(option, ""), List.of(option + "="))) {
          List<String> line = new ArrayList<>(Arrays.asList(command.split(" ")));
          line.addAll(end);
          Ran ran = Ran.run("", line.toArray(String[]::new));
          assertThat(ran.err()).as(shown(line)).doesNotContain("Exception", "fault of meridian's");
          assertThat(ran.code()).as(shown(line) + ran.err()).isNotEqualTo(ExitCode.OK);
        }
      }
    }
  }
}
