package dev.meridian.site;

import dev.meridian.document.Expression;
import java.util.Map;

/**
 * Who may read and who may write, as CEL expressions over {@code auth} (who asks), {@code request}
 * and {@code document}; {@code true} admits everybody.
 *
 * @param read for reads, lists and watches
 * @param write for writes
 */
public record Rules(String read, String write) {
  /**
   * Open for readers; writers need an API key or come from the site's own pages. (Keys of role
   * reader write nothing, whatever a rule says.)
   */
  public static final Rules DEFAULT = new Rules("true", "auth.key || auth.page");

  /**
   * What rules may speak of: who asks, the request, the document as it is stored, the value that a
   * write would make of it, the visitor's session, and the user who signed in.
   */
  public static final Map<String, Expression.Type> VARIABLES =
      Map.of(
          "auth", Expression.Type.MAP,
          "request", Expression.Type.MAP,
          "document", Expression.Type.DYN,
          "value", Expression.Type.DYN,
          "session", Expression.Type.MAP,
          "user", Expression.Type.MAP);
}
