package dev.meridian.torture;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** Pictures in plain text. */
final class Chart {
  private static final String BARS = " ▁▂▃▄▅▆▇█";
  private static final int TIMELINE_COLUMNS = 32;

  private Chart() {}

  /**
   * One character for each number, as high as it is.
   *
   * @param most what the highest character stands for; positive
   */
  static String bars(long[] numbers, long most) {
    StringBuilder text = new StringBuilder();
    for (long number : numbers) {
      // Whatever is more than nothing shows.
      long height = (number * (BARS.length() - 1) + most - 1) / most;
      text.append(BARS.charAt(Math.clamp(height, 0, BARS.length() - 1)));
    }
    return text.toString();
  }

  /** Operations below each other, from their invocations to their responses. */
  static String timeline(List<Operation> operations) {
    List<Operation> sorted =
        operations.stream().sorted(Comparator.comparingLong(Operation::invoked)).toList();
    long start = Long.MAX_VALUE;
    long end = Long.MIN_VALUE;
    for (Operation operation : sorted) {
      if (operation.invoked() != Long.MAX_VALUE) { // not a final read
        start = Math.min(start, operation.invoked());
        end = Math.max(end, operation.responded());
      }
    }
    StringBuilder text = new StringBuilder();
    for (Operation operation : sorted) {
      boolean last = operation.invoked() == Long.MAX_VALUE;
      int from = last ? TIMELINE_COLUMNS - 1 : column(operation.invoked(), start, end);
      int to = last ? from : column(operation.responded(), start, end);
      boolean open = operation.outcome() == Operation.Outcome.UNKNOWN;
      text.append(" ".repeat(from));
      if (from == to) {
        text.append(open ? '>' : '|');
      } else {
        text.append('|').append("-".repeat(to - from - 1)).append(open ? '>' : '|');
      }
      text.append(" ".repeat(TIMELINE_COLUMNS - 1 - to)).append("  ");
      text.append(
          last
              ? "      at the end"
              : String.format(Locale.ROOT, "%+13.3f ms", (operation.invoked() - start) / 1e6));
      text.append("  ").append(last ? "" : "#" + operation.id() + " ").append(operation);
      text.append("  [").append(operation.node()).append("]\n");
    }
    return text.toString();
  }

  private static int column(long time, long start, long end) {
    return (int) ((double) (time - start) / Math.max(1, end - start) * (TIMELINE_COLUMNS - 1));
  }
}
