package dev.meridian.store;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import org.jspecify.annotations.Nullable;

/**
 * What one write did.
 *
 * @param path the document
 * @param version the document's new version; of a delete, the tombstone's
 * @param existed whether there was a document before
 * @param deleted whether there is none now
 * @param json the value as it now is, when {@link Batch#returnValues} asked for it and there is
 *     one; missing also when so many were asked for at once that memory would not hold them, and of
 *     a retry when the document was written again since
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
public record Written(
    DocumentPath path, Version version, boolean existed, boolean deleted, byte @Nullable [] json) {}
