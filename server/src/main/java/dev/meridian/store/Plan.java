package dev.meridian.store;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a query is answered: by walking some runs of keys of the primary key or of an index; each
 * document found is checked against the query again.
 *
 * @param index which index; null for the primary key
 * @param ranges the runs of keys, none of them overlapping
 * @param by which fields order the documents
 * @param backwards whether the runs are walked from their ends
 * @param downwards whether the part of keys that gives the order is stored downwards
 * @param narrowed whether the runs hold only what some part of {@code where} admits
 * @param ordered whether the walk meets documents in the query's order
 * @param fixed how many fields are compared for equality
 */
record Plan(
    @Nullable Index index,
    List<Range> ranges,
    OrderKey by,
    boolean backwards,
    boolean downwards,
    boolean narrowed,
    boolean ordered,
    int fixed) {
  /**
   * A run of keys.
   *
   * @param keys the keys
   * @param prefix what all of them begin with; the part that gives the order follows
   */
  record Range(KeyRange keys, byte[] prefix) {}

  /** By what documents are ordered. */
  enum OrderKey {
    /** The id. */
    ID,
    /** The field of the query's sort, then the id. */
    FIELD,
    /** All fields of the index, then the id. */
    INDEX
  }

  /** Whether the query is answered without reading much that is thrown away. */
  boolean serves(Query query) {
    return ordered && (narrowed || query.where() == null);
  }

  /** Of two plans the better has the higher score. */
  int score(Query query) {
    return (serves(query) ? 1_000 : 0)
        + (narrowed ? 100 : 0)
        + 10 * fixed
        + (index == null && fixed > 0 ? 50 : 0) // one document
        + (ordered ? 1 : 0);
  }
}
