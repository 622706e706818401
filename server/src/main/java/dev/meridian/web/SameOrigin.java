package dev.meridian.web;

import dev.meridian.site.SessionSettings;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.util.Locale;

/**
 * Whether a request was made by the site's own pages, as the browser says (OWASP's Cross-Site
 * Request Forgery Prevention: Fetch Metadata, and Origin for older browsers).
 */
enum SameOrigin {
  /** The browser says that it was. */
  YES,
  /** The browser says that it was not, or will not say. */
  NO,
  /** Nobody says anything: no browser, or a very old one. */
  UNKNOWN;

  private static final HeaderName SITE = HeaderNames.create("Sec-Fetch-Site");

  /** Of this request. */
  static SameOrigin of(RequestContext context) {
    String site = context.header(SITE);
    if (site != null) {
      return site.equals("same-origin") || site.equals("none") ? YES : NO;
    }
    String origin = context.header(HeaderNames.ORIGIN);
    if (origin == null) {
      return UNKNOWN;
    }
    return isOwn(context, origin) ? YES : NO;
  }

  /**
   * Whether {@code origin} is the address that the request was sent to. Behind a proxy that does
   * TLS, a page's origin is https and the request is not; the opposite never happens rightly. Where
   * sessions are for TLS alone, so are the pages that may use them.
   */
  static boolean isOwn(RequestContext context, String origin) {
    boolean secure =
        context.isSecure()
            || context
                .site()
                .sessions()
                .filter(settings -> settings.secure() == SessionSettings.Secure.ALWAYS)
                .isPresent();
    String text = origin.toLowerCase(Locale.ROOT);
    String scheme =
        text.startsWith("https://") ? "https" : text.startsWith("http://") ? "http" : "";
    if (scheme.isEmpty() || (secure && scheme.equals("http"))) {
      return false;
    }
    String port = scheme.equals("https") ? ":443" : ":80";
    String host = context.request().authority().toLowerCase(Locale.ROOT);
    return !host.isEmpty()
        && without(text.substring(scheme.length() + 3), port).equals(without(host, port));
  }

  private static String without(String authority, String port) {
    return authority.endsWith(port)
        ? authority.substring(0, authority.length() - port.length())
        : authority;
  }
}
