package dev.meridian.site;

import dev.meridian.document.CollectionPath;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a team deploys: a folder with {@code site.yaml}, {@code pages/} and {@code public/}, read
 * and checked. Immutable; a changed file makes a new one.
 *
 * @param folder the site's folder, absolute
 * @param name what people call it
 * @param domains the names it answers to, lower case, without the last dot; the first is the main
 *     one
 * @param listeners where it listens unless flags say otherwise
 * @param tls certificate files for the web listener
 * @param rules access rules for collections that declare none
 * @param collections settings by collection pattern ({@link CollectionPath#pattern}), in the order
 *     of {@code site.yaml}: seeds are imported in this order
 * @param names what the name server answers
 * @param limits bounds on what requests may ask
 * @param sessions how sessions of visitors live; empty: there are none
 * @param accounts accounts of users, which need sessions; empty: there are none
 * @param cacheBytes most heap for a node's near cache, 0 for none; empty when nothing is said
 * @param pageCacheBytes the same for the pages that it keeps
 * @param trustedProxies who is believed where requests came from
 */
public record Site(
    Path folder,
    String name,
    List<String> domains,
    Listeners listeners,
    Optional<Tls> tls,
    Rules rules,
    Map<String, CollectionSettings> collections,
    Names names,
    Limits limits,
    Optional<SessionSettings> sessions,
    Optional<AccountSettings> accounts,
    OptionalLong cacheBytes,
    OptionalLong pageCacheBytes,
    TrustedProxies trustedProxies) {
  /** Copies. */
  public Site {
    domains = List.copyOf(domains);
    collections = Collections.unmodifiableMap(new LinkedHashMap<>(collections));
  }

  /** A site without proxies. */
  public Site(
      Path folder,
      String name,
      List<String> domains,
      Listeners listeners,
      Optional<Tls> tls,
      Rules rules,
      Map<String, CollectionSettings> collections,
      Names names,
      Limits limits,
      Optional<SessionSettings> sessions,
      Optional<AccountSettings> accounts,
      OptionalLong cacheBytes,
      OptionalLong pageCacheBytes) {
    this(
        folder,
        name,
        domains,
        listeners,
        tls,
        rules,
        collections,
        names,
        limits,
        sessions,
        accounts,
        cacheBytes,
        pageCacheBytes,
        TrustedProxies.NONE);
  }

  /** A site without accounts that says nothing of kept pages. */
  public Site(
      Path folder,
      String name,
      List<String> domains,
      Listeners listeners,
      Optional<Tls> tls,
      Rules rules,
      Map<String, CollectionSettings> collections,
      Names names,
      Limits limits,
      Optional<SessionSettings> sessions,
      OptionalLong cacheBytes) {
    this(
        folder,
        name,
        domains,
        listeners,
        tls,
        rules,
        collections,
        names,
        limits,
        sessions,
        Optional.empty(),
        cacheBytes,
        OptionalLong.empty());
  }

  /** A site without sessions that says nothing of caches. */
  public Site(
      Path folder,
      String name,
      List<String> domains,
      Listeners listeners,
      Optional<Tls> tls,
      Rules rules,
      Map<String, CollectionSettings> collections,
      Names names,
      Limits limits) {
    this(
        folder,
        name,
        domains,
        listeners,
        tls,
        rules,
        collections,
        names,
        limits,
        Optional.empty(),
        OptionalLong.empty());
  }

  /** The folder of templates; it need not exist. */
  public Path pages() {
    return folder.resolve("pages");
  }

  /** The folder of static files; it need not exist. */
  public Path publicFiles() {
    return folder.resolve("public");
  }

  /**
   * The settings of a collection: its own, or the defaults with the rules of the nearest declared
   * collection above it.
   */
  public CollectionSettings settings(CollectionPath collection) {
    CollectionSettings own = collections.get(collection.pattern());
    return own != null
        ? own
        : CollectionSettings.defaults(
            collection.pattern(), rulesAbove(collection.pattern(), collections, rules));
  }

  /** The rules of the nearest of {@code collections} above {@code pattern}. */
  static Rules rulesAbove(
      String pattern, Map<String, CollectionSettings> collections, Rules otherwise) {
    String above = pattern;
    for (int end; (end = above.lastIndexOf("/*/")) >= 0; ) {
      above = above.substring(0, end);
      CollectionSettings found = collections.get(above);
      if (found != null) {
        return found.rules();
      }
    }
    return otherwise;
  }
}
