package dev.meridian.handler;

import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import java.util.Optional;

/**
 * The session of the visitor who sent a request: stored on all nodes, made by the first write.
 *
 * <p><b>Attributes are what visitors say of themselves.</b> Whoever has the session can set any of
 * them to anything, by {@code /session}. A cart and a theme belong here; prices, rights and who
 * somebody is do not: those are {@link #user}, {@link Request#user} and documents.
 *
 * <p>Each write is one atomic, durable change where the session is stored, so that what other tabs
 * do at the same time is kept; what this shows afterwards has it.
 *
 * <p>Attributes have names of 1 to 64 letters, digits, {@code _} and {@code -} that begin with a
 * letter; all of them have at most 64 KiB of JSON.
 */
public interface VisitorSession {
  /**
   * Names the session for good, also when its cookie changes; empty without one. Nobody but its
   * visitor and the operator can know it.
   */
  String id();

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

  /**
   * Changes attributes by a patch, all of it or nothing. The tests of a JSON Patch (RFC 6902) make
   * it conditional.
   *
   * @return whether it was done; false if it does not fit, as when a test fails
   */
  boolean patch(Patch patch);

  /** Appends to an attribute that is a list, and makes the list if there is none. */
  void append(String name, Json value);

  /** Leaves a message for the next page that shows messages, of 1,000 bytes at most. */
  void flash(String message);

  /** The id of who is signed in; {@link Request#user} tells more. */
  Optional<String> user();

  /** The token that shows that a form is the site's own; empty without a session. */
  String csrfToken();

  /** Ends the session and takes its cookie back. */
  void end();
}
