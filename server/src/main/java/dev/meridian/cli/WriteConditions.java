package dev.meridian.cli;

import dev.meridian.client.WriteOptions;
import dev.meridian.document.Version;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What a write from the command line may require and set. */
final class WriteConditions {
  @Option(
      names = "--if-match",
      paramLabel = "ETAG",
      description = "Only if the document is at this ETag ('data get --etag' shows it).")
  @Nullable String ifMatch;

  @Option(names = "--if-absent", description = "Only if there is no such document yet.")
  boolean ifAbsent;

  @Option(names = "--if-exists", description = "Only if there is such a document.")
  boolean ifExists;

  @Option(
      names = "--expires",
      paramLabel = "WHEN",
      description = "When it stops being served: 30s, 15m, 12h, 7d, or 2030-01-31T12:00:00Z.")
  @Nullable String expires;

  WriteOptions options() {
    int conditions = (ifMatch == null ? 0 : 1) + (ifAbsent ? 1 : 0) + (ifExists ? 1 : 0);
    if (conditions > 1) {
      throw new CliException(ExitCode.USAGE, "give one of --if-match, --if-absent and --if-exists");
    }
    WriteOptions options = WriteOptions.NONE;
    if (ifMatch != null) {
      options = WriteOptions.ifMatch(etag(ifMatch));
    } else if (ifAbsent) {
      options = WriteOptions.ifAbsent();
    } else if (ifExists) {
      options = WriteOptions.ifExists();
    }
    return options.withExpiresAt(expires == null ? null : instant(expires, Instant.now()));
  }

  /** An ETag as a person pastes it, with its quotes or without. */
  private static String etag(String text) {
    String bare =
        text.length() >= 2 && text.startsWith("\"") && text.endsWith("\"")
            ? text.substring(1, text.length() - 1)
            : text;
    return bare.equals("*") ? bare : Version.parse(bare).etag();
  }

  /** Reads {@code 7d} as counted from {@code now}, or a date with its time. */
  static Instant instant(String text, Instant now) {
    try {
      if (text.matches("[1-9][0-9]{0,8}[smhd]")) {
        long amount = Long.parseLong(text.substring(0, text.length() - 1));
        return now.plus(
            switch (text.charAt(text.length() - 1)) {
              case 's' -> Duration.ofSeconds(amount);
              case 'm' -> Duration.ofMinutes(amount);
              case 'h' -> Duration.ofHours(amount);
              default -> Duration.ofDays(amount);
            });
      }
      Instant when = Instant.parse(text);
      if (when.isAfter(now)) {
        return when;
      }
      throw new CliException(ExitCode.USAGE, "'" + Failures.oneLine(text) + "' is in the past");
    } catch (DateTimeException | ArithmeticException e) {
      throw new CliException(
          ExitCode.USAGE,
          "'"
              + Failures.oneLine(text)
              + "' is no time; write 30s, 15m, 12h, 7d, or a date such as 2030-01-31T12:00:00Z",
          e);
    }
  }
}
