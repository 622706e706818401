package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import dev.meridian.document.Comparison;
import dev.meridian.document.Comparison.Op;
import dev.meridian.document.FieldPath;
import dev.meridian.document.Filter;
import dev.meridian.document.Json;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Chooses how to answer a query.
 *
 * <p>An index is of use when its first fields are each compared for equality, or with a few values,
 * and its next field is compared by a range or gives the order asked for. The id is every index's
 * last field, so what is found by equality alone comes ordered by id. Of the indexes that give the
 * order, the one that fixes more fields wins.
 */
final class Planner {
  /** Most runs of keys that a plan merges; a longer list of values is left to the final check. */
  static final int MAX_RANGES = 64;

  private final Query query;
  private final Map<FieldPath, List<Comparison>> conditions = new LinkedHashMap<>();

  /** What gives the order; null when any will do. A field fixed by the query orders nothing. */
  private final @Nullable Sort order;

  Planner(Query query) {
    this.query = query;
    Filter where = query.where();
    if (where != null) {
      for (Comparison comparison : where.conjuncts()) {
        conditions.computeIfAbsent(comparison.field(), _ -> new ArrayList<>()).add(comparison);
      }
    }
    Sort sort = query.sort();
    order =
        sort != null && equal(sort.field()) != null ? new Sort(Filter.ID, sort.descending()) : sort;
  }

  @Nullable Sort order() {
    return order;
  }

  /** The best plan with these indexes; there always is one, if only to walk over everything. */
  Plan plan(List<Index> indexes) {
    Plan best = primary();
    for (Index index : indexes) {
      Plan plan = plan(index);
      if (plan.score(query) > best.score(query)) {
        best = plan;
      }
    }
    return best;
  }

  /** The plan that walks the primary key. */
  Plan primary() {
    byte[] prefix = Keys.prefix(query.collection());
    List<KeyRange> ids = idRanges();
    return new Plan(
        null,
        ids.stream().map(range -> new Plan.Range(range.after(prefix), prefix)).toList(),
        order == null || order.field().equals(Filter.ID) ? Plan.OrderKey.ID : Plan.OrderKey.FIELD,
        order != null && order.descending(),
        false,
        conditions.containsKey(Filter.ID),
        order == null || order.field().equals(Filter.ID),
        equal(Filter.ID) != null ? 1 : 0);
  }

  /** The plan that walks this index. */
  Plan plan(Index index) {
    byte[] base = IndexKeys.base(index.number(), query.collection().segments());
    int fields = index.definition().fields().size();
    List<byte[]> prefixes = List.of(base);
    int fixed = 0;
    while (fixed <= fields) {
      List<byte[]> longer = fix(prefixes, field(index, fixed), index.descending(fixed));
      if (longer.isEmpty()) {
        break;
      }
      prefixes = longer;
      fixed++;
    }
    boolean ordered = order == null || ordersBy(index, fixed, order.field());
    List<KeyRange> next =
        fixed <= fields
            ? ranges(field(index, fixed), index.descending(fixed), MAX_RANGES / prefixes.size())
            : List.of();
    List<Plan.Range> ranges = new ArrayList<>();
    for (byte[] prefix : prefixes) {
      byte[] orderedAfter = order == null ? base : prefix;
      if (next.isEmpty()) {
        ranges.add(new Plan.Range(KeyRange.startingWith(prefix), orderedAfter));
      }
      for (KeyRange range : next) {
        if (!range.isEmpty()) {
          ranges.add(new Plan.Range(range.after(prefix), orderedAfter));
        }
      }
    }
    boolean downwards = order != null && index.descending(fixed);
    return new Plan(
        index,
        ranges,
        order == null
            ? Plan.OrderKey.INDEX
            : order.field().equals(Filter.ID) ? Plan.OrderKey.ID : Plan.OrderKey.FIELD,
        order != null && order.descending() != downwards,
        downwards,
        fixed > 0 || !next.isEmpty(),
        ordered,
        fixed);
  }

  private static FieldPath field(Index index, int i) {
    List<Sort> fields = index.definition().fields();
    return i < fields.size() ? fields.get(i).field() : Filter.ID;
  }

  /** Whether the keys, after {@code fixed} fields, are ordered by {@code by} and then by id. */
  private static boolean ordersBy(Index index, int fixed, FieldPath by) {
    int fields = index.definition().fields().size();
    return fixed <= fields
        && field(index, fixed).equals(by)
        && (fixed == fields || fixed + 1 == fields);
  }

