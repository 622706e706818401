package dev.meridian.torture;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A visitor's cookies, as a browser keeps them: what the last answer set, whichever request it was
 * for. Beside them, what they say that the visitor has seen. Any thread.
 */
final class CookieJar {
  /**
   * What goes with a request.
   *
   * @param cookies as in {@code Cookie}; empty for none
   * @param token the session token that they stand for
   */
  record Sent(String cookies, String token) {}

  /** Guarded by this. */
  private final Map<String, String> cookies = new TreeMap<>();

  private String token = "";
  private String all = "";

  synchronized Sent sent() {
    StringBuilder text = new StringBuilder();
    cookies.forEach(
        (name, value) ->
            text.append(text.isEmpty() ? "" : "; ").append(name).append('=').append(value));
    return new Sent(text.toString(), token);
  }

  /**
   * Takes the cookies of an answer.
   *
   * @param set the values of {@code Set-Cookie}
   * @param seen the token that the answer told
   */
  synchronized void take(List<String> set, String seen) {
    for (String line : set) {
      String pair = line.substring(0, line.indexOf(';') < 0 ? line.length() : line.indexOf(';'));
      int equals = pair.indexOf('=');
      if (equals > 0) {
        String name = pair.substring(0, equals);
        cookies.put(name, pair.substring(equals + 1));
        token = name.endsWith("-seen") ? seen : token;
      }
    }
    all = Tokens.merge(all, seen);
  }

  /** What all answers together told. */
  synchronized String all() {
    return all;
  }
}
