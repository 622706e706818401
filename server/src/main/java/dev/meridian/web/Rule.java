package dev.meridian.web;

import dev.meridian.document.Expression;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.site.Rules;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An access rule of {@code site.yaml}, compiled: a CEL expression over
 *
 * <ul>
 *   <li>{@code auth}: {@code key} (whether a valid key came with the request), its {@code id} and
 *       {@code role}, {@code page} (whether a grant of one of the site's pages covers the write),
 *       {@code operator};
 *   <li>{@code request}: {@code method}, {@code path} (the document's address, decoded: {@code
 *       /data/users/7}; in a list, a watch or a batch each document's own), {@code time}
 *       (milliseconds since 1970), {@code ip};
 *   <li>{@code document}: the value as it is stored, null when there is none;
 *   <li>{@code value}: the value after the write, null for reads and deletes;
 *   <li>{@code session}: the attributes of the visitor's session, and {@code user}, who signed in,
 *       null for nobody. Empty without a session, where the site has none, and for writes that
 *       another site may have sent;
 *   <li>{@code user}: {@code signedIn}, {@code roles} (a list), and, of who is signed in, {@code
 *       id}, {@code name} and {@code claims}. Where nobody is, or {@code session} is empty for
 *       another reason, a rule that needs those does not allow.
 * </ul>
 *
 * Immutable.
 */
final class Rule {
  private static final Logger log = LoggerFactory.getLogger(Rule.class);

  private final Expression expression;

  private Rule(Expression expression) {
    this.expression = expression;
  }

  /**
   * What a rule is asked about.
   *
   * @param context the request
   * @param caller who sends it
   * @param path the path of the document that it is about, or of the collection
   * @param page whether a grant of one of the site's pages covers it
   * @param document the document's value before, as minified JSON; null when there is none, or the
   *     rule does not mention it
   * @param value the value after a write; null for deletes and reads, or when the rule does not
   *     mention it
   */
  @SuppressWarnings("ArrayRecordComponent") // shared, never changed
  record Subject(
      RequestContext context,
      Caller caller,
      String path,
      boolean page,
      byte @Nullable [] document,
      byte @Nullable [] value) {}

  /**
   * Compiles a rule.
   *
   * @throws InvalidInputException if it is no valid expression; the message says where
   */
  static Rule compile(String source) {
    return new Rule(Expression.compile(source, Rules.VARIABLES));
  }

  /** Whether it says the same as {@code other}. */
  boolean isSameAs(Rule other) {
    return expression.source().equals(other.expression.source());
  }

  /** Whether it is the same for everybody; asking it then costs nothing. */
  boolean isConstant() {
    return expression.isConstant();
  }

  /** Whether it lets everybody in. */
  boolean allowsEverybody() {
    return expression.isConstant() && expression.constantValue();
  }

  /** Whether the answer depends on the document as it is stored. */
  boolean mentionsDocument() {
    return expression.uses("document");
  }

  /**
   * Whether the answer may depend on the path, and so be another for each document of a collection.
   */
  boolean mentionsPath() {
    return expression.uses("request") && expression.source().contains("path");
  }

  /** Whether the answer depends on the visitor's session. */
  boolean mentionsSession() {
    return expression.uses("session") || mentionsUser();
  }

  private boolean mentionsUser() {
    return expression.uses("user");
  }

  /** Whether the answer depends on what the document would become. */
  boolean mentionsValue() {
    return expression.uses("value");
  }

  /** The answer; a rule that cannot be decided, for want of a field say, does not allow. */
  boolean allows(Subject subject) {
    if (expression.isConstant()) {
      return expression.constantValue();
    }
    Map<String, Object> variables = new HashMap<>();
    Caller caller = subject.caller;
    variables.put(
        "auth",
        Map.of(
            "key", caller.key(),
            "id", caller.id(),
            "role", caller.role(),
            "page", subject.page,
            "operator", caller.operator()));
    if (expression.uses("request")) {
      var request = subject.context.request();
      variables.put(
          "request",
          Map.of(
              "method", request.prologue().method().text(),
              "path", Target.PREFIX + "/" + subject.path,
              "time", System.currentTimeMillis(),
              "ip", subject.context.clientHost()));
    }
    if (mentionsUser()) {
      variables.put("user", subject.context.session().userForRules());
    }
    if (expression.uses("session")) {
      variables.put("session", subject.context.session().forRules());
    }
    if (mentionsDocument()) {
      variables.put("document", parse(subject.document));
    }
    if (mentionsValue()) {
      variables.put("value", parse(subject.value));
    }
    try {
      return expression.isTrue(variables);
    } catch (InvalidInputException e) {
      log.warn(
          "The access rule '{}' refuses a request it cannot decide: {}",
          expression,
          e.getMessage());
      return false;
    }
  }

  private static Json parse(byte @Nullable [] json) {
    return json == null ? Json.NULL : Json.parse(json);
  }
}
