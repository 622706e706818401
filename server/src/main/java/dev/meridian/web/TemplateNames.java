package dev.meridian.web;

import dev.meridian.site.Suggestions;
import io.pebbletemplates.pebble.error.RootAttributeNotFoundException;
import io.pebbletemplates.pebble.template.ScopeChain;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Variables of a template, where asking for a name that is not there is a mistake. Pebble has a
 * setting for that, but with it members of null and null in conditions are mistakes too, and in
 * documents, which have no schema, those are ordinary.
 */
final class TemplateNames extends HashMap<String, @Nullable Object> {
  private static final long serialVersionUID = 1;
  private final transient Predicate<String> elsewhere;

  private TemplateNames(Map<String, ? extends @Nullable Object> values, Predicate<String> other) {
    super(values);
    this.elsewhere = other;
  }

  /** These and no others. */
  static TemplateNames of(Map<String, ? extends @Nullable Object> values) {
    return new TemplateNames(values, _ -> false);
  }

  /** None of its own, in front of those that {@code scopes} has. */
  static TemplateNames within(ScopeChain scopes) {
    return new TemplateNames(Map.of(), scopes::containsKey);
  }

  @Override
  public @Nullable Object get(@Nullable Object name) {
    Object value = super.get(name);
    if (value == null && name instanceof String text && !containsKey(text)) {
      if (!elsewhere.test(text)) {
        throw new RootAttributeNotFoundException(null, missing(text, keySet()), text, 0, null);
      }
    }
    return value;
  }

  private static String missing(String name, Set<String> known) {
    return "there is no '"
        + name
        + "' here"
        + Suggestions.didYouMean(name, known).replaceFirst("\\.$", "")
        + "; where it may be missing, write '"
        + name
        + " | default(...)' or '"
        + name
        + " is defined'.";
  }
}
