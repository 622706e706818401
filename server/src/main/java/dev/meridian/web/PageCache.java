package dev.meridian.web;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
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
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Pages as they were made, for as long as nothing changed that they were made of: documents, places
 * without one, collections, templates, {@code site.yaml}, files. What a page is made of is noted
 * while it is made. One that looked at its visitor's session is kept for nobody, unless the visitor
 * sent no cookie of sessions: then it is kept for those who send none either, to whom it looks the
 * same. A page is found by its address, its form and those parameters of the query that it looks
 * at, and by whoever may have it as {@link Derived} says.
 *
 * <p>Many who ask at once for a page that is not there wait for the first of them, and share what
 * it made.
 *
 * <p>A page whose {@code cacheControl} allows it (RFC 5861) is kept for a while after something
 * changed. Visitors of whom nothing is known are given it at once meanwhile, and one of them has it
 * made anew beside their request; if it cannot be made, they are given it, too. So nobody who sends
 * what they have seen is ever given it.
 *
 * <p>Safe for any thread.
 */
public final class PageCache implements AutoCloseable {
  /** So long a request waits for others' pages, or half of the time it has left; in all. */
  static final Duration JOIN_WAIT = Duration.ofSeconds(1);

  /** So many pages are made anew beside requests at a time. */
  static final int MAX_BESIDE = 4;

  /** So long closing waits for these, which end by themselves when the store is closed. */
  private static final Duration CLOSE_WAIT = Duration.ofSeconds(2);

  /** How often a request waits for a page that turns out to be none for it. */
  private static final int MAX_JOINS = 2;

  /** So long nobody waits where a page came of it that was for nobody else, or none. */
  private static final Duration ALONE_TIME = Duration.ofSeconds(5);

  /** Most characters of keys for which that is known. */
  private static final long ALONE_CHARS = 1 << 20;

  /**
   * A page that is older than this part of the time for which it may be had is made in the request,
   * where enough others are made beside theirs.
   */
  private static final int LATE = 10;

  /** Most parameters that a kept page may look at. */
  static final int MAX_PARAMETERS = 16;

  /** Longest key, in characters, by which a page is kept. */
  static final int MAX_KEY_CHARS = 2048;

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
  private final LongAdder stale = new LongAdder();
  private final LongAdder passed = new LongAdder();
  private final Semaphore beside = new Semaphore(MAX_BESIDE);
  private volatile @Nullable Era era;

  /**
   * Templates and a site that do not change; pages are of one, and void in another.
   *
   * @param parameters of the query that each template's pages looked at, in order
   * @param alone keys of pages that it is no use to wait for
   * @param flights pages that are being made
   */
  private record Era(
      PageSet set,
      Site site,
      ConcurrentMap<String, List<String>> parameters,
      Cache<String, Boolean> alone,
      ConcurrentMap<String, Flight> flights) {
    static Era of(PageSet set, Site site) {
      Cache<String, Boolean> alone =
          Caffeine.newBuilder()
              .maximumWeight(ALONE_CHARS)
              .weigher((String key, Boolean _) -> 50 + key.length())
              .expireAfterWrite(ALONE_TIME)
              .executor(Runnable::run)
              .build();
      return new Era(set, site, new ConcurrentHashMap<>(), alone, new ConcurrentHashMap<>());
    }

    void remember(String template, Set<String> looked) {
      parameters.merge(
          template,
          List.copyOf(looked),
          (before, now) -> {
            Set<String> all = new TreeSet<>(before);
            return all.addAll(now) && all.size() <= MAX_PARAMETERS ? List.copyOf(all) : before;
          });
    }
  }

  /** A page that is being made, and that others wait for. */
  private static final class Flight {
    private final CountDownLatch done = new CountDownLatch(1);

    /** Set before that; null if there is nothing that others could have. */
    private @Nullable Made made;

    /** Another request found meanwhile that there is no such page any more. */
    private volatile boolean gone;
  }

  /**
   * What came of it, for those whose key by these parameters is the same.
   *
   * @param key of the flight, by the parameters
   */
  private record Made(PageAnswer page, List<String> parameters, String key, Making making) {}

