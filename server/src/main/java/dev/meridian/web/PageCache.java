package dev.meridian.web;

import dev.meridian.cache.CachedStore;
import dev.meridian.cache.Derived;
import dev.meridian.cache.Making;
import dev.meridian.site.Site;
import dev.meridian.store.SessionToken;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Pages as they were made, for as long as nothing changed that they were made of: documents, places
 * without one, collections, templates, {@code site.yaml}, files. What a page is made of is noted
 * while it is made; one that looked at anything of its visitor's is not kept. A page is found by
 * its address, its form and those parameters of the query that it looks at, and by whoever may have
 * it as {@link Derived} says.
 *
 * <p>Many who ask at once for a page that is not there wait for the first of them. Safe for any
 * thread.
 */
public final class PageCache implements AutoCloseable {
  /** So long a request waits for another's page, and then makes its own. */
  static final Duration JOIN_WAIT = Duration.ofSeconds(1);

  /** Most parameters that a kept page may look at. */
  static final int MAX_PARAMETERS = 16;

  /** Longest query, in characters, with which a page is looked for. */
  static final int MAX_QUERY_CHARS = 1024;

  /**
   * A page with a grant is kept so long: grants are signed with a secret whose change no feed tells
   * of, and which is itself used for so long.
   */
  static final Duration GRANT_LIFE = Grants.SECRET_AGE;

  private final Derived<PageAnswer> pages;
  private final MeterRegistry registry;
  private final List<Meter> meters = new ArrayList<>();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder shared = new LongAdder();
  private final LongAdder passed = new LongAdder();
  private final ConcurrentHashMap<String, CountDownLatch> flights = new ConcurrentHashMap<>();
  private volatile @Nullable Era era;

  /** Templates and a site that do not change; pages are of one, and void in another. */
  private record Era(PageSet set, Site site, Map<String, Shape> shapes) {}

  /**
   * What is known of a template by the pages that it made.
   *
   * @param parameters of the query that it looked at, in order
   * @param kept whether the last page was kept
   */
  private record Shape(List<String> parameters, boolean kept) {
    static final Shape NEW = new Shape(List.of(), true);
  }

  private PageCache(CachedStore store, long maxBytes, MeterRegistry registry) {
    this.pages = store.derive(maxBytes, PageAnswer::bytes);
    this.registry = registry;
    count("hit", hits);
    count("miss", misses);
    count("shared", shared);
    count("passed", passed);
    count("evictions", "Pages that had to make room", pages::evictions);
    count("drops", "Pages that went because something changed that they show", pages::drops);
    gauge("size", "bytes", "Bytes of heap that pages take", pages::bytes);
    gauge("max", "bytes", "Most bytes that pages may take", pages::maxBytes);
    gauge("entries", null, "Pages that are kept", pages::size);
  }

  /**
   * Keeps pages that are made of what {@code store} holds, as long as that is open.
   *
   * @param maxBytes most bytes of heap, about; 0 to keep none
   */
  public static PageCache over(CachedStore store, long maxBytes, MeterRegistry registry) {
    return new PageCache(store, maxBytes, registry);
  }

  private void count(String result, LongAdder requests) {
    meters.add(
        FunctionCounter.builder("meridian.pages.requests", requests, LongAdder::sum)
            .description(
                "Requests for pages: found, made, made by another meanwhile, or not looked for")
            .tag("result", result)
            .register(registry));
  }

  private void count(String name, String description, LongSupplier value) {
    meters.add(
        FunctionCounter.builder("meridian.pages." + name, value, LongSupplier::getAsLong)
            .description(description)
            .register(registry));
  }

  private void gauge(String name, @Nullable String unit, String description, LongSupplier value) {
    meters.add(
        Gauge.builder("meridian.pages." + name, value, LongSupplier::getAsLong)
            .description(description)
            .baseUnit(unit)
            .strongReference(true)
            .register(registry));
  }

  /** Bounds it anew; with 0 no page is kept. */
  public void limit(long maxBytes) {
    pages.limit(maxBytes);
  }

  /**
   * How it is doing.
   *
   * @param hits requests answered with a page that was there
   * @param misses requests whose page was made
   * @param shared requests answered with a page that another request made meanwhile
   * @param passed requests for which no page was looked for, by their address or query
   */
  public record Status(
      long bytes,
      long maxBytes,
      long entries,
      long hits,
      long misses,
      long shared,
      long passed,
      long evictions,
      long drops) {}

  /** How it is doing. */
  public Status status() {
    return new Status(
        pages.bytes(),
        pages.maxBytes(),
        pages.size(),
        hits.sum(),
        misses.sum(),
        shared.sum(),
        passed.sum(),
        pages.evictions(),
        pages.drops());
  }

  private Era era(PageSet set, Site site) {
    Era now = era;
    if (now == null || now.set != set || now.site != site) {
      now = new Era(set, site, new ConcurrentHashMap<>());
      era = now;
      pages.clear();
    }
    return now;
  }

