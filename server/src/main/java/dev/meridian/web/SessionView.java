package dev.meridian.web;

import dev.meridian.session.Session;
import java.util.AbstractMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The session as templates see it: its attributes, and {@code user}. Empty without a session. It is
 * read when the template first asks, and the page is this visitor's alone from then on.
 */
final class SessionView extends AbstractMap<String, @Nullable Object> {
  private final BrowserSession session;

  /** What {@link #members} was made of. */
  private Optional<Session> read = Optional.empty();

  private Map<String, @Nullable Object> members = Map.of();

  SessionView(BrowserSession session) {
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
    Optional<Session> now = session.find();
    if (now.isPresent() && !now.equals(read)) {
      members = TemplateValues.members(BrowserSession.attributes(now.get()));
    } else if (now.isEmpty()) {
      members = Map.of();
    }
    read = now;
    return members;
  }
}
