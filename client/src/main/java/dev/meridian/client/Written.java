package dev.meridian.client;

import org.jspecify.annotations.Nullable;

/**
 * What a write did.
 *
 * @param path the document, with the id the server made if it made one
 * @param etag its new version, without quotes; null when there is no document now
 * @param replayed whether an earlier attempt had done it, so that this one changed nothing
 */
public record Written(String path, @Nullable String etag, boolean replayed) {
  /** The last segment of the path. */
  public String id() {
    return path.substring(path.lastIndexOf('/') + 1);
  }
}
