package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Verdict.Violation;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * What a run did and what its checkers say, for people.
 *
 * @param seed that makes the run again
 * @param schedule what was done to the cluster, a line each, in order
 * @param history what clients saw
 * @param verdicts of each checker, by its name
 */
public record TortureReport(
    long seed,
    List<String> schedule,
    List<Operation> history,
    SequencedMap<String, Verdict> verdicts) {
  private static final int COLUMNS = 60;
  private static final int MOST_SHOWN = 60;

  /** Copies the lists. */
  public TortureReport {
    schedule = List.copyOf(schedule);
    history = List.copyOf(history);
  }

  /** Whether every checker accepted. */
  public boolean accepted() {
    return verdicts.values().stream().allMatch(Verdict::accepted);
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
    return render("", "", "", "");
  }

  /** As Markdown. */
  public String markdown() {
    return render("# ", "## ", "```text\n", "```\n");
  }

  private String render(String title, String heading, String open, String close) {
    StringBuilder text = new StringBuilder();
    text.append(title).append("Torture with seed ").append(seed).append(": ");
    text.append(accepted() ? "all checkers accept" : "NOT accepted").append("\n\n");
    text.append(heading).append("Schedule\n\n").append(open);
    schedule.forEach(line -> text.append(line).append('\n'));
    text.append(schedule.isEmpty() ? "nothing was done to the cluster\n" : "").append(close);
    text.append('\n').append(heading).append("Operations\n\n").append(open).append(counts());
    text.append(close).append('\n').append(heading).append("Availability\n\n").append(open);
    text.append(availability()).append(close).append('\n').append(heading).append("Verdicts\n\n");
    verdicts.forEach((name, verdict) -> verdict(text, name, verdict, open, close));
    return text.toString();
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
      StringBuilder text, String name, Verdict verdict, String open, String close) {
    switch (verdict) {
      case Verdict.Accepted accepted ->
          text.append(name)
              .append(": accepted (")
              .append(accepted.checked())
              .append(" operations)\n\n");
      case Verdict.Undecided undecided ->
          text.append(name).append(": UNDECIDED: ").append(undecided.why()).append("\n\n");
      case Verdict.Convicted convicted -> {
        text.append(name).append(": CONVICTED\n\n");
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
