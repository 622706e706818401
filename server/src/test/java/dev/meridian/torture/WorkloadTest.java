package dev.meridian.torture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import dev.meridian.torture.LyingProxy.Lie;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The clients against real nodes and against servers that answer badly. */
@Timeout(180)
class WorkloadTest {
  @TempDir static Path folder;

  private static Node node;

  @BeforeAll
  static void start() throws Exception {
    TortureSite.write(folder.resolve("site"), List.of(CachePolicy.values()));
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

  private static URI base(Node node) {
    return URI.create("http://127.0.0.1:" + node.listeners().http().orElseThrow().getPort());
  }

  /** What there is to judge of a run of so many operations. */
  private static List<Judgement> judgements(
      URI at, String run, long most, Map<Level, Integer> levels, History history) throws Exception {
    String key = Files.readString(folder.resolve("data/operator.key")).strip();
    Workload.Options options =
        new Workload.Options(
            List.of(at),
            key,
            List.of(CachePolicy.values()),
            run,
            run.hashCode(),
            10,
            3,
            16,
            3_000,
            most,
            Duration.ofSeconds(60),
            Duration.ofSeconds(5),
            3,
            Workload.Options.DEFAULT_KINDS,
            levels);
    Workload workload = new Workload(options, history);
    workload.run();
    FinalState end = workload.readFinal(Duration.ofSeconds(30));
    return Judgement.of(history.operations(), end, options);
  }

  @Test
  void historyOfARealNodeIsAccepted() throws Exception {
    History history = new History();
    List<Judgement> judgements =
        judgements(base(node), "r1", 1_500, Workload.Options.DEFAULT_LEVELS, history);
    List<Operation> operations = history.operations();
    assertThat(judgements)
        .as(() -> new TortureReport(42, List.of(), operations, CacheUse.NONE, judgements).text())
        .allMatch(judgement -> judgement.verdict().accepted())
        .extracting(Judgement::subject)
        .contains("off", "read-through", "write-through", "write-behind", "sessions");
    for (Kind kind : Kind.values()) {
      assertThat(operations).anyMatch(o -> o.kind() == kind && o.outcome() == Outcome.OK);
    }
    for (Level level : Level.values()) {
      assertThat(operations)
          .anyMatch(o -> o.level() == level && o.hasRead() && o.part().value() != null);
    }
    assertThat(operations)
        .filteredOn(o -> o.kind() == Kind.DELETE && o.hasWritten())
        .allMatch(o -> o.part().etag() != null);
    assertThat(operations)
        .filteredOn(o -> VisitorChecker.isAttribute(o.part().document()) && o.hasWritten())
        .isNotEmpty()
        .allMatch(o -> o.part().etag() != null);
    assertThat(operations).noneMatch(o -> o.outcome() == Outcome.UNKNOWN);
  }

  /** What must convict each lie; nothing else may, unless it sees the same. */
  private static List<String> finders(Lie lie) {
    return switch (lie) {
      case NONE -> List.of();
      case OLD_DOCUMENT ->
          List.of(
              "read-through: session guarantees",
              "write-behind: session guarantees",
              "write-through: recent");
      case OLD_FOR_OTHERS -> List.of("write-through: recent");
      case OLD_PAGE -> List.of("read-through: session guarantees", "write-through: recent");
      case LOST_INCREMENT, DOUBLE_INCREMENT ->
          List.of("write-behind: linearizable", "write-behind: nothing lost");
      case LOST_ATTRIBUTE, OLD_ATTRIBUTE, LATE_ATTRIBUTE -> List.of("sessions: session guarantees");
    };
  }

  /** The whole way, from the request to the verdict, can convict. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "LATE_ATTRIBUTE")
  void everyLieOfANodeIsFound(Lie lie) throws Exception {
    Set<String> convicted = new TreeSet<>();
    Set<String> rules = new TreeSet<>();
    // Few reads are eventual, and one of them must be lied to at the right moment.
    Map<Level, Integer> levels =
        lie == Lie.OLD_FOR_OTHERS
            ? Map.of(Level.STRONG, 2, Level.SESSION, 2, Level.EVENTUAL, 14, Level.PAGE, 2)
            : Workload.Options.DEFAULT_LEVELS;
    try (LyingProxy proxy = new LyingProxy(base(node), lie)) {
      // A lie is found when it was told at the right moment: one run may have none.
      for (int run = 0; run < 20 && !found(lie, convicted, rules) || run == 0; run++) {
        judgements(proxy.address(), "l" + lie.ordinal() + "r" + run, 600, levels, new History())
            .stream()
            .forEach(
                judgement -> {
                  if (judgement.verdict()
                      instanceof Verdict.Convicted(List<Verdict.Violation> violations)) {
                    convicted.add(judgement.subject() + ": " + judgement.checker());
                    violations.forEach(violation -> rules.add(violation.rule()));
                  }
                });
      }
    }
    assertThat(convicted).containsAll(finders(lie));
    if (Set.of(Lie.NONE, Lie.OLD_FOR_OTHERS, Lie.LOST_ATTRIBUTE, Lie.OLD_ATTRIBUTE).contains(lie)) {
      assertThat(convicted).containsExactlyElementsOf(finders(lie));
    }
    if (lie == Lie.OLD_ATTRIBUTE) {
      // Everything that it shows was written, to that attribute of that visitor.
      assertThat(rules).contains("attribute-there").doesNotContain("attribute-written");
    }
  }

  private static boolean found(Lie lie, Set<String> convicted, Set<String> rules) {
    return convicted.containsAll(finders(lie))
        && (lie != Lie.OLD_ATTRIBUTE || rules.contains("attribute-there"));
  }

  /** What nobody was told of is in no cookie: a node may show it a moment later than others. */
  @Test
  void lastLooksAreRepeatedUntilNodesAgree() throws Exception {
    History history = new History();
    try (LyingProxy late = new LyingProxy(base(node), Lie.LATE_ATTRIBUTE)) {
      Workload.Options options =
          Workload.Options.of(
                  List.of(base(node)), null, List.of(CachePolicy.READ_THROUGH), "late", 1)
              .sized(1, 1, 1_000, 100, Duration.ofSeconds(60));
      Workload workload = new Workload(options, history);
      workload.run();
      List<URI> both = List.of(base(node), late.address());
      FinalState end = workload.readFinal(both, Duration.ofSeconds(30));
      assertThat(end.names()).hasSize(2);
      assertThat(end.nodes().values().stream().distinct()).hasSize(1);
      assertThat(VisitorChecker.check(attributes(history), end).accepted()).isTrue();
    }
  }

  private static List<Operation> attributes(History history) {
    List<Operation> attributes =
        history.operations().stream()
            .filter(o -> VisitorChecker.isAttribute(o.part().document()))
            .toList();
    assertThat(attributes).anyMatch(Operation::hasWritten);
    return attributes;
  }

  private static Outcome put(URI node, Duration timeout) {
    try (DataApi api = new DataApi(null, timeout)) {
      return api.write(
              node, Kind.PUT, List.of(new Operation.Part("t/a", "1", 0, null)), null, "", "key")
          .outcome();
    }
  }

  @Test
  void outcomesSayWhatIsKnown() throws Exception {
    URI nobody;
    try (ServerSocket server = new ServerSocket(0)) {
      nobody = URI.create("http://127.0.0.1:" + server.getLocalPort());
    }
    assertThat(put(nobody, Duration.ofSeconds(5))).isEqualTo(Outcome.REFUSED);
    assertThat(answering("")).isEqualTo(Outcome.UNKNOWN);
    assertThat(answering("HTTP/1.1 204 x\r\n\r\n")).isEqualTo(Outcome.OK);
    assertThat(answering("HTTP/1.1 412 x\r\nContent-Length: 0\r\n\r\n")).isEqualTo(Outcome.REFUSED);
    assertThat(answering("HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")).isEqualTo(Outcome.UNKNOWN);
    assertThat(answering("HTTP/1.1 503 x\r\nContent-Length: 22\r\n\r\n{\"outcome\":\"not-done\"}"))
        .isEqualTo(Outcome.REFUSED);
    assertThat(answering("HTTP/1.1 503 x\r\nContent-Length: 21\r\n\r\n{\"outcome\":\"unknown\"}"))
        .isEqualTo(Outcome.UNKNOWN);
    try (ServerSocket silent = new ServerSocket(0)) {
      URI node = URI.create("http://127.0.0.1:" + silent.getLocalPort());
      assertThat(put(node, Duration.ofMillis(300))).isEqualTo(Outcome.UNKNOWN);
    }
  }

  /** The outcome of a put to a server that answers this and closes. */
  private static Outcome answering(String answer) throws Exception {
    try (ServerSocket server = new ServerSocket(0)) {
      Thread thread =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (Socket socket = server.accept()) {
                      // The whole request: it ends with the value.
                      int last = 0;
                      while (last != '}' && last != -1) {
                        last = socket.getInputStream().read();
                      }
                      socket.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII));
                    } catch (java.io.IOException e) {
                      // The client is gone.
                    }
                  });
      Outcome outcome =
          put(URI.create("http://127.0.0.1:" + server.getLocalPort()), Duration.ofSeconds(20));
      thread.join();
      return outcome;
    }
  }
}
