package dev.meridian.web;

import dev.meridian.cache.Making;
import dev.meridian.document.Document;
import dev.meridian.site.CacheControl;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A page as it is sent to everybody who may have it: its bytes, plain and compressed, and their
 * tags. What it says does not change; any thread may send it.
 */
final class PageAnswer {
  /**
   * Leaves styles and scripts to the page, and forbids what only attackers use: other sites framing
   * it, plug-ins, another base address, forms that send elsewhere.
   */
  static final Header SECURITY_POLICY =
      HeaderValues.createCached(
          HeaderNames.create("Content-Security-Policy"),
          "base-uri 'self'; form-action 'self'; frame-ancestors 'self'; object-src 'none'");

  static final Header REFERRER_POLICY =
      HeaderValues.createCached("Referrer-Policy", "strict-origin-when-cross-origin");

  private static final int HEADER_BYTES = 400;

  private final Object era;
  private final Header type;
  private final boolean markup;
  private final boolean personal;
  private final byte[] plain;
  private final boolean compressible;
  private final Header tag;
  private final Header compressedTag;
  private final Map<String, String> assets;
  private final UnaryOperator<String> addresses;
  private final CacheControl caching;
  private final Header cacheControl;
  private final long expiresAtMillis;
  private final @Nullable Header stale;

  /** Made when first wanted; then kept, unless it is larger than {@link #reserved}. */
  private volatile byte @Nullable [] compressed;

  /** Whether it is, so that it is made each time. */
  private volatile boolean outgrown;

  /**
   * Makes it.
   *
   * @param era what the page is void without
   * @param markup whether it is a page to look at, and not data
   * @param personal whether it is of visitors without a session alone, and for no cache outside
   * @param compress whether it may be compressed
   * @param assets the files that it leads to, and the addresses that they had
   * @param addresses the addresses that files have
   * @param making what it was made of
   * @param stale the header that says so, if what it was made of may be older than the bound
   */
  PageAnswer(
      Object era,
      Header type,
      boolean markup,
      boolean personal,
      byte[] body,
      boolean compress,
      CacheControl caching,
      Map<String, String> assets,
      UnaryOperator<String> addresses,
      Making making,
      Optional<Header> stale) {
    this.era = era;
    this.type = type;
    this.markup = markup;
    this.personal = personal;
    this.plain = body;
    this.compressible = compress && body.length >= Compression.MIN_BYTES;
    String hash = EntityTags.hash(body);
    this.tag = HeaderValues.createCached(HeaderNames.ETAG, '"' + hash + '"');
    this.compressedTag = HeaderValues.createCached(HeaderNames.ETAG, '"' + hash + "-gz\"");
    this.assets = Map.copyOf(assets);
    this.addresses = addresses;
    this.expiresAtMillis = making.expiresAtMillis();
    this.stale = stale.orElse(null);
    this.caching = caching;
    this.cacheControl =
        caching.asks()
            ? Names.NO_CACHE
            : HeaderValues.createCached(HeaderNames.CACHE_CONTROL, caching.value(Long.MAX_VALUE));
  }

  Object era() {
    return era;
  }

  /** Whether it looked at the session of its visitor, who had none. */
  boolean isPersonal() {
    return personal;
  }

  /** Whether it says that it may be older than the bound. */
  boolean isStale() {
    return stale != null;
  }

  /** So long it may be given to others, while it is made again, from when something changed. */
  Duration whileMade() {
    return personal ? Duration.ZERO : caching.staleWhileRevalidate().orElse(Duration.ZERO);
  }

  /** So long it may be given to others from when something changed, if it cannot be made again. */
  Duration ifFailed() {
    return personal ? Duration.ZERO : caching.staleIfError().orElse(Duration.ZERO);
  }

  /** Bytes that it takes, or will when somebody wanted it compressed. */
  long bytes() {
    return HEADER_BYTES + plain.length + reserved();
  }

  /** So many bytes its compressed form may take: pages come to a third or less, as a rule. */
  private int reserved() {
    return compressible ? plain.length / 2 : 0;
  }

  private byte[] compressed() {
    byte[] known = compressed;
    if (known != null) {
      return known;
    }
    if (outgrown) {
      return Compression.gzip(plain, Compression.FAST);
    }
    synchronized (this) {
      known = compressed;
      if (known == null) {
        known = Compression.gzip(plain, Compression.FAST);
        outgrown = known.length > reserved();
        compressed = outgrown ? null : known;
      }
      return known;
    }
  }

