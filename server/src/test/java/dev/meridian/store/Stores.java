package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.DocumentPath;
import java.util.stream.Stream;

/** Short forms for tests of the store. */
final class Stores {
  private Stores() {}

  static DocumentPath path(String text) {
    return DocumentPath.parse(text);
  }

  static Write.Put put(String path, String json) {
    return new Write.Put(path(path), json.getBytes(UTF_8), Condition.NONE, Expiry.NEVER);
  }

  static Write.Delete delete(String path) {
    return new Write.Delete(path(path), Condition.NONE);
  }

  static IndexDefinition index(String collection, String... fields) {
    return new IndexDefinition(collection, Stream.of(fields).map(Sort::parse).toList());
  }
}
