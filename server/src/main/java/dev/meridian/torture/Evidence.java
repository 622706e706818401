package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a history tells about each document: who wrote which value, and what is known about a write
 * whose client was told nothing, because somebody read it. Immutable once made.
 */
final class Evidence {
  /** A value and count that a version is known to have. */
  record Content(@Nullable String value, long count) {}

  /** What is known about one document. */
  static final class OfDocument {
    final String path;

    /** Writes that were or may have been done, in the order of their responses. */
    final List<Operation> writes = new ArrayList<>();

    /** Reads that were answered, at any level. */
    final List<Operation> reads = new ArrayList<>();

    private final Map<String, Operation> writers = new HashMap<>();
    private final Map<String, Content> contents = new HashMap<>();
    private final Map<String, String> versions = new HashMap<>();
    private final Map<String, Long> firstSeen = new HashMap<>();

    private OfDocument(String path) {
      this.path = path;
    }

    /** Who wrote {@code value}, refused or not; null for nobody. */
    @Nullable Operation writer(String value) {
      return writers.get(value);
    }

    /** What the document holds at this version, if that is known. */
    @Nullable Content content(String etag) {
      return contents.get(etag);
    }

    /**
     * The version at which {@code value} was put, if that is known; of a document that is written
     * behind, where nobody was told, one at which it was flushed before it changed.
     */
    @Nullable String version(String value) {
      return versions.get(value);
    }

    /** Each content that is known, with the last version that is known to have it. */
    Map<Content, String> versionsOfContents() {
      Map<Content, String> last = new HashMap<>();
      contents.forEach(
          (etag, content) -> last.merge(content, etag, (a, b) -> a.compareTo(b) >= 0 ? a : b));
      return last;
    }

    /** When it was first certain that {@code value} had been put; {@code Long.MAX_VALUE}: never. */
    long firstSeen(String value) {
      return firstSeen.getOrDefault(value, Long.MAX_VALUE);
    }
  }

  private final Map<String, OfDocument> documents = new LinkedHashMap<>();

  Evidence(List<Operation> history) {
    for (Operation operation : history) {
      for (Part part : operation.parts()) {
        OfDocument document = documents.computeIfAbsent(part.document(), OfDocument::new);
        note(document, operation, part);
      }
    }
    for (Operation operation : history) {
      String expected = operation.expected();
      if (expected != null && operation.outcome() == Outcome.OK) {
        OfDocument document = of(operation.part().document());
        Content content = document.content(expected);
        if (content != null && content.value() != null) {
          document.firstSeen.merge(content.value(), operation.responded(), Math::min);
        }
      }
    }
  }

  private static void note(OfDocument document, Operation operation, Part part) {
    String value = part.value();
    String etag = part.etag();
    if (operation.isRead()) {
      if (operation.outcome() != Outcome.OK) {
        return;
      }
      document.reads.add(operation);
      if (etag != null) {
        document.contents.putIfAbsent(etag, new Content(value, part.count()));
        if (value != null) {
          document.firstSeen.merge(value, operation.responded(), Math::min);
          if (part.count() == 0) {
            // Of several, of which all but the first are of flushes, the first.
            document.versions.merge(value, etag, (a, b) -> a.compareTo(b) <= 0 ? a : b);
          }
        }
      } else if (value != null) {
        document.firstSeen.merge(value, operation.responded(), Math::min); // a page
      }
      return;
    }
    if (value != null) {
      document.writers.put(value, operation);
    }
    if (operation.outcome() == Outcome.REFUSED) {
      return;
    }
    document.writes.add(operation);
    if (operation.kind().putsValue() && value != null && etag != null) {
      document.contents.put(etag, new Content(value, 0));
      document.versions.merge(value, etag, (a, b) -> a.compareTo(b) <= 0 ? a : b);
    }
  }

  /** The documents, in the order in which they appeared. */
  Iterable<OfDocument> documents() {
    return documents.values();
  }

  /** What is known about the document at {@code path}; nothing if nobody asked for it. */
  OfDocument of(String path) {
    OfDocument known = documents.get(path);
    return known == null ? new OfDocument(path) : known;
  }

  /** The part of {@code operation} that is about {@code document}. */
  static Part part(Operation operation, String document) {
    for (Part part : operation.parts()) {
      if (part.document().equals(document)) {
        return part;
      }
    }
    throw new IllegalArgumentException(operation + " is not about " + document);
  }

  /** Whether the write leaves no document behind. */
  static boolean deletes(Operation write) {
    return write.kind() == Kind.DELETE;
  }
}
