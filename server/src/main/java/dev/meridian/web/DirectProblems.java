package dev.meridian.web;

import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderValues;
import io.helidon.http.ServerResponseHeaders;
import io.helidon.http.Status;
import java.util.Objects;

/**
 * Problem documents for requests that never reach the front door, because they are not HTTP, or
 * over a limit of the engine's.
 */
final class DirectProblems implements DirectHandler {
  @Override
  public TransportResponse handle(
      TransportRequest request,
      EventType eventType,
      Status status,
      ServerResponseHeaders headers,
      String message) {
    Problem problem =
        switch (status.code()) {
          case 414 ->
              Problem.of(
                  status,
                  "uri-too-long",
                  "The address is too long",
                  "The request line is longer than "
                      + WebTier.MAX_REQUEST_LINE
                      + " bytes; send long queries in smaller parts.");
          case 431 ->
              Problem.of(
                  status,
                  "headers-too-large",
                  "The headers are too large",
                  "The request's headers are larger than "
                      + WebTier.MAX_HEADERS
                      + " bytes; drop cookies or headers that are not needed.");
          case 505 ->
              Problem.of(
                  status,
                  "http-version",
                  "HTTP version not supported",
                  "This server speaks HTTP/1.1 and HTTP/2. A proxy in front of it is to ask with"
                      + " HTTP/1.1 (nginx: proxy_http_version 1.1).");
          // Failures behind the front door are answered there: this is a head that the engine could
          // not read, such as one cut off or a header name that is none.
          case 500 ->
              Problem.badRequest(
                  "The request is not valid HTTP, or ended too early; check its headers.");
          default ->
              // Helidon gives no reason for some malformed addresses, and for headers that are too
              // large.
              Problem.fromHttp(
                  status,
                  Objects.requireNonNullElse(
                      message,
                      "The request is not valid HTTP, or its headers are larger than "
                          + WebTier.MAX_HEADERS
                          + " bytes; check its address, headers and cookies."));
        };
    TransportResponse.Builder response =
        TransportResponse.builder()
            .status(problem.status())
            .header(Names.PROBLEM)
            .header(Names.NOSNIFF)
            .header(Names.NO_STORE);
    headers.forEach(response::header);
    return response
        .header(HeaderValues.CONNECTION_CLOSE)
        .entity(problem.json("unread"))
        .keepAlive(false)
        .build();
  }
}
