package dev.meridian.web;

import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.HttpRules;
import io.helidon.webserver.http.HttpService;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Objects;

/**
 * The data API's description, OpenAPI 3.1, at {@value #PATH}. It comes before the site's own pages
 * and files, so that clients find it in every site.
 */
final class OpenApi implements HttpService {
  static final String PATH = "/openapi.json";

  private final byte[] json;
  private final String tag;
  private final byte[] gzip;

  OpenApi() {
    json = read();
    tag = hash(json);
    gzip = Gzip.compress(json);
  }

  /** The description. */
  static byte[] read() {
    try (InputStream in =
        Objects.requireNonNull(OpenApi.class.getResourceAsStream("openapi.json"))) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void routing(HttpRules rules) {
    rules.get(PATH, this::get).head(PATH, this::get);
  }

  private void get(ServerRequest request, ServerResponse response) {
    RequestContext context = RequestContext.current();
    boolean small = Gzip.wanted(context, json.length);
    Header etag =
        HeaderValues.create(HeaderNames.ETAG, '"' + tag + (small ? Gzip.SUFFIX : "") + '"');
    var headers = context.response().headers();
    headers.set(etag);
    headers.set(Names.VARY);
    headers.set(Names.NO_CACHE);
    String known = context.header(HeaderNames.IF_NONE_MATCH);
    if (known != null && (known.contains(etag.get()) || known.strip().equals("*"))) {
      response.status(Status.NOT_MODIFIED_304);
      context.send();
      return;
    }
    headers.set(HeaderValues.CONTENT_TYPE_JSON);
    if (small) {
      headers.set(Gzip.ENCODING);
    }
    context.send(small ? gzip : json);
  }

  private static String hash(byte[] bytes) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
      return HexFormat.of().formatHex(digest, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}
