package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import io.helidon.http.Status;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What was sent to {@code /account}: an HTML form, of which fields that are none of ours are left
 * alone, or an object in any format of the data API.
 *
 * @param form whether it is a form, whose answer is a page
 */
record AccountFields(boolean form, Map<String, String> values) {
  static final String NAME = "name";
  static final String PASSWORD = "password";
  static final String NEW_PASSWORD = "newPassword";
  static final String CSRF = "_csrf";
  static final String REDIRECT = "_redirect";

  private static final List<String> ALL = List.of(NAME, PASSWORD, NEW_PASSWORD, CSRF, REDIRECT);
  private static final int MAX_BODY = 16 << 10;
  private static final int MAX_FIELDS = 50;

  /** Copies. */
  AccountFields {
    values = Map.copyOf(values);
  }

  /** Without what was sent, which is secret. */
  @Override
  public String toString() {
    return "AccountFields" + values.keySet();
  }

  /**
   * Reads a request's body.
   *
   * @throws ProblemException if it is too long, or of another format
   * @throws InvalidInputException if it is not well-formed, or leads to another site
   */
  static AccountFields read(RequestContext context) {
    boolean form = Bodies.mediaType(context).equals(SessionForm.MEDIA_TYPE);
    byte[] body = Bodies.read(context, MAX_BODY);
    AccountFields fields =
        form
            ? new AccountFields(true, ofForm(new String(body, StandardCharsets.ISO_8859_1)))
            : new AccountFields(false, ofObject(context, body));
    String redirect = fields.get(REDIRECT);
    if (!redirect.isEmpty() && !SessionForm.isOwnPath(redirect)) {
      throw new InvalidInputException(
          "_redirect is a path of this site, such as /cart, with what is not ASCII escaped.");
    }
    return fields;
  }

  private static Map<String, String> ofForm(String body) {
    Map<String, String> values = new HashMap<>();
    List<String> pairs = Urlencoded.pairs(body, MAX_FIELDS);
    for (int i = 0; i < pairs.size(); i += 2) {
      String name = pairs.get(i);
      if (ALL.contains(name) && values.put(name, pairs.get(i + 1)) != null) {
        throw new InvalidInputException("The field '" + name + "' is there twice; keep one.");
      }
    }
    return values;
  }

  private static Map<String, String> ofObject(RequestContext context, byte[] body) {
    Map<String, String> values = new HashMap<>();
    if (body.length == 0) {
      return values;
    }
    Json json = Json.parse(Representation.ofBody(context, body));
    if (!(json instanceof Json.Obj(Map<String, Json> members))) {
      throw new InvalidInputException(
          "The body is an object, such as {\"name\":…,\"password\":…}.");
    }
    members.forEach(
        (name, value) -> {
          if (!(value instanceof Json.Str(String text))
              || name.startsWith("_")
              || !ALL.contains(name)) {
            throw new InvalidInputException(
                "The body has \"name\", \"password\" and \"newPassword\", as far as they are needed,"
                    + " all of them text, and nothing else.");
          }
          values.put(name, text);
        });
    return values;
  }

  /** The value; empty when it was not sent. */
  String get(String name) {
    return values.getOrDefault(name, "");
  }

  /**
   * The value.
   *
   * @throws ProblemException 400 if it was not sent
   */
  String required(String name) {
    String value = get(name);
    if (value.isEmpty()) {
      throw new ProblemException(
          Problem.of(
              Status.BAD_REQUEST_400,
              "bad-request",
              "The request is not valid",
              "'" + name + "' is missing."));
    }
    return value;
  }

  /** Where the page of the answer is, if it was said. */
  Optional<String> redirect() {
    String to = get(REDIRECT);
    return to.isEmpty() ? Optional.empty() : Optional.of(to);
  }
}
