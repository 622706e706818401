package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Verdict.Violation;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a run did and what its checkers say, for people.
 *
 * @param seed that makes the run again
 * @param schedule what was done to the cluster, a line each, in order
 * @param history what clients saw
 * @param caches how far they were used
 * @param judgements of each checker
 */
public record TortureReport(
    long seed,
    List<String> schedule,
    List<Operation> history,
    CacheUse caches,
    List<Judgement> judgements) {
  private static final int COLUMNS = 60;
  private static final int MOST_SHOWN = 60;

  /** Copies the lists. */
  public TortureReport {
    schedule = List.copyOf(schedule);
    history = List.copyOf(history);
    judgements = List.copyOf(judgements);
  }

  /** How words are marked where colours are shown. */
  public interface Style {
    /** Nothing is marked. */
    Style PLAIN =
        new Style() {
          @Override
          public String heading(String text) {
            return text;
          }

          @Override
          public String good(String text) {
            return text;
          }

          @Override
          public String bad(String text) {
            return text;
          }
        };

    /** What stands over something. */
    String heading(String text);

    /** What is as it should be. */
    String good(String text);

    /** What is not. */
    String bad(String text);
  }

  /** Whether every checker accepted, and there was one. */
  public boolean accepted() {
    return !judgements.isEmpty()
        && judgements.stream().map(Judgement::verdict).allMatch(Verdict::accepted);
  }

  /**
   * The longest time without an acknowledged write, in nanoseconds, the ends of the run included.
   */
  public long longestWithoutWriteNanos() {
    if (history.isEmpty()) {
      return 0;
    }
    long[] times =
        history.stream()
            .filter(Operation::hasWritten)
            .mapToLong(Operation::responded)
            .sorted()
            .toArray();
    long longest = 0;
    long last = start();
    for (long time : times) {
      longest = Math.max(longest, time - last);
      last = time;
    }
    return Math.max(longest, end() - last);
  }

  private long start() {
    return history.stream().mapToLong(Operation::invoked).min().orElse(0);
  }

  private long end() {
    return history.stream().mapToLong(Operation::responded).max().orElse(0);
  }

  /** As plain text. */
  public String text() {
    return text(Style.PLAIN);
  }

  /** As text for a terminal. */
  public String text(Style style) {
    return render("", "", "", "", style);
  }

  /** As Markdown. */
  public String markdown() {
    return render("# ", "## ", "```text\n", "```\n", Style.PLAIN);
  }

  private String render(String title, String heading, String open, String close, Style style) {
    StringBuilder text = new StringBuilder();
    text.append(title).append("Torture with seed ").append(seed).append(": ");
    text.append(accepted() ? style.good("all checkers accept") : style.bad("NOT accepted"));
    text.append("\n\n").append(heading).append(style.heading("Schedule")).append("\n\n");
    text.append(open);
    schedule.forEach(line -> text.append(line).append('\n'));
    text.append(schedule.isEmpty() ? "nothing was done to the cluster\n" : "").append(close);
    section(text, heading, style, "Operations", open + counts() + close);
    section(text, heading, style, "Policies", open + subjects(style) + close);
    section(text, heading, style, "Caches", open + use() + close);
    section(text, heading, style, "Availability", open + availability() + close);
    section(text, heading, style, "Verdicts", "");
    judgements.forEach(judgement -> verdict(text, judgement, open, close, style));
    return text.toString();
  }

  private static void section(
      StringBuilder text, String heading, Style style, String name, String body) {
    text.append('\n').append(heading).append(style.heading(name)).append("\n\n").append(body);
  }

  /** A line for each policy, and for the sessions. */
  private String subjects(Style style) {
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%-14s %10s %12s %9s %9s %7s %11s%n",
                "",
                "operations",
                "acknowledged",
                "refused",
                "unknown",
                "stale",
                "violations"));
    Judgement.bySubject(history)
        .forEach(
            (subject, part) -> {
              String found = violations(subject);
              text.append(
                  String.format(
                      Locale.ROOT,
                      "%-14s %10d %12d %9d %9d %7d ",
                      subject,
                      part.size(),
                      part.stream().filter(Operation::hasWritten).count(),
                      count(part, Outcome.REFUSED),
                      count(part, Outcome.UNKNOWN),
                      part.stream().filter(Operation::stale).count()));
              String cell = String.format(Locale.ROOT, "%11s", found);
              text.append(found.equals("0") ? style.good(cell) : style.bad(cell)).append('\n');
            });
    return text.toString();
  }

  private static long count(List<Operation> operations, Outcome outcome) {
    return operations.stream().filter(operation -> operation.outcome() == outcome).count();
  }

  private String violations(String subject) {
    long found = 0;
    boolean undecided = false;
    for (Judgement judgement : judgements) {
      if (judgement.subject().equals(subject)) {
        found +=
            judgement.verdict() instanceof Verdict.Convicted(List<Violation> violations)
                ? violations.size()
                : 0;
        undecided |= judgement.verdict() instanceof Verdict.Undecided;
      }
    }
    return found > 0 || !undecided ? Long.toString(found) : "undecided";
  }

  private String use() {
    return String.format(
        Locale.ROOT,
        "%-14s %10d hits %10d misses%n%-14s %10d hits %10d made%n"
            + "%-14s %10d put off %7d flushed documents%n",
        "near cache",
        caches.hits(),
        caches.misses(),
        "kept pages",
        caches.pageHits(),
        caches.pageMisses(),
        "write-behind",
        caches.putOff(),
        caches.flushed());
  }

  private String counts() {
    Map<Kind, Map<Outcome, Integer>> counts = new TreeMap<>();
    for (Operation operation : history) {
      counts
          .computeIfAbsent(operation.kind(), _ -> new TreeMap<>())
          .merge(operation.outcome(), 1, Integer::sum);
    }
    StringBuilder text =
        new StringBuilder(
            String.format(Locale.ROOT, "%-16s %10s %10s %10s%n", "", "done", "refused", "unknown"));
    counts.forEach(
        (kind, n) ->
            text.append(
                String.format(
                    Locale.ROOT,
                    "%-16s %10d %10d %10d%n",
                    kind,
                    n.getOrDefault(Outcome.OK, 0),
                    n.getOrDefault(Outcome.REFUSED, 0),
                    n.getOrDefault(Outcome.UNKNOWN, 0))));
    return text.toString();
  }

  private String availability() {
    if (history.isEmpty()) {
      return "nothing was asked\n";
    }
    long start = start();
    long span = Math.max(1, end() - start);
    long[] reads = new long[COLUMNS];
    long[] writes = new long[COLUMNS];
    long[] failures = new long[COLUMNS];
    for (Operation operation : history) {
      int column =
          (int) Math.min(COLUMNS - 1, (operation.responded() - start) * (double) COLUMNS / span);
      (operation.outcome() != Outcome.OK ? failures : operation.isRead() ? reads : writes)
          [column]++;
    }
    long most = 1;
    for (long[] row : List.of(reads, writes, failures)) {
      most = Math.max(most, Arrays.stream(row).max().orElse(0));
    }
    return String.format(
        Locale.ROOT,
        "reads done    |%s|%nwrites done   |%s|%nnot done      |%s|%n"
            + "a column is %.2f s; the highest is %d operations%n"
            + "longest time without a successful write: %.3f s%n",
        Chart.bars(reads, most),
        Chart.bars(writes, most),
        Chart.bars(failures, most),
        span / 1e9 / COLUMNS,
        most,
        longestWithoutWriteNanos() / 1e9);
  }

  private static void verdict(
      StringBuilder text, Judgement judgement, String open, String close, Style style) {
    String name = judgement.subject() + ", " + judgement.checker();
    switch (judgement.verdict()) {
      case Verdict.Accepted accepted ->
          text.append(name)
              .append(": ")
              .append(style.good("accepted"))
              .append(" (")
              .append(accepted.checked())
              .append(" operations)\n\n");
      case Verdict.Undecided undecided ->
          text.append(name)
              .append(": ")
              .append(style.bad("UNDECIDED"))
              .append(": ")
              .append(undecided.why())
              .append("\n\n");
      case Verdict.Convicted convicted -> {
        text.append(name).append(": ").append(style.bad("CONVICTED")).append("\n\n");
        for (Violation violation : convicted.violations()) {
          List<Operation> shown = violation.operations();
          text.append(violation.rule()).append(": ").append(violation.message()).append("\n\n");
          if (!shown.isEmpty()) {
            text.append(open)
                .append(
                    Chart.timeline(
                        shown.size() > MOST_SHOWN
                            ? shown.subList(shown.size() - MOST_SHOWN, shown.size())
                            : shown))
                .append(close)
                .append('\n');
          }
        }
      }
    }
  }
}
