package dev.meridian.web;

import dev.meridian.health.LoadReport;
import io.helidon.http.Header;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;

/** Header names and the header values that are sent as they are, made once. */
final class Names {
  /** Identifies a request. */
  static final HeaderName REQUEST_ID = HeaderNames.create("X-Request-Id");

  /** Asks how busy this node is, and in which form that shall be told. */
  static final HeaderName LOAD_FORMAT = HeaderNames.create(LoadReport.FORMAT);

  /** How busy this node is. */
  static final HeaderName LOAD = HeaderNames.create(LoadReport.HEADER);

  /** What the client has seen, and has seen now: a {@code SessionToken}. */
  static final HeaderName SESSION = HeaderNames.create("Meridian-Session");

  /** How many seconds old the answer may be, when that is more than the bound. */
  static final HeaderName STALE = HeaderNames.create("Meridian-Stale");

  /** The read's promise: strong, session or eventual. */
  static final HeaderName CONSISTENCY = HeaderNames.create("Meridian-Consistency");

  /** A capability that one of the site's pages gave out. */
  static final HeaderName GRANT = HeaderNames.create("Meridian-Grant");

  /** When the document stops being served. */
  static final HeaderName EXPIRES_AT = HeaderNames.create("Expires-At");

  /** After how long the document stops being served. */
  static final HeaderName EXPIRES_IN = HeaderNames.create("Expires-In");

  /** The session's token against forged requests. */
  static final HeaderName CSRF = HeaderNames.create("X-CSRF-Token");

  /** Makes trying again safe. */
  static final HeaderName IDEMPOTENCY_KEY = HeaderNames.create("Idempotency-Key");

  /** On answers that repeat an earlier one. */
  static final HeaderName IDEMPOTENCY_REPLAYED = HeaderNames.create("Idempotency-Replayed");

  /** What the answer to a write should carry, RFC 7240. */
  static final HeaderName PREFER = HeaderNames.create("Prefer");

  /** Which preferences were heeded, RFC 7240. */
  static final HeaderName PREFERENCE_APPLIED = HeaderNames.create("Preference-Applied");

  /** The formats PATCH takes, RFC 5789. */
  static final HeaderName ACCEPT_PATCH = HeaderNames.create("Accept-Patch");

  /** Where an event stream goes on. */
  static final HeaderName LAST_EVENT_ID = HeaderNames.create("Last-Event-ID");

  /** Where the change feed was when a list was taken; what a watch goes on from. */
  static final HeaderName POSITION = HeaderNames.create("Meridian-Position");

  static final Header PATCHES =
      HeaderValues.createCached(
          ACCEPT_PATCH,
          "application/merge-patch+json, application/json-patch+json,"
              + " application/vnd.meridian.increment+json");

  static final Header RETURNED_REPRESENTATION =
      HeaderValues.createCached(PREFERENCE_APPLIED, "return=representation");

  static final Header NOSNIFF = HeaderValues.createCached("X-Content-Type-Options", "nosniff");

  /** Caches may keep answers of the data API but must ask before each use. */
  static final Header NO_CACHE = HeaderValues.createCached(HeaderNames.CACHE_CONTROL, "no-cache");

  static final Header NO_STORE = HeaderValues.createCached(HeaderNames.CACHE_CONTROL, "no-store");

  /** Answers for one visitor alone. */
  static final Header PRIVATE =
      HeaderValues.createCached(HeaderNames.CACHE_CONTROL, "private, no-store");

  /** Answers that a reader's own cache may keep, but must ask about before each use. */
  static final Header PRIVATE_NO_CACHE =
      HeaderValues.createCached(HeaderNames.CACHE_CONTROL, "private, no-cache");

  static final Header VARY_COOKIE =
      HeaderValues.createCached(HeaderNames.VARY, "Accept, Accept-Encoding, Cookie");

  static final Header VARY = HeaderValues.createCached(HeaderNames.VARY, "Accept, Accept-Encoding");

  /** Of answers that caches use unasked: not for whoever says how to read, or what they saw. */
  static final Header VARY_SEEN =
      HeaderValues.createCached(
          HeaderNames.VARY, "Accept, Accept-Encoding, Meridian-Consistency, Meridian-Session");

  /** Of answers that depend on who asks. */
  static final Header VARY_KEY =
      HeaderValues.createCached(HeaderNames.VARY, "Accept, Accept-Encoding, Authorization");

  static final Header VARY_KEY_COOKIE =
      HeaderValues.createCached(HeaderNames.VARY, "Accept, Accept-Encoding, Authorization, Cookie");

  static final Header PROBLEM =
      HeaderValues.createCached(HeaderNames.CONTENT_TYPE, Problem.MEDIA_TYPE);

  static final Header HTML =
      HeaderValues.createCached(HeaderNames.CONTENT_TYPE, "text/html; charset=utf-8");

  static final Header REPLAYED = HeaderValues.createCached(IDEMPOTENCY_REPLAYED, "true");

  private Names() {}
}
