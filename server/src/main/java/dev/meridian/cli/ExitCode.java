package dev.meridian.cli;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the commands' exit codes mean; scripts rely on them, so they never change meaning. */
final class ExitCode {
  static final int OK = 0;
  static final int FAILED = 1;
  static final int USAGE = 2;
  static final int NOT_FOUND = 3;
  static final int PRECONDITION = 4;
  static final int UNREACHABLE = 5;
  static final int REFUSED = 6;
  static final int INTERRUPTED = 130;

  /** For the end of every help text. */
  static final Map<String, String> DOCUMENTED = documented();

  private ExitCode() {}

  private static Map<String, String> documented() {
    Map<String, String> codes = new LinkedHashMap<>();
    codes.put("0", "done");
    codes.put("1", "failed; the line on standard error says why");
    codes.put("2", "the command was not understood; nothing was done");
    codes.put("3", "the document, key or file is not there");
    codes.put("4", "a precondition did not hold, such as --if-match; nothing was done");
    codes.put("5", "no server could be reached, or it is not ready");
    codes.put("6", "the server refused the key, or wants one");
    codes.put("130", "interrupted");
    return Collections.unmodifiableMap(codes);
  }
}
