package dev.meridian.store;

import com.google.protobuf.ByteString;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.FieldPath;
import dev.meridian.document.FieldReader;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The secondary indexes of a database. They belong to this replica alone and follow from its
 * documents: each write keeps them in its own atomic step, and they may differ between replicas.
 *
 * <p>Everything that changes something is called under the store's write lock.
 */
final class Indexes {
  /** Most indexes of a store. */
  static final int MAX_INDEXES = 512;

  /** The indexes of the collections of one pattern, and a reader of all their fields. */
  record Group(List<Index> indexes, FieldReader reader, int[][] fields) {
    static Group of(List<Index> indexes) {
      LinkedHashSet<FieldPath> all = new LinkedHashSet<>();
      indexes.forEach(index -> index.definition().fields().forEach(f -> all.add(f.field())));
      List<FieldPath> distinct = List.copyOf(all);
      int[][] fields = new int[indexes.size()][];
      for (int i = 0; i < fields.length; i++) {
        fields[i] =
            indexes.get(i).definition().fields().stream()
                .mapToInt(sort -> distinct.indexOf(sort.field()))
                .toArray();
      }
      return new Group(List.copyOf(indexes), FieldReader.of(distinct), fields);
    }

    /** The document's key in each index. */
    byte[][] keys(List<String> segments, byte[] json) {
      @Nullable Json[] values = read(json);
      byte[][] keys = new byte[indexes.size()][];
      for (int i = 0; i < keys.length; i++) {
        @Nullable Json[] own = new @Nullable Json[fields[i].length];
        for (int j = 0; j < own.length; j++) {
          own[j] = values[fields[i][j]];
        }
        keys[i] = indexes.get(i).key(segments, own);
      }
      return keys;
    }

    private @Nullable Json[] read(byte[] json) {
      try {
        return reader.read(json);
      } catch (RuntimeException e) {
        // Not JSON, so nothing that any caller of ours stores. It has no fields then; refusing it
        // here would stop the replica on an entry that its peers without this index applied.
        return new @Nullable Json[Arrays.stream(fields).mapToInt(f -> max(f) + 1).max().orElse(0)];
      }
    }

    private static int max(int[] numbers) {
      return Arrays.stream(numbers).max().orElse(-1);
    }
  }

  private final Database database;

  /** By collection pattern. Replaced as a whole, under the store's write lock. */
  private volatile Map<String, Group> groups = Map.of();

  Indexes(Database database) {
    this.database = database;
  }

  /**
   * Makes these the indexes: drops others, begins new ones.
   *
   * @param empty whether there are no documents, so that a new index is complete at once
   */
  void define(List<IndexDefinition> definitions, boolean empty) {
    LinkedHashSet<IndexDefinition> wanted = new LinkedHashSet<>(definitions);
    if (wanted.size() > MAX_INDEXES) {
      throw new InvalidInputException(
          "A store has at most " + MAX_INDEXES + " indexes; " + wanted.size() + " are defined.");
    }
    Map<ByteString, byte[]> stored = states();
    List<Index> now = new ArrayList<>();
    int next = next();
    try (Database.Change change = database.change()) {
      for (IndexDefinition definition : wanted) {
        byte[] name = Index.metaKey(definition);
        byte[] state = stored.remove(ByteString.copyFrom(name));
        if (state != null) {
          now.add(Index.decode(definition, state));
        } else {
          Index index = new Index(definition, next++, empty, ByteString.EMPTY);
          change.put(Table.META, name, index.encode());
          now.add(index);
        }
      }
      stored.forEach(
          (name, state) -> {
            int number = Index.decode(state).getNumber();
            change.delete(Table.META, name.toByteArray());
            change.deleteRange(
                Table.INDEXES, IndexKeys.number(number), IndexKeys.number(number + 1));
          });
      change.put(
          Table.META, Meta.NEXT_INDEX_KEY, ByteBuffer.allocate(Integer.BYTES).putInt(next).array());
      change.commit();
    }
    publish(now);
  }

  /** The definitions of the indexes in the database. */
  List<IndexDefinition> stored() {
    return states().keySet().stream().map(name -> Index.definition(name.toByteArray())).toList();
  }

  /** The indexes of the collections of a pattern. */
  List<Index> of(String pattern) {
    Group group = groups.get(pattern);
    return group == null ? List.of() : group.indexes();
  }

  List<Index> all() {
    return groups.values().stream().flatMap(group -> group.indexes().stream()).toList();
  }

  /** All indexes by collection pattern. */
  Map<String, Group> groups() {
    return groups;
  }

  /** Takes note of an index's new state, which has been written. */
  void replace(Index index) {
    List<Index> now = new ArrayList<>();
    for (Index known : all()) {
      now.add(known.number() == index.number() ? index : known);
    }
    publish(now);
  }

  /** Whether {@link #update} needs the values of such a document. */
  boolean concern(DocumentPath path) {
    return !groups.isEmpty() && groups.containsKey(pattern(path.segments()));
  }

  /** Adds to a write what it means for the indexes. */
  void update(
      Database.Change change,
      DocumentPath path,
      Stored.@Nullable Live before,
      Stored.@Nullable Live now) {
    if (groups.isEmpty()) {
      return;
    }
    List<String> segments = path.segments();
    Group group = groups.get(pattern(segments));
    if (group == null) {
      return;
    }
    byte[][] old = before == null ? new byte[0][] : group.keys(segments, before.json());
    byte[][] fresh = now == null ? new byte[0][] : group.keys(segments, now.json());
    for (int i = 0; i < group.indexes().size(); i++) {
      byte[] from = old.length == 0 ? null : old[i];
      byte[] to = fresh.length == 0 ? null : fresh[i];
      if (!Arrays.equals(from, to)) {
        if (from != null) {
          change.delete(Table.INDEXES, from);
        }
        if (to != null) {
          change.put(Table.INDEXES, to, new byte[0]);
        }
      }
    }
  }

  private void publish(List<Index> indexes) {
    Map<String, List<Index>> byPattern = new LinkedHashMap<>();
    for (Index index : indexes) {
      byPattern.computeIfAbsent(index.definition().collection(), _ -> new ArrayList<>()).add(index);
    }
    Map<String, Group> published = new LinkedHashMap<>();
    byPattern.forEach((pattern, list) -> published.put(pattern, Group.of(list)));
    groups = Map.copyOf(published);
  }

  private Map<ByteString, byte[]> states() {
    Map<ByteString, byte[]> stored = new LinkedHashMap<>();
    try (Database.View view = database.view()) {
      Database.Scan scan =
          view.scan(Table.META, Meta.INDEX_PREFIX, Keys.afterPrefix(Meta.INDEX_PREFIX)).first();
      for (; scan.valid(); scan.next()) {
        stored.put(ByteString.copyFrom(scan.key()), scan.value());
      }
    }
    return stored;
  }

  private int next() {
    byte[] next = database.get(Table.META, Meta.NEXT_INDEX_KEY);
    return next == null ? 1 : ByteBuffer.wrap(next).getInt();
  }

  /** The pattern of the collection of a document with these segments. */
  static String pattern(List<String> segments) {
    if (segments.size() == 2) {
      return segments.getFirst();
    }
    StringBuilder pattern = new StringBuilder(segments.getFirst());
    for (int i = 2; i < segments.size(); i += 2) {
      pattern.append("/*/").append(segments.get(i));
    }
    return pattern.toString();
  }
}
