package dev.meridian.web;

import dev.meridian.document.Json;
import dev.meridian.document.JsonLimits;
import dev.meridian.site.Limits;
import io.helidon.http.Header;
import io.helidon.http.HeaderValues;

/** JSON for now. */
enum Representation {
  /** JSON. */
  JSON;

  static Representation accepted(RequestContext context) {
    return JSON;
  }

  String suffix() {
    return "";
  }

  Header contentType() {
    return HeaderValues.CONTENT_TYPE_JSON;
  }

  byte[] write(byte[] json) {
    return json;
  }

  static byte[] ofBody(RequestContext context, byte[] body) {
    return json(body, context.site().limits());
  }

  static Json batchOfBody(RequestContext context, byte[] body) {
    Limits limits = context.site().limits();
    return Json.parse(
        body,
        JsonLimits.DEFAULT.withBytes(limits.bodyBytes()).withDepth(limits.nestingDepth() + 3));
  }

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
