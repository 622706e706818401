package dev.meridian.handler;

import dev.meridian.document.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * An answer. Immutable: what changes one gives another.
 *
 * <p>Unless its {@code Cache-Control} says otherwise, browsers keep it for its visitor alone and
 * ask before each use.
 */
public final class Response {
  /** Headers that are the connection's, or the server's to set. */
  private static final Set<String> NOT_OURS =
      Set.of(
          "connection",
          "content-length",
          "keep-alive",
          "te",
          "trailer",
          "transfer-encoding",
          "upgrade");

  private static final String TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
  private static final String UNRESERVED =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  private static final int MAX_HEADERS = 100;

  /**
   * One header.
   *
   * @param name as it was given
   * @param value without control characters
   */
  public record Header(String name, String value) {}

  private final int status;
  private final List<Header> headers;
  private final byte[] body;
  private final Optional<String> problem;

  private Response(int status, List<Header> headers, byte[] body, Optional<String> problem) {
    this.status = status;
    this.headers = List.copyOf(headers);
    this.body = body;
    this.problem = problem;
  }

  /** 200 with plain text. */
  public static Response text(String text) {
    return of("text/plain; charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
  }

  /** 200 with a page, as it is: what comes from visitors must have been escaped. */
  public static Response html(String html) {
    return of("text/html; charset=utf-8", html.getBytes(StandardCharsets.UTF_8));
  }

  /** 200 with JSON. */
  public static Response json(Json json) {
    return of("application/json", json.toBytes());
  }

  /** 200 with {@code body}, which must not be changed afterwards. */
  public static Response of(String type, byte[] body) {
    return new Response(200, List.of(), body, Optional.empty()).header("Content-Type", type);
  }

  /** 204, no body. */
  public static Response noContent() {
    return new Response(204, List.of(), new byte[0], Optional.empty());
  }

  /**
   * 303: the browser asks for another address with GET. The answer to a form.
   *
   * @param location such as {@code /cart}, or {@link #path}; one that came from the visitor must be
   *     checked first, or others send people from your site to theirs
   * @throws IllegalArgumentException if it holds what is not ASCII: {@link #path} encodes it
   */
  public static Response redirect(String location) {
    return noContent().status(303).header("Location", location);
  }

  /** An address of this site, such as {@code /products/gr%C3%BCn} of {@code products, grün}. */
  public static String path(String... segments) {
    StringBuilder path = new StringBuilder();
    for (String segment : segments) {
      path.append('/');
      for (byte b : segment.getBytes(StandardCharsets.UTF_8)) {
        if (UNRESERVED.indexOf(b) >= 0) {
          path.append((char) b);
        } else {
          path.append('%').append(HexFormat.of().withUpperCase().toHexDigits(b));
        }
      }
    }
    return path.isEmpty() ? "/" : path.toString();
  }

  /** 404, as the site's page for that, or as a problem document. */
  public static Response notFound() {
    return problem(404, "There is nothing at this address.");
  }

  /**
   * A failure, as the site's error page for browsers and as a problem document (RFC 9457) for
   * programs.
   *
   * @param status 400 to 599
   * @param detail what was wrong with this request, and how to mend it
   */
  public static Response problem(int status, String detail) {
    if (status < 400 || status > 599) {
      throw new IllegalArgumentException("A problem's status is 400 to 599; it was " + status);
    }
    return new Response(status, List.of(), new byte[0], Optional.of(detail));
  }

  /** The same with another status, 200 to 599. */
  public Response status(int other) {
    if (other < 200 || other > 599) {
      throw new IllegalArgumentException("A status is 200 to 599; it was " + other);
    }
    return new Response(other, headers, body, problem);
  }

  /**
   * The same with a header. One of the same name gives way, except for {@code Set-Cookie}.
   *
   * @throws IllegalArgumentException if it cannot be one, or is the server's to set
   */
  public Response header(String name, String value) {
    if (!name.matches(TOKEN)) {
      throw new IllegalArgumentException("A header cannot have the name '" + name + "'");
    }
    if (NOT_OURS.contains(name.toLowerCase(Locale.ROOT))) {
      throw new IllegalArgumentException("The header " + name + " is set by the server");
    }
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if ((c < 0x20 && c != '\t') || c >= 0x7f) {
        throw new IllegalArgumentException(
            "The header "
                + name
                + " holds a character that is no printable ASCII: percent-encode it, or what it"
                + " came from adds headers of its own");
      }
    }
    List<Header> more = new ArrayList<>(headers);
    if (!name.equalsIgnoreCase("Set-Cookie")) {
      more.removeIf(header -> header.name.equalsIgnoreCase(name));
    }
    if (more.size() == MAX_HEADERS) {
      throw new IllegalArgumentException("A response has at most " + MAX_HEADERS + " headers");
    }
    more.add(new Header(name, value));
    return new Response(status, more, body, problem);
  }

  /** The status. */
  public int status() {
    return status;
  }

  /** The headers that were given. */
  public List<Header> headers() {
    return headers;
  }

  /** The first header of this name, in any case. */
  public Optional<String> header(String name) {
    return headers.stream()
        .filter(header -> header.name.equalsIgnoreCase(name))
        .map(Header::value)
        .findFirst();
  }

  /** The body; shared, not to be changed. */
  public byte[] body() {
    return body;
  }

  /** The body as UTF-8. */
  public String text() {
    return new String(body, StandardCharsets.UTF_8);
  }

  /** What was wrong, if this is a {@link #problem(int, String)}. */
  public Optional<String> problem() {
    return problem;
  }
}
