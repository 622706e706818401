package dev.meridian.handler;

import dev.meridian.document.Json;
import java.util.Optional;

/**
 * The session of the visitor who sent a request: stored on all nodes, made by the first write. Each
 * write is one atomic, durable change where the session is stored, so that what other tabs do at
 * the same time is kept; what this shows afterwards has it.
 *
 * <p>Attributes have names of 1 to 64 letters, digits, {@code _} and {@code -} that begin with a
 * letter; all of them have at most 64 KiB of JSON.
 */
public interface VisitorSession {
  /** Whether there is one. */
  boolean exists();

  /** All attributes; none without a session. */
  Json.Obj attributes();

  /** An attribute. */
  default Optional<Json> get(String name) {
    return Optional.ofNullable(attributes().members().get(name));
  }

  /** An attribute that is a text. */
  default Optional<String> text(String name) {
    return get(name)
        .flatMap(
            json -> json instanceof Json.Str(String text) ? Optional.of(text) : Optional.empty());
  }

  /** Sets an attribute. */
  void set(String name, Json value);

  /** Sets an attribute to a text. */
  default void set(String name, String text) {
    set(name, new Json.Str(text));
  }

  /** Removes an attribute. */
  void remove(String name);

  /**
   * Adds to a number, from 0 where there is none.
   *
   * @param field an attribute, or a member of one, such as {@code cart.tea}
   */
  void add(String field, long amount);

  /** Appends to an attribute that is a list, and makes the list if there is none. */
  void append(String name, Json value);

  /** Leaves a message for the next page that shows messages, of 1,000 bytes at most. */
  void flash(String message);

  /** Who is signed in. */
  Optional<String> user();

  /** The token that shows that a form is the site's own; empty without a session. */
  String csrfToken();

  /** Ends the session and takes its cookie back. */
  void end();
}