  private PageCache(CachedStore store, long maxBytes, MeterRegistry registry) {
    this.pages = store.derive(maxBytes, PageAnswer::bytes);
    this.registry = registry;
    count("hit", hits);
    count("miss", misses);
    count("shared", shared);
    count("stale", stale);
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
                "Requests for pages: found, made, made by another meanwhile, answered with what"
                    + " was before a change, or not looked for")
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
   * @param stale requests answered with a page that something changed since, as that allows it
   * @param passed requests for which no page was looked for, as none are kept
   */
  public record Status(
      long bytes,
      long maxBytes,
      long entries,
      long hits,
      long misses,
      long shared,
      long stale,
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
        stale.sum(),
        passed.sum(),
        pages.evictions(),
        pages.drops());
  }

  private Era era(PageSet set, Site site) {
    Era now = era;
    if (now == null || now.set != set || now.site != site) {
      now = Era.of(set, site);
      era = now;
      pages.clear();
    }
    return now;
  }

  /**
   * Looks for a page.
   *
   * @param form what tells the forms of an address apart
   * @param address the path, spelt in one way alone
   * @param query the request's parameters
   * @param anonymous whether the request has no cookie of sessions, of any kind
   * @param untilNanos when the request's time is over
   * @param token what the visitor has seen
   * @param content whether nothing is known of what the visitor has seen, nor asked for, so that
   *     they are content with a page that something changed since, where that allows it
   */
  Visit visit(
      PageSet set,
      Site site,
      String template,
      String form,
      String address,
      Map<String, Object> query,
      boolean anonymous,
      long untilNanos,
      SessionToken token,
      boolean content) {
    String start = null;
    if (pages.maxBytes() > 0) {
      start = form + "\n" + address + "\n";
    } else {
      passed.increment();
    }
    return new Visit(era(set, site), template, start, query, anonymous, untilNanos, token, content);
  }

  /** One request for a page: finds it, or makes it. Confined to its thread, which closes it. */
  final class Visit implements AutoCloseable {
    private final Era era;
    private final String template;
    private final @Nullable String start;
    private final Map<String, Object> query;
    private final boolean anonymous;
    private final long untilNanos;
    private final SessionToken token;
    private final boolean content;
    private @Nullable Making making;
    private boolean began;

    /** Of the page that was found, if something changed since. */
    private @Nullable Duration age;

    /** Whether this is to make the page anew beside its request. */
    private boolean owing;

    private @Nullable Flight flight;
    private String flightKey = "";

    private Visit(
        Era era,
        String template,
        @Nullable String start,
        Map<String, Object> query,
        boolean anonymous,
        long untilNanos,
        SessionToken token,
        boolean content) {
      this.era = era;
      this.template = template;
      this.start = start;
      this.query = query;
      this.anonymous = anonymous;
      this.untilNanos = untilNanos;
      this.token = token;
      this.content = content;
    }

    private List<String> parameters() {
      return era.parameters.getOrDefault(template, List.of());
    }

    /** Where pages are that only those without a cookie may have. */
    private static String anonymously(String begin) {
      return "anonymous\n" + begin;
    }

    /** Those without a cookie wait for each other alone: the others' page may be one visitor's. */
    private String flightKey(String begin, List<String> parameters) {
      return key(anonymous ? anonymously(begin) : begin, parameters);
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

    private @Nullable PageAnswer look(String begin, List<String> parameters) {
      PageAnswer page = look(key(begin, parameters));
      return page == null && anonymous ? look(key(anonymously(begin), parameters)) : page;
    }

    private @Nullable PageAnswer look(String key) {
      PageAnswer page = key.length() > MAX_KEY_CHARS ? null : pages.find(key, token);
      return page != null && isGood(page) ? page : null;
    }

    /** The page that something changed since; null if there is none that may be had for so long. */
    private Derived.@Nullable Old<PageAnswer> lookOld(Function<PageAnswer, Duration> bound) {
      if (!content || start == null) {
        return null;
      }
      String key = key(start, parameters());
      Derived.Old<PageAnswer> old = key.length() > MAX_KEY_CHARS ? null : pages.old(key);
      return old != null
              && isGood(old.value())
              && old.age().compareTo(bound.apply(old.value())) <= 0
          ? old
          : null;
    }

    /**
     * Has the page made anew beside the request, unless somebody makes it, or enough others are.
     *
     * @return the page, if somebody had made it
     */
    private @Nullable PageAnswer owe(String begin, String key) {
      if (!beside.tryAcquire()) {
        return null;
      }
      owing = true;
      PageAnswer page = null;
      try {
        Flight own = new Flight();
        if (era.flights.putIfAbsent(key, own) == null) {
          flight = own;
          flightKey = key;
          // It may have been done after the look.
          page = look(begin, parameters());
        }
      } finally {
        if (flight == null || page != null) {
          owing = false;
          beside.release();
        }
      }
      return page;
    }

    /** Whether it has been old for long, and there is no room to have it made beside. */
    private boolean isLate(Derived.Old<PageAnswer> old, String key) {
      return beside.availablePermits() == 0
          && !era.flights.containsKey(key)
          && old.age().compareTo(old.value().whileMade().dividedBy(LATE)) > 0;
    }

    /** Since when something may have changed of the page that was found; null if nothing has. */
    @Nullable Duration age() {
      return age;
    }

    /** Whether the page that was found is to be made anew, by {@link #beside}. */
    boolean isOwing() {
      return owing;
    }

    /**
     * What this owes, for another thread, which must close it: a visit of nobody, which makes the
     * page.
     */
    Visit beside() {
      Visit other =
          new Visit(era, template, start, query, true, untilNanos, SessionToken.NONE, false);
      other.flight = flight;
      other.flightKey = flightKey;
      other.owing = owing;
      flight = null;
      owing = false;
      return other;
    }

    /** The page that there was, as it cannot be made; null if nobody may have it for so long. */
    @Nullable PageAnswer findFailed() {
      Derived.Old<PageAnswer> old = lookOld(PageAnswer::ifFailed);
      if (old == null) {
        return null;
      }
      stale.increment();
      age = old.age();
      return old.value();
    }

    /** There is no such page any more: what there was is given to nobody. */
    void gone() {
      String begin = start;
      if (begin != null) {
        String key = flightKey(begin, parameters());
        Flight other = era.flights.get(key);
        if (other != null) {
          other.gone = true;
        }
        pages.dropOld(key(begin, parameters()));
      }
    }

    private boolean isGood(PageAnswer page) {
      return page.era() == era && page.assetsHold();
    }

    /** The page, also if another request makes it now; null if this one must make it. */
    @Nullable PageAnswer find() {
      String begin = start;
      if (begin == null) {
        return null;
      }
      // Now: what comes of another's making must have all that a making would have from here on.
      Derived.Reader reader = pages.reader(token);
      long joinUntil = 0;
      PageAnswer page = null;
      int joins = 0;
      while (true) {
        page = look(begin, parameters());
        if (page != null || joins == MAX_JOINS) {
          break;
        }
        String key = flightKey(begin, parameters());
        boolean alone = era.alone.getIfPresent(key) != null;
        if (joins == 0 && !alone) {
          Derived.Old<PageAnswer> old = lookOld(PageAnswer::whileMade);
          if (old != null && old.replaceable() && !isLate(old, key)) {
            page = owe(begin, key);
            if (page == null) {
              age = old.age();
              stale.increment();
              return old.value();
            }
            break;
          }
        }
        // Whoever must wait for what they have seen, lets nobody wait with them.
        if (alone || !pages.isSettled(token)) {
          break;
        }
        Flight own = new Flight();
        Flight other = era.flights.putIfAbsent(key, own);
        if (other == null) {
          flight = own;
          flightKey = key;
          // It may have been done after the look.
          page = look(begin, parameters());
          break;
        }
        if (joins == 0) {
          long now = System.nanoTime();
          joinUntil = now + Math.min(JOIN_WAIT.toNanos(), (untilNanos - now) / 2);
        }
        joins++;
        if (!await(other, joinUntil)) {
          break;
        }
        page = share(other, begin, reader);
        if (page != null) {
          break;
        }
      }
      (page == null ? misses : joins > 0 ? shared : hits).increment();
      return page;
    }

    private static boolean await(Flight other, long untilNanos) {
      try {
        return other.done.await(untilNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        // The page's time is over, which making it finds out.
        Thread.currentThread().interrupt();
        return false;
      }
    }

    /** What another request made, if this one would have made the same. */
    private @Nullable PageAnswer share(Flight other, String begin, Derived.Reader reader) {
      Made made = other.made;
      return made != null
              && made.key().equals(flightKey(begin, made.parameters()))
              && pages.serves(made.making(), reader, made.page().isStale())
              && isGood(made.page())
          ? made.page()
          : null;
    }

    /** Notes what is read from here on. */
    Making begin() {
      Making begun = pages.begin(token);
      making = begun;
      began = true;
      if (start == null) {
        begun.refuse();
      }
      return begun;
    }

    /**
     * The page was made, and is for everybody; or, if it looked at the session, for those without a
     * cookie, as its visitor is.
     *
     * @param looked parameters of the query that the page looked at
     */
    void made(PageAnswer page, List<String> looked) {
      String begin = start;
      Making made = making;
      if (begin == null || made == null || (page.isPersonal() && !anonymous)) {
        close();
        return;
      }
      Set<String> all = new TreeSet<>(parameters());
      all.addAll(looked);
      Flight mine = flight;
      if (all.size() > MAX_PARAMETERS || (mine != null && mine.gone)) {
        made.refuse();
      }
      if (made.isRefused() || page.isPersonal()) {
        // It is not put where an old one may be, which must not be had again.
        pages.dropOld(key(begin, parameters()));
      }
      if (!made.isRefused()) {
        List<String> names = List.copyOf(all);
        era.remember(template, all);
        String key = key(page.isPersonal() ? anonymously(begin) : begin, names);
        if (key.length() <= MAX_KEY_CHARS && !page.isStale()) {
          Duration whileMade = page.whileMade();
          Duration ifFailed = page.ifFailed();
          Duration old = whileMade.compareTo(ifFailed) > 0 ? whileMade : ifFailed;
          pages.keep(key, page, made, old);
        }
        Flight own = flight;
        if (own != null) {
          own.made = new Made(page, names, flightKey(begin, names), made);
        }
      }
      close();
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
      Flight own = flight;
      if (own != null) {
        if (began && own.made == null && flightKey.length() <= MAX_KEY_CHARS) {
          era.alone.put(flightKey, true);
        }
        era.flights.remove(flightKey, own);
        own.done.countDown();
        flight = null;
      }
      if (owing) {
        owing = false;
        beside.release();
      }
    }
  }

  @Override
  public void close() {
    try {
      // For ever: none is begun any more.
      boolean _ = beside.tryAcquire(MAX_BESIDE, CLOSE_WAIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    pages.limit(0);
    pages.clear();
    meters.forEach(registry::remove);
  }
}
