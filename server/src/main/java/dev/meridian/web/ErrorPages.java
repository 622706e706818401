package dev.meridian.web;

import io.helidon.webserver.http.ServerRequest;
import java.util.Optional;

/** How a site shows a problem to a person. */
@FunctionalInterface
public interface ErrorPages {
  /** No pages: everybody gets problem documents. */
  ErrorPages NONE = (request, problem) -> Optional.empty();

  /**
   * An HTML page for {@code problem}, in UTF-8, or empty to send the problem document instead.
   * Asked only for requests that prefer HTML and are not for the data API. Must not throw.
   */
  Optional<byte[]> html(ServerRequest request, Problem problem);
}
