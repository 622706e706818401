package dev.meridian.web;

import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Rules;
import dev.meridian.site.Site;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The access rules of one state of the site, compiled. A collection that {@code site.yaml} does not
 * declare has the rules of the nearest declared one above it, so that what lies below a closed
 * collection is closed; where there is none, the site's own. All such collections share their
 * compiled rules, so that made-up names cost nothing.
 */
final class SiteRules {
  /**
   * A collection's settings and compiled rules.
   *
   * @param settings what {@code site.yaml} says; of an undeclared collection, the defaults
   * @param cacheControl for answers that everybody may have and that do not expire
   */
  record Entry(CollectionSettings settings, Rule read, Rule write, Header cacheControl) {
    Entry(CollectionSettings settings, Rule read, Rule write) {
      this(
          settings,
          read,
          write,
          HeaderValues.createCached(
              HeaderNames.CACHE_CONTROL, settings.cacheControl().value(Long.MAX_VALUE)));
    }
  }

  private final Site site;
  private final Map<String, Entry> declared;

  /** By the pattern of a declared collection: of undeclared ones below it. */
  private final Map<String, Entry> below;

  private final Entry others;

  private SiteRules(
      Site site, Map<String, Entry> declared, Map<String, Entry> below, Entry others) {
    this.site = site;
    this.declared = declared;
    this.below = below;
    this.others = others;
  }

  /** Compiles. Rules were checked when the site was read. */
  static SiteRules compile(Site site) {
    Map<String, Entry> declared = new HashMap<>();
    Map<String, Entry> below = new HashMap<>();
    site.collections()
        .forEach(
            (pattern, settings) -> {
              Entry entry = entry(settings, settings.rules());
              declared.put(pattern, entry);
              CollectionSettings none = CollectionSettings.defaults("", settings.rules());
              below.put(pattern, new Entry(none, entry.read(), entry.write()));
            });
    return new SiteRules(
        site, declared, below, entry(CollectionSettings.defaults("", site.rules()), site.rules()));
  }

  private static Entry entry(CollectionSettings settings, Rules rules) {
    return new Entry(settings, Rule.compile(rules.read()), Rule.compile(rules.write()));
  }

  Site site() {
    return site;
  }

  /** The entry for a path of a document or a collection. */
  Entry of(List<String> segments) {
    if (segments.size() <= 2) {
      return declared.getOrDefault(segments.getFirst(), others);
    }
    StringBuilder pattern = new StringBuilder();
    int names = segments.size() - 1 + segments.size() % 2;
    for (int i = 0; i < names; i++) {
      pattern.append(i == 0 ? "" : "/").append(i % 2 == 0 ? segments.get(i) : "*");
    }
    String name = pattern.toString();
    Entry entry = declared.get(name);
    while (entry == null) {
      int above = name.lastIndexOf("/*/");
      if (above < 0) {
        return others;
      }
      name = name.substring(0, above);
      entry = below.get(name);
    }
    return entry;
  }
}