  /**
   * Looks for a page.
   *
   * @param form what tells the forms of an address apart
   * @param address the path as it was sent, and its segments
   * @param query the request's parameters
   * @param token what the visitor has seen
   */
  Visit visit(
      PageSet set,
      Site site,
      String template,
      String form,
      SitePath path,
      String address,
      Map<String, Object> query,
      int queryChars,
      SessionToken token) {
    boolean usable =
        pages.maxBytes() > 0 && queryChars <= MAX_QUERY_CHARS && isCanonical(path, address);
    if (!usable) {
      passed.increment();
      return new Visit(era(set, site), template, null, query, token);
    }
    return new Visit(era(set, site), template, form + "\n" + address + "\n", query, token);
  }

  /** An address that is spelt otherwise is answered, but fills no place of its own. */
  private static boolean isCanonical(SitePath path, String address) {
    if (address.indexOf('%') < 0) {
      return true;
    }
    int end = address.length() - (path.folder() ? 1 : 0);
    StringBuilder plain = new StringBuilder(address.length());
    for (String segment : path.segments()) {
      plain.append('/').append(SitePath.encode(segment));
    }
    return plain.length() == end && address.startsWith(plain.toString());
  }

  /** One request for a page: finds it, or makes it. Confined to its thread, which closes it. */
  final class Visit implements AutoCloseable {
    private final Era era;
    private final String template;
    private final @Nullable String start;
    private final Map<String, Object> query;
    private final SessionToken token;
    private @Nullable Making making;
    private @Nullable CountDownLatch flight;
    private String flightKey = "";

    private Visit(
        Era era,
        String template,
        @Nullable String start,
        Map<String, Object> query,
        SessionToken token) {
      this.era = era;
      this.template = template;
      this.start = start;
      this.query = query;
      this.token = token;
    }

    private Shape shape() {
      return era.shapes.getOrDefault(template, Shape.NEW);
    }

    /** Each with its length, so that no value can look like two. */
    private String key(String begin, List<String> parameters) {
      if (parameters.isEmpty()) {
        return begin;
      }
      StringBuilder key = new StringBuilder(begin);
      for (String name : parameters) {
        key.append(name.length()).append(':').append(name);
        // A parameter without a value is an empty text to its page; one that is not there is null.
        if (query.get(name) instanceof String value) {
          key.append('=').append(value.length()).append(':').append(value);
        }
        key.append('\n');
      }
      return key.toString();
    }

    private @Nullable PageAnswer look(String key) {
      PageAnswer page = pages.find(key, token);
      return page != null && page.era() == era && page.assetsHold() ? page : null;
    }

    /** The page, also if another request makes it now; null if this one must make it. */
    @Nullable PageAnswer find() {
      if (start == null) {
        return null;
      }
      Shape shape = shape();
      String key = key(start, shape.parameters());
      PageAnswer page = look(key);
      if (page != null) {
        hits.increment();
        return page;
      }
      // Whoever must wait for what they have seen, lets nobody wait with them.
      if (!shape.kept() || !pages.isSettled(token)) {
        misses.increment();
        return null;
      }
      CountDownLatch own = new CountDownLatch(1);
      CountDownLatch other = flights.putIfAbsent(key, own);
      if (other == null) {
        flight = own;
        flightKey = key;
        misses.increment();
        return null;
      }
      if (await(other)) {
        page = look(key(start, shape().parameters()));
      }
      (page == null ? misses : shared).increment();
      return page;
    }

    private static boolean await(CountDownLatch other) {
      try {
        return other.await(JOIN_WAIT.toNanos(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        // The page's time is over, which making it finds out.
        Thread.currentThread().interrupt();
        return false;
      }
    }

    /** Notes what is read from here on. */
    Making begin() {
      Making begun = pages.begin(token);
      making = begun;
      if (start == null) {
        begun.refuse();
      }
      return begun;
    }

    /**
     * The page was made, and is for everybody.
     *
     * @param parameters of the query that the page looked at
     */
    void made(PageAnswer page, List<String> parameters) {
      Making made = making;
      if (start == null || made == null) {
        return;
      }
      Shape before = shape();
      TreeSet<String> all = new TreeSet<>(before.parameters());
      all.addAll(parameters);
      if (all.size() > MAX_PARAMETERS) {
        made.refuse();
      }
      List<String> names = made.isRefused() ? before.parameters() : List.copyOf(all);
      // Others wait only for a page that is likely to be there then.
      note(before, new Shape(names, pages.keep(key(start, names), page, made)));
      close();
    }

    /** The page was made, and is its visitor's alone. */
    void passed() {
      if (start != null) {
        Shape before = shape();
        note(before, new Shape(before.parameters(), false));
      }
      close();
    }

    private void note(Shape before, Shape now) {
      if (!now.equals(before)) {
        era.shapes.put(template, now);
      }
    }

    Object era() {
      return era;
    }

    /** Ends the making, and lets those go who wait: not only when the page has been sent. */
    @Override
    public void close() {
      Making begun = making;
      if (begun != null) {
        begun.close();
        making = null;
      }
      CountDownLatch own = flight;
      if (own != null) {
        flights.remove(flightKey, own);
        own.countDown();
        flight = null;
      }
    }
  }

  @Override
  public void close() {
    pages.limit(0);
    pages.clear();
    meters.forEach(registry::remove);
  }
}
