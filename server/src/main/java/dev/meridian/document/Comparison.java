package dev.meridian.document;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A field compared with constants, as a {@link Filter} says it and an index can answer it.
 *
 * @param field the field; {@link Filter#ID} is the document's id
 * @param op how
 * @param values the constants: one, or for {@link Op#IN} any number
 */
public record Comparison(FieldPath field, Op op, List<Json> values) {
  /** How a field is compared. */
  public enum Op {
    /** Equal. */
    EQ,
    /** Less: only among numbers, among strings, and among booleans. */
    LT,
    /** Less or equal, as {@link #LT}. */
    LE,
    /** Greater, as {@link #LT}. */
    GT,
    /** Greater or equal, as {@link #LT}. */
    GE,
    /** A string that starts with the constant. */
    PREFIX,
    /** Equal to one of the constants. */
    IN
  }

  /** Copies and checks. */
  public Comparison {
    values = List.copyOf(values);
    if (op != Op.IN && values.size() != 1) {
      throw new IllegalArgumentException(op + " compares with one constant");
    }
  }

  /** The constant that is compared with. */
  public Json value() {
    return values.getFirst();
  }

  /** Whether it holds for a field with this value; null stands for a missing field. */
  public boolean holds(@Nullable Json actual) {
    if (actual == null) {
      return false;
    }
    return switch (op) {
      case EQ -> same(actual, value());
      case IN -> values.stream().anyMatch(value -> same(actual, value));
      case PREFIX ->
          actual instanceof Json.Str string
              && value() instanceof Json.Str prefix
              && string.value().startsWith(prefix.value());
      case LT -> comparable(actual) && order(actual) < 0;
      case LE -> comparable(actual) && order(actual) <= 0;
      case GT -> comparable(actual) && order(actual) > 0;
      case GE -> comparable(actual) && order(actual) >= 0;
    };
  }

  private int order(Json actual) {
    return JsonOrder.INSTANCE.compare(actual, value());
  }

  private boolean comparable(Json actual) {
    return actual.getClass() == value().getClass()
        && (actual instanceof Json.Num
            || actual instanceof Json.Str
            || actual instanceof Json.Bool);
  }

  private static boolean same(Json a, Json b) {
    return a.getClass() == b.getClass()
        && !(a instanceof Json.Arr)
        && !(a instanceof Json.Obj)
        && JsonOrder.INSTANCE.compare(a, b) == 0;
  }
}
