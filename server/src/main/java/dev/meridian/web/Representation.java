package dev.meridian.web;

import dev.meridian.document.Format;
import dev.meridian.document.Json;
import dev.meridian.document.JsonLimits;
import dev.meridian.document.TooLargeException;
import dev.meridian.site.Limits;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import java.util.List;
import java.util.Locale;

/**
 * The form of a value on the wire, in both directions: JSON, YAML, XML or CBOR. JSON is what is
 * stored, so it is sent as it is, without being read.
 */
enum Representation {
  /** JSON; the first, and so what is sent when several are wanted equally. */
  JSON(Format.JSON, HeaderValues.CONTENT_TYPE_JSON),
  YAML(Format.YAML),
  XML(Format.XML),
  CBOR(Format.CBOR);

  private static final List<Representation> ALL = List.of(values());
  private static final String NAMES =
      "application/json, application/yaml, application/xml or application/cbor";

  /** Beyond a value's own depth, a batch nests an object, an array and an object. */
  private static final int BATCH_DEPTH = 3;

  private final Format format;
  private final Header contentType;

  Representation(Format format) {
    this(format, HeaderValues.createCached(HeaderNames.CONTENT_TYPE, format.mediaType()));
  }

  Representation(Format format, Header contentType) {
    this.format = format;
    this.contentType = contentType;
  }

  /**
   * The form the client wants most.
   *
   * @throws ProblemException 406 if it wants none of them
   */
  static Representation accepted(RequestContext context) {
    var headers = context.request().headers();
    if (!headers.contains(HeaderNames.ACCEPT)) {
      return JSON;
    }
    List<String> accept = headers.get(HeaderNames.ACCEPT).allValues();
    if (accept.size() == 1) {
      String only = accept.getFirst();
      if (only.equals("*/*") || only.equals("application/json")) {
        return JSON;
      }
    }
    if (names(accept, "text/html") && Accept.media(accept, "application/json") > 0) {
      // A browser: it prefers XML to anything it cannot name, but a person wants to read JSON.
      return JSON;
    }
    Representation best = JSON;
    int most = 0;
    for (Representation form : ALL) {
      int wanted = Accept.media(accept, form.format.mediaType());
      for (String alias : form.format.aliases()) {
        // A range such as text/* asks for text; only naming an alias asks for its format.
        if (names(accept, alias)) {
          wanted = Math.max(wanted, Accept.media(accept, alias));
        }
      }
      if (wanted > most) {
        most = wanted;
        best = form;
      }
    }
    if (most == 0) {
      throw new ProblemException(
          Problem.of(
                  Status.NOT_ACCEPTABLE_406,
                  "not-acceptable",
                  "None of the accepted formats is available",
                  "Accept allows none of the formats there are; ask for " + NAMES + ".")
              .with(Names.VARY));
    }
    return best;
  }

  private static boolean names(List<String> accept, String type) {
    for (String line : accept) {
      if (line.toLowerCase(Locale.ROOT).contains(type)) {
        return true;
      }
    }
    return false;
  }

  /** What tells this form's ETags from those of JSON. */
  String suffix() {
    return this == JSON ? "" : "+" + name().toLowerCase(Locale.ROOT);
  }

  Header contentType() {
    return contentType;
  }

  /** A value as stored, in this form. */
  byte[] write(byte[] json) {
    return format.fromJson(json);
  }

  /**
   * The value in a request's body, as minified JSON.
   *
   * @throws ProblemException 415 if its format is not known, 413 if it is too large
   */
  static byte[] ofBody(RequestContext context, byte[] body) {
    Limits limits = context.site().limits();
    return checkSize(
        read(context, body, Bodies.jsonLimits(limits).withBytes(limits.bodyBytes())), limits);
  }

  /** The batch in a request's body. */
  static Json batchOfBody(RequestContext context, byte[] body) {
    Limits limits = context.site().limits();
    JsonLimits whole =
        JsonLimits.DEFAULT
            .withBytes(limits.bodyBytes())
            .withDepth(limits.nestingDepth() + BATCH_DEPTH);
    return Json.parse(read(context, body, whole), whole);
  }

  private static byte[] read(RequestContext context, byte[] body, JsonLimits limits) {
    try {
      return ofContentType(context).toJson(body, limits);
    } catch (TooLargeException e) {
      throw new ProblemException(Problem.tooLarge(String.valueOf(e.getMessage())));
    }
  }

  /** A body that does not say what it is, is JSON. */
  private static Format ofContentType(RequestContext context) {
    String type = Bodies.mediaType(context);
    if (type.isEmpty()) {
      return Format.JSON;
    }
    return Format.ofMediaType(type)
        .orElseThrow(
            () ->
                new ProblemException(
                    Problem.of(
                            Status.UNSUPPORTED_MEDIA_TYPE_415,
                            "unsupported-media-type",
                            "This format is not understood here",
                            "A body of type '" + type + "' is not taken; send " + NAMES + ".")
                        .with(
                            HeaderValues.create(
                                HeaderNames.ACCEPT,
                                "application/json, application/yaml, application/xml,"
                                    + " application/cbor"))));
  }

  /** A patch, which is JSON whatever its language. */
  static byte[] json(byte[] body, Limits limits) {
    return checkSize(
        Json.minify(body, Bodies.jsonLimits(limits).withBytes(limits.bodyBytes())), limits);
  }

  static byte[] checkSize(byte[] json, Limits limits) {
    if (json.length > limits.documentBytes()) {
      throw new ProblemException(
          Problem.tooLarge(
              "The value is "
                  + json.length
                  + " bytes of minified JSON; a document may have "
                  + limits.documentBytes()
                  + ". Split it into several."));
    }
    return json;
  }
}
