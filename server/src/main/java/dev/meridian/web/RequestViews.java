package dev.meridian.web;

import dev.meridian.cache.Making;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What templates see of a request, with a note of what they looked at. */
final class RequestViews {
  private final @Nullable Making making;
  private final Set<String> looked = new TreeSet<>();

  /**
   * Views for one page.
   *
   * @param making told when the page looks at what it must not be kept with
   */
  RequestViews(@Nullable Making making) {
    this.making = making;
  }

  private void refuse() {
    if (making != null) {
      making.refuse();
    }
  }

  /** The parameters of the query that were looked at. */
  List<String> parameters() {
    return new ArrayList<>(looked);
  }

  /** The query's parameters: each that is asked for by its name is noted. */
  Map<String, Object> query(Map<String, Object> query) {
    return new View(query) {
      @Override
      void looksAt(String name) {
        looked.add(name);
        if (looked.size() > PageCache.MAX_PARAMETERS) {
          refuse();
        }
      }
    };
  }

  /** Path, method and whether it came over TLS; a page may be kept that does not ask how. */
  Map<String, Object> request(Map<String, Object> request) {
    return new View(request) {
      @Override
      void looksAt(String name) {
        if (name.equals("method")) {
          refuse();
        }
      }
    };
  }

  private abstract class View extends AbstractMap<String, Object> {
    private final Map<String, Object> members;

    View(Map<String, Object> members) {
      this.members = members;
    }

    abstract void looksAt(String name);

    @Override
    public @Nullable Object get(@Nullable Object name) {
      if (!(name instanceof String text)) {
        return null;
      }
      looksAt(text);
      return members.get(text);
    }

    @Override
    public boolean containsKey(@Nullable Object name) {
      return get(name) != null;
    }

    /** Whoever looks at all of it, looks at what is not there, too. */
    @Override
    public Set<Entry<String, Object>> entrySet() {
      refuse();
      return members.entrySet();
    }
  }
}
