package dev.meridian.web;

import dev.meridian.site.CollectionSettings;
import dev.meridian.site.Rules;
import dev.meridian.site.Site;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The access rules of one state of the site, compiled. Collections that {@code site.yaml} does not
 * declare share the site's own rules, so that made-up collection names cost nothing.
 */
final class SiteRules {
  /**
   * A collection's settings and compiled rules.
   *
   * @param settings what {@code site.yaml} says; of an undeclared collection, the defaults
   */
  record Entry(CollectionSettings settings, Rule read, Rule write) {}

  private final Site site;
  private final Map<String, Entry> declared;
  private final Entry others;

  private SiteRules(Site site, Map<String, Entry> declared, Entry others) {
    this.site = site;
    this.declared = declared;
    this.others = others;
  }

  /** Compiles. Rules were checked when the site was read. */
  static SiteRules compile(Site site) {
    Map<String, Entry> declared = new HashMap<>();
    site.collections()
        .forEach((pattern, settings) -> declared.put(pattern, entry(settings, settings.rules())));
    return new SiteRules(
        site, declared, entry(CollectionSettings.defaults("", site.rules()), site.rules()));
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
    return declared.getOrDefault(pattern.toString(), others);
  }
}