  /** Whether the files that it leads to are those that there are now. */
  boolean assetsHold() {
    for (Map.Entry<String, String> asset : assets.entrySet()) {
      if (!addresses.apply(asset.getKey()).equals(asset.getValue())) {
        return false;
      }
    }
    return true;
  }

  /** Sends it, or what a request with conditions comes to. */
  void send(RequestContext context, ServerRequest request, ServerResponse response) {
    send(context, request, response, stale);
  }

  /**
   * The same of one that something changed since: it says so, and is for no cache outside, where it
   * would be used for as long again.
   *
   * @param age since when, at most
   */
  void sendOld(
      RequestContext context, ServerRequest request, ServerResponse response, Duration age) {
    send(context, request, response, Gatekeeper.stale(age));
  }

  private void send(
      RequestContext context,
      ServerRequest request,
      ServerResponse response,
      @Nullable Header stale) {
    if (personal) {
      boolean gzip = compressible && wantsGzip(request);
      head(response, type, markup, gzip, Optional.ofNullable(stale));
      context.sendCounted(gzip ? compressed() : plain, 0);
      return;
    }
    var headers = request.headers();
    response.header(caching.asks() ? Names.VARY : Names.VARY_SEEN);
    response.header(REFERRER_POLICY);
    if (markup) {
      response.header(SECURITY_POLICY);
    }
    boolean gzip = compressible && wantsGzip(request);
    Header validator = gzip ? compressedTag : tag;
    if (headers.contains(HeaderNames.IF_MATCH)) {
      List<String> wanted = headers.values(HeaderNames.IF_MATCH);
      if (!EntityTags.matchesStrongly(wanted, validator.get())) {
        throw new ProblemException(
            Problem.of(
                Status.PRECONDITION_FAILED_412,
                "precondition-failed",
                "The page is not in the state the request requires",
                "No ETag in If-Match is that of the page as it is now."));
      }
    }
    response.header(
        Gatekeeper.saysWhoReads(request)
            ? Names.PRIVATE_NO_CACHE
            : stale != null ? Names.NO_CACHE : cacheControl());
    if (stale != null) {
      response.header(stale);
    }
    response.header(validator);
    if (headers.contains(HeaderNames.IF_NONE_MATCH)
        && EntityTags.matches(headers.values(HeaderNames.IF_NONE_MATCH), validator.get())) {
      response.status(Status.NOT_MODIFIED_304);
      response.send();
      return;
    }
    response.header(type);
    if (gzip) {
      response.header(Compression.GZIP);
    }
    context.sendCounted(gzip ? compressed() : plain, 0);
  }

  private Header cacheControl() {
    if (expiresAtMillis == Document.NEVER || caching.asks()) {
      return cacheControl;
    }
    long left = (expiresAtMillis - System.currentTimeMillis()) / 1000;
    return HeaderValues.create(HeaderNames.CACHE_CONTROL, caching.value(Math.max(left, 0)));
  }

  /** Sends a page that is for one visitor alone. */
  static void sendPersonal(
      RequestContext context,
      ServerRequest request,
      ServerResponse response,
      byte[] body,
      Header type,
      boolean markup,
      boolean compress,
      Optional<Header> stale) {
    boolean gzip = compress && body.length >= Compression.MIN_BYTES && wantsGzip(request);
    head(response, type, markup, gzip, stale);
    context.sendCounted(gzip ? Compression.gzip(body, Compression.FAST) : body, 0);
  }

  private static boolean wantsGzip(ServerRequest request) {
    return request.headers().contains(HeaderNames.ACCEPT_ENCODING)
        && Accept.coding(request.headers().values(HeaderNames.ACCEPT_ENCODING), "gzip") > 0;
  }

  /** The headers of what is for no cache. */
  private static void head(
      ServerResponse response, Header type, boolean markup, boolean gzip, Optional<Header> stale) {
    stale.ifPresent(response::header);
    response.header(REFERRER_POLICY);
    if (markup) {
      response.header(SECURITY_POLICY);
    }
    response.header(type);
    response.header(Names.VARY_COOKIE);
    response.header(Names.PRIVATE);
    if (gzip) {
      response.header(Compression.GZIP);
    }
  }
}
