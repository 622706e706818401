package dev.meridian.web;

import dev.meridian.document.Json;
import java.util.AbstractMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The user as templates see them: as rules do. Read when the template first asks, and the page is
 * this visitor's alone from then on.
 */
final class UserView extends AbstractMap<String, @Nullable Object> {
  private final BrowserSession session;

  /** What {@link #members} was made of. */
  private Json read = Json.NULL;

  private Map<String, @Nullable Object> members = Map.of();

  UserView(BrowserSession session) {
    this.session = session;
  }

  @Override
  public Set<Entry<String, @Nullable Object>> entrySet() {
    return members().entrySet();
  }

  @Override
  public @Nullable Object get(@Nullable Object name) {
    return members().get(name);
  }

  @Override
  public boolean containsKey(@Nullable Object name) {
    return members().containsKey(name);
  }

  private Map<String, @Nullable Object> members() {
    session.personal();
    if (session.userForRules() instanceof Json.Obj now && !now.equals(read)) {
      members = TemplateValues.members(now);
      read = now;
    }
    return members;
  }
}
