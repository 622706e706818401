package dev.meridian.document;

import dev.cel.common.ast.CelConstant;
import dev.cel.common.ast.CelExpr;
import dev.cel.common.ast.CelExpr.ExprKind.Kind;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Recognises the conditions that an index can answer: a field compared with constants, either side
 * first; a field in a list of constants; a field that starts with a constant; a field that is true
 * or is not.
 */
final class ComparisonReader {
  private ComparisonReader() {}

  /** What the condition says, or null when it is of another kind. */
  static @Nullable Comparison read(CelExpr condition) {
    FieldPath flag = field(condition);
    if (flag != null) {
      return new Comparison(flag, Comparison.Op.EQ, List.of(new Json.Bool(true)));
    }
    if (condition.getKind() != Kind.CALL) {
      return null;
    }
    CelExpr.CelCall call = condition.call();
    List<CelExpr> args = call.args();
    return switch (call.function()) {
      case "_==_" -> compared(args, Comparison.Op.EQ, Comparison.Op.EQ);
      case "_<_" -> compared(args, Comparison.Op.LT, Comparison.Op.GT);
      case "_<=_" -> compared(args, Comparison.Op.LE, Comparison.Op.GE);
      case "_>_" -> compared(args, Comparison.Op.GT, Comparison.Op.LT);
      case "_>=_" -> compared(args, Comparison.Op.GE, Comparison.Op.LE);
      case "!_" -> {
        FieldPath field = field(args.getFirst());
        yield field == null
            ? null
            : new Comparison(field, Comparison.Op.EQ, List.of(new Json.Bool(false)));
      }
      case "@in" -> in(args.get(0), args.get(1));
      case "startsWith" -> {
        FieldPath field = call.target().map(ComparisonReader::field).orElse(null);
        Json prefix = args.size() == 1 ? constant(args.getFirst()) : null;
        yield field != null && prefix instanceof Json.Str
            ? new Comparison(field, Comparison.Op.PREFIX, List.of(prefix))
            : null;
      }
      default -> null;
    };
  }

  private static @Nullable Comparison compared(
      List<CelExpr> args, Comparison.Op op, Comparison.Op turned) {
    FieldPath left = field(args.get(0));
    FieldPath right = field(args.get(1));
    Json constant = constant(args.get(left == null ? 0 : 1));
    FieldPath field = left == null ? right : left;
    if (field == null || constant == null) {
      return null;
    }
    return new Comparison(field, left == null ? turned : op, List.of(constant));
  }

  private static @Nullable Comparison in(CelExpr member, CelExpr list) {
    FieldPath field = field(member);
    if (field == null || list.getKind() != Kind.LIST) {
      return null;
    }
    List<Json> values = new ArrayList<>();
    for (CelExpr element : list.list().elements()) {
      Json constant = constant(element);
      if (constant == null) {
        return null;
      }
      values.add(constant);
    }
    return new Comparison(field, Comparison.Op.IN, values);
  }

  private static @Nullable FieldPath field(CelExpr expression) {
    List<String> names = CelTrees.chain(expression);
    if (names == null) {
      return null;
    }
    if (names.getFirst().equals("_value")) {
      names.removeFirst();
      boolean isField = !names.isEmpty() && !names.getFirst().equals("_id");
      return isField ? new FieldPath(names) : null;
    }
    boolean insideId = names.getFirst().equals("_id") && names.size() > 1;
    return insideId ? null : new FieldPath(names);
  }

  private static @Nullable Json constant(CelExpr expression) {
    if (expression.getKind() != Kind.CONSTANT) {
      return null;
    }
    CelConstant constant = expression.constant();
    return switch (constant.getKind()) {
      case NULL_VALUE -> Json.NULL;
      case BOOLEAN_VALUE -> new Json.Bool(constant.booleanValue());
      case INT64_VALUE -> Json.Num.of(constant.int64Value());
      case UINT64_VALUE -> new Json.Num(constant.uint64Value().toString());
      case DOUBLE_VALUE ->
          Double.isFinite(constant.doubleValue())
              ? new Json.Num(Double.toString(constant.doubleValue()))
              : null;
      case STRING_VALUE -> new Json.Str(constant.stringValue());
      default -> null;
    };
  }
}
