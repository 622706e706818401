package dev.meridian.site;

/**
 * Who may read and who may write, as CEL expressions over {@code auth} (who asks), {@code request}
 * and {@code document}; {@code true} admits everybody.
 *
 * @param read for reads, lists and watches
 * @param write for writes
 */
public record Rules(String read, String write) {
  /** Open for readers; writers need an API key or come from the site's own pages. */
  public static final Rules DEFAULT = new Rules("true", "auth.key || auth.page");
}
