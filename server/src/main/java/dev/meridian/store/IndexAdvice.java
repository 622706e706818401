package dev.meridian.store;

import dev.meridian.document.Comparison;
import dev.meridian.document.FieldPath;
import dev.meridian.document.Filter;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Says how to make a query served that no index serves. */
final class IndexAdvice {
  /** The message for a list that would pass over too many documents that its reader cannot see. */
  static final String TOO_MANY_HIDDEN =
      "Between the documents you may see lie more than "
          + Listing.MAX_HIDDEN
          + " that a list may not pass over. Ask for what you may see: narrow 'where' by the field"
          + " that the collection's read rule goes by, with an index on it.";

  private IndexAdvice() {}

  /**
   * The message for a query that is refused.
   *
   * @param order what gives the order
   * @param building indexes of the collection that are not complete yet
   */
  static String message(Query query, @Nullable Sort order, List<IndexDefinition> building) {
    IndexDefinition wanted = wanted(query, order);
    if (wanted == null) {
      return "No index can serve this query: "
          + why(query, order)
          + " Or allow it to read documents one by one, with a 'scan' limit.";
    }
    if (building.contains(wanted)) {
      return "The index that serves this query is still being built; try again soon.";
    }
    return "No index serves this query. Add it to site.yaml:\n" + yaml(wanted);
  }

  /** The same on one line, for a query that stands in a file of the site. */
  static String shortMessage(Query query, @Nullable Sort order) {
    IndexDefinition wanted = wanted(query, order);
    return wanted == null
        ? "no index can serve this query: " + why(query, order)
        : "no index serves this query; add '- "
            + list(wanted)
            + "' to the indexes of '"
            + wanted.collection()
            + "' in site.yaml, or allow a 'scan' of so many documents.";
  }

  /** The message for a query that reads more than it may. */
  static String tooMuch(Query query, @Nullable Sort order) {
    IndexDefinition wanted = wanted(query, order);
    return "Without an index this query has to read more than the "
        + query.scan()
        + " documents that its 'scan' allows. "
        + (wanted == null
            ? "Narrow it down: " + why(query, order)
            : "Add the index to site.yaml:\n" + yaml(wanted));
  }

  private static String yaml(IndexDefinition index) {
    return "collections:\n  " + index.collection() + ":\n    indexes:\n      - " + list(index);
  }

  private static String list(IndexDefinition index) {
    return "[" + String.join(", ", index.fields().stream().map(Sort::toString).toList()) + "]";
  }

  /** The index that would serve the query; null when none would. */
  static @Nullable IndexDefinition wanted(Query query, @Nullable Sort order) {
    Filter where = query.where();
    List<Comparison> conditions = where == null ? List.of() : where.conjuncts();
    Set<FieldPath> equal = new LinkedHashSet<>();
    Set<FieldPath> ranged = new LinkedHashSet<>();
    for (Comparison comparison : conditions) {
      if (!comparison.field().equals(Filter.ID)) {
        boolean points =
            comparison.op() == Comparison.Op.EQ
                || (comparison.op() == Comparison.Op.IN
                    && comparison.values().size() <= Planner.MAX_RANGES
                    && (order == null || !order.field().equals(comparison.field())));
        (points ? equal : ranged).add(comparison.field());
      }
    }
    ranged.removeAll(equal);
    LinkedHashSet<Sort> fields = new LinkedHashSet<>();
    equal.forEach(field -> fields.add(new Sort(field, false)));
    if (order != null && !order.field().equals(Filter.ID)) {
      if (equal.isEmpty() && where != null && !ranged.contains(order.field())) {
        return null;
      }
      fields.add(order);
    } else if (order == null && !ranged.isEmpty()) {
      fields.add(new Sort(ranged.iterator().next(), false));
    }
    if (fields.isEmpty() || fields.size() > IndexDefinition.MAX_FIELDS) {
      return null;
    }
    return new IndexDefinition(query.collection().pattern(), List.copyOf(fields));
  }

  private static String why(Query query, @Nullable Sort order) {
    return order == null
        ? "nothing in 'where' compares a field with a constant in a way that must hold for every"
            + " result (as in country == \"IS\" && population > 1000)."
        : "together with sorting by '"
            + order.field()
            + "', 'where' must compare that field, or another one for equality.";
  }
}
