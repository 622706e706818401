package dev.meridian.store;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import org.jspecify.annotations.Nullable;

/**
 * This path is now at this version.
 *
 * @param path the document
 * @param version of the write or the delete
 * @param position this change's place in the feed
 * @param document the document as it was when the feed read it; null when it is gone
 */
public record Change(
    DocumentPath path, Version version, Position position, @Nullable Document document) {}
