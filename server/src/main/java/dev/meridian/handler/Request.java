package dev.meridian.handler;

import dev.meridian.document.Json;
import dev.meridian.store.Store;
import java.util.Optional;

/**
 * One request, as its {@link Handler} sees it. For the thread that it was given to.
 *
 * <p>GET must change nothing that matters (RFC 9110, section 9.2.1): any site can make a visitor's
 * browser send one. The other methods are refused when another site's page sent them with the
 * session's cookie.
 */
public interface Request {
  /** Longest body that is read, in bytes. */
  int MAX_BODY = 1 << 20;

  /** The method, such as {@code POST}. */
  String method();

  /** The path as it was sent, still percent-encoded. */
  String path();

  /**
   * What stands in the path where the route has {@code {name}}, decoded.
   *
   * @throws IllegalArgumentException if the route has no such name
   */
  String parameter(String name);

  /** The query's parameters. */
  Parameters query();

  /**
   * The fields of a form that was sent as {@code application/x-www-form-urlencoded}; without a
   * body, none. A form of another type is answered with 415.
   */
  Parameters form();

  /** The first header of this name, in any case. */
  Optional<String> header(String name);

  /** The body; empty if there is none. One of more than {@link #MAX_BODY} is answered with 413. */
  byte[] body();

  /**
   * The body as JSON.
   *
   * @throws dev.meridian.document.InvalidInputException if it is not
   */
  default Json json() {
    return Json.parse(body());
  }

  /**
   * The visitor's session.
   *
   * @throws IllegalStateException if the site has none: {@code sessions: on} in site.yaml
   */
  VisitorSession session();

  /** Who is signed in; nobody where the site has no accounts. */
  Optional<SignedIn> user();

  /**
   * The data, with all rights: access rules are for requests from outside, a handler is the site's
   * own. Only Meridian's own collections, whose names begin with {@code _}, are not there.
   *
   * <p>Session reads see all that this visitor wrote, on any node; and what is written here, their
   * later requests see on any node, if they have a session, or send the {@code Meridian-Session} of
   * the answer.
   */
  Store store();
}
