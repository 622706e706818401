package dev.meridian.web;

import dev.meridian.site.Problem;
import dev.meridian.site.Site;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The templates in use, read again when their files change: at the next request in development,
 * within a second otherwise, where a set with a page that could not be shown is not taken. Whatever
 * is wrong with them is in the log before anybody asks for the page. Safe for any thread.
 */
final class LivePages {
  private static final Logger log = LoggerFactory.getLogger(LivePages.class);

  /** How long a set of templates is used unlooked at, when not in development. */
  private static final long TRUST_NANOS = 1_000_000_000L;

  private final Supplier<Site> site;
  private final TemplateFunctions functions;
  private final boolean development;
  private final ReentrantLock loading = new ReentrantLock();
  private volatile @Nullable Loaded loaded;

  /** A set of templates, the site it was checked with, and when its files were last looked at. */
  private record Loaded(PageSet set, Site site, long lookedNanos, @Nullable String refused) {
    boolean isOf(Site other) {
      return site.pages().equals(other.pages());
    }
  }

  LivePages(Supplier<Site> site, TemplateFunctions functions, boolean development) {
    this.site = site;
    this.functions = functions;
    this.development = development;
  }

  /** The templates to answer the request at hand with. */
  PageSet current() {
    Loaded now = loaded;
    Site site = this.site.get();
    boolean usable = now != null && !development && now.isOf(site);
    if (now != null && usable && System.nanoTime() - now.lookedNanos < TRUST_NANOS) {
      return now.set;
    }
    if (now != null && usable) {
      // One request looks; the others go on with what there is.
      if (!loading.tryLock()) {
        return now.set;
      }
    } else {
      loading.lock();
    }
    try {
      Loaded fresh = look(loaded, site);
      loaded = fresh;
      return fresh.set;
    } finally {
      loading.unlock();
    }
  }

  private Loaded look(@Nullable Loaded before, Site site) {
    long looked = System.nanoTime();
    int limit = site.limits().pageBytes();
    boolean known = before != null && before.isOf(site);
    if (before != null && known && before.set.isCurrent(site.pages(), limit)) {
      if (before.site != site) {
        reportSoon(before.set, site);
      }
      return new Loaded(before.set, site, looked, null);
    }
    PageSet set = PageSet.read(site.pages(), functions, limit);
    if (before != null && known && !development) {
      List<Problem> problems = SiteCheck.failures(set, site);
      if (!problems.isEmpty()) {
        if (!set.fingerprint().equals(before.refused)) {
          log.warn("The pages as they were stay in use, because the new ones have mistakes:");
          problems.forEach(problem -> log.warn("{}", problem));
        }
        return new Loaded(before.set, site, looked, set.fingerprint());
      }
    }
    reportSoon(set, site);
    return new Loaded(set, site, looked, null);
  }

  /**
   * Logs what is wrong, beside the request: reading expressions loads CEL, which takes a second.
   */
  private static void reportSoon(PageSet set, Site site) {
    Thread.ofVirtual()
        .name("page-check")
        .start(
            () -> {
              try {
                SiteCheck.failures(set, site).forEach(problem -> log.error("{}", problem));
                SiteCheck.doubts(set, site).forEach(problem -> log.warn("{}", problem));
              } catch (RuntimeException e) {
                log.error("The pages could not be checked", e);
              }
            });
  }
}
