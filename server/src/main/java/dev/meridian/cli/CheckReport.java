package dev.meridian.cli;

import dev.meridian.dns.DnsCheck;
import dev.meridian.dns.DnsCheck.Finding;
import dev.meridian.dns.DnsCheck.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;

/**
 * Findings for people: a heading for each zone that says how it is, and below it a line for each
 * finding and one for how to mend it. On a terminal lines are broken between words; elsewhere each
 * stays whole, so that it can be searched.
 */
final class CheckReport {
  private static final int NARROWEST = 30;

  private final Console console;

  CheckReport(Console console) {
    this.console = console;
  }

  void print(List<DnsCheck.Report> reports) {
    boolean first = true;
    for (DnsCheck.Report report : reports) {
      if (!first) {
        console.out().println();
      }
      first = false;
      print(report);
    }
  }

  private void print(DnsCheck.Report report) {
    console
        .out()
        .println(Table.paint(console, "1", Failures.oneLine(report.zone())) + "  " + sum(report));
    int check = 0;
    for (Finding finding : report.findings()) {
      check = Math.max(check, finding.check().length());
    }
    for (Finding finding : report.findings()) {
      String level = DnsCheckCommand.name(finding.level());
      String head =
          "  "
              + Table.paint(console, colour(finding.level()), level)
              + " ".repeat("warning".length() - level.length() + 2)
              + finding.check()
              + " ".repeat(check - finding.check().length() + 2);
      int indent = 2 + "warning".length() + 2 + check + 2;
      String where = Failures.oneLine(finding.where());
      String text = (where.isEmpty() ? "" : where + ": ") + Failures.oneLine(finding.found());
      write(head, indent, text, "");
      if (!finding.mend().isEmpty()) {
        write(
            " ".repeat(indent) + Table.paint(console, "2", "→ "),
            indent + 2,
            Failures.oneLine(finding.mend()),
            "2");
      }
    }
  }

  private void write(String head, int indent, String text, String sgr) {
    String start = head;
    for (String line : lines(text, console.width() - indent)) {
      console.out().println(start + (sgr.isEmpty() ? line : Table.paint(console, sgr, line)));
      start = " ".repeat(indent);
    }
  }

  private List<String> lines(String text, int width) {
    if (!console.outIsTerminal() || width < NARROWEST) {
      return List.of(text);
    }
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ")) {
      if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    lines.add(line.toString());
    return lines;
  }

  private String sum(DnsCheck.Report report) {
    StringJoiner sum = new StringJoiner(", ");
    for (Level level : List.of(Level.ERROR, Level.WARNING, Level.NOTE)) {
      long count = report.count(level);
      if (count > 0) {
        String what = count + " " + DnsCheckCommand.name(level) + (count == 1 ? "" : "s");
        sum.add(Table.paint(console, colour(level), what));
      }
    }
    boolean well = report.count(Level.ERROR) + report.count(Level.WARNING) == 0;
    return well
        ? Table.paint(console, colour(Level.OK), "all right")
            + (sum.length() == 0 ? "" : ", " + sum)
        : sum.toString();
  }

  private static String colour(Level level) {
    return switch (level) {
      case OK -> "32";
      case NOTE -> "36";
      case WARNING -> "33;1";
      case ERROR -> "31;1";
    };
  }
}