  /** The prefixes with each value the next field may equal; empty when that is not so limited. */
  private List<byte[]> fix(List<byte[]> prefixes, FieldPath field, boolean descending) {
    Comparison equal = equal(field);
    List<Json> values;
    if (equal != null) {
      values = equal.values();
    } else if (order == null || !order.field().equals(field)) {
      values = listed(field, MAX_RANGES / prefixes.size());
    } else {
      return List.of(); // its values are ranges of what gives the order
    }
    List<byte[]> longer = new ArrayList<>();
    for (byte[] prefix : prefixes) {
      for (byte[] value : encoded(values, descending)) {
        longer.add(Keys.concat(prefix, value));
      }
    }
    return longer;
  }

  /** The runs of values that a field may have; empty when the query does not limit them. */
  private List<KeyRange> ranges(FieldPath field, boolean descending, int max) {
    List<Json> values = listed(field, max);
    if (!values.isEmpty()) {
      return encoded(values, descending).stream().map(KeyRange::startingWith).toList();
    }
    KeyRange range = null;
    for (Comparison comparison : conditions.getOrDefault(field, List.of())) {
      if (comparison.op() != Op.IN) {
        KeyRange one = KeyRange.of(comparison, descending);
        range = range == null ? one : range.intersect(one);
      }
    }
    return range == null ? List.of() : List.of(range);
  }

  /** The runs of the primary key's ids: raw, not encoded. */
  private List<KeyRange> idRanges() {
    KeyRange range = new KeyRange(new byte[0], new byte[] {(byte) 0xff}); // no UTF-8 has it
    Set<ByteString> points = new LinkedHashSet<>();
    boolean listed = false;
    for (Comparison comparison : conditions.getOrDefault(Filter.ID, List.of())) {
      if (comparison.op() == Op.IN || comparison.op() == Op.EQ) {
        if (!listed) {
          comparison.values().stream()
              .filter(value -> value instanceof Json.Str)
              .forEach(value -> points.add(ByteString.copyFromUtf8(((Json.Str) value).value())));
          listed = true;
        }
      } else {
        range = range.intersect(idRange(comparison));
      }
    }
    if (!listed) {
      return range.isEmpty() ? List.of() : List.of(range);
    }
    KeyRange within = range;
    return points.stream()
        .map(ByteString::toByteArray)
        .sorted(Arrays::compareUnsigned)
        .map(id -> new KeyRange(id, Keys.concat(id, new byte[] {0})).intersect(within))
        .filter(point -> !point.isEmpty())
        .toList();
  }

  private static KeyRange idRange(Comparison comparison) {
    byte[] least = {};
    byte[] most = {(byte) 0xff};
    if (!(comparison.value() instanceof Json.Str(String text))) {
      return new KeyRange(least, least);
    }
    byte[] id = text.getBytes(UTF_8);
    // What lies below a document follows it, after a byte 0.
    return switch (comparison.op()) {
      case LT -> new KeyRange(least, id);
      case LE -> new KeyRange(least, Keys.concat(id, new byte[] {0}));
      case GT -> new KeyRange(Keys.concat(id, new byte[] {1}), most);
      case GE -> new KeyRange(id, most);
      case PREFIX -> id.length == 0 ? new KeyRange(least, most) : KeyRange.startingWith(id);
      case EQ, IN -> throw new IllegalArgumentException("points");
    };
  }

  private @Nullable Comparison equal(FieldPath field) {
    for (Comparison comparison : conditions.getOrDefault(field, List.of())) {
      if (comparison.op() == Op.EQ) {
        return comparison;
      }
    }
    return null;
  }

  private List<Json> listed(FieldPath field, int max) {
    for (Comparison comparison : conditions.getOrDefault(field, List.of())) {
      if (comparison.op() == Op.IN && comparison.values().size() <= max) {
        return comparison.values();
      }
    }
    return List.of();
  }

  private static List<byte[]> encoded(List<Json> values, boolean descending) {
    Set<ByteString> distinct = new LinkedHashSet<>();
    for (Json value : values) {
      distinct.add(ByteString.copyFrom(IndexKeys.field(value, descending)));
    }
    return distinct.stream().map(ByteString::toByteArray).toList();
  }
}
