package dev.meridian.store;

import dev.meridian.document.DocumentPath;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The secondary indexes of a database. */
final class Indexes {
  void define(List<IndexDefinition> definitions) {}

  void update(
      Database.Change change,
      DocumentPath path,
      Stored.@Nullable Live before,
      Stored.@Nullable Live now) {}
}
