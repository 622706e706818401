package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import io.pebbletemplates.pebble.error.RootAttributeNotFoundException;
import io.pebbletemplates.pebble.extension.NodeVisitor;
import io.pebbletemplates.pebble.extension.escaper.SafeString;
import io.pebbletemplates.pebble.node.expression.BinaryExpression;
import io.pebbletemplates.pebble.node.expression.Expression;
import io.pebbletemplates.pebble.node.expression.UnaryExpression;
import io.pebbletemplates.pebble.operator.Associativity;
import io.pebbletemplates.pebble.operator.BinaryOperator;
import io.pebbletemplates.pebble.operator.BinaryOperatorImpl;
import io.pebbletemplates.pebble.operator.BinaryOperatorType;
import io.pebbletemplates.pebble.operator.UnaryOperator;
import io.pebbletemplates.pebble.operator.UnaryOperatorImpl;
import io.pebbletemplates.pebble.template.EvaluationContextImpl;
import io.pebbletemplates.pebble.template.PebbleTemplateImpl;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What expressions of templates mean where Pebble would have it otherwise: any value may stand in a
 * condition, and a mistake is reported with its line.
 */
final class TemplateExpressions {
  private TemplateExpressions() {}

  /** Null, false, 0, empty text, an empty list and an empty object are false; all else is true. */
  static boolean isTrue(@Nullable Object value) {
    return switch (value) {
      case null -> false;
      case Boolean bool -> bool;
      case Number number -> number.doubleValue() != 0;
      case String text -> !text.isEmpty();
      case SafeString text -> !text.toString().isEmpty();
      case Collection<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      default -> true;
    };
  }

  /** The operators that ask whether something is true. */
  static List<BinaryOperator> binaryOperators() {
    return List.of(
        new BinaryOperatorImpl("or", 10, Or::new, BinaryOperatorType.NORMAL, Associativity.LEFT),
        new BinaryOperatorImpl("and", 15, And::new, BinaryOperatorType.NORMAL, Associativity.LEFT));
  }

  /** The same with one operand. */
  static List<UnaryOperator> unaryOperators() {
    return List.of(new UnaryOperatorImpl("not", 500, Not.class));
  }

  private static final class Or extends BinaryExpression<Boolean> {
    @Override
    public Boolean evaluate(PebbleTemplateImpl self, EvaluationContextImpl context) {
      return isTrue(getLeftExpression().evaluate(self, context))
          || isTrue(getRightExpression().evaluate(self, context));
    }
  }

  private static final class And extends BinaryExpression<Boolean> {
    @Override
    public Boolean evaluate(PebbleTemplateImpl self, EvaluationContextImpl context) {
      return isTrue(getLeftExpression().evaluate(self, context))
          && isTrue(getRightExpression().evaluate(self, context));
    }
  }

  /** Public because Pebble makes it by reflection. */
  public static final class Not extends UnaryExpression {
    @Override
    public Object evaluate(PebbleTemplateImpl self, EvaluationContextImpl context) {
      return !isTrue(getChildExpression().evaluate(self, context));
    }
  }

  /** A whole expression, whose mistakes are reported as of {@code line}. */
  record Placed(Expression<?> inner, int line) implements Expression<Object> {
    @Override
    public @Nullable Object evaluate(PebbleTemplateImpl self, EvaluationContextImpl context) {
      try {
        return inner.evaluate(self, context);
      } catch (RootAttributeNotFoundException e) {
        throw new PageFailure(self.getName(), line, e.getPebbleMessage(), e);
      } catch (RuntimeException e) {
        if (!isMisfit(e)) {
          throw e;
        }
        throw new PageFailure(
            self.getName(),
            line,
            e instanceof ClassCastException
                ? "a value has another type than its use needs; before '?' write a condition, such"
                    + " as 'list is not empty'."
                : "a value does not fit its use: " + e.getMessage() + ".",
            e);
      }
    }

    /** Whether it is one of those that Pebble's own operators throw for operands of other types. */
    private static boolean isMisfit(RuntimeException e) {
      return e instanceof ArithmeticException
          || e instanceof ClassCastException
          || e instanceof IllegalArgumentException && !(e instanceof InvalidInputException)
          || e.getClass() == RuntimeException.class;
    }

    @Override
    public int getLineNumber() {
      return line;
    }

    @Override
    public void accept(NodeVisitor visitor) {
      inner.accept(visitor);
    }
  }

  /** The condition of an if. */
  record Condition(Placed inner) implements Expression<Boolean> {
    @Override
    public Boolean evaluate(PebbleTemplateImpl self, EvaluationContextImpl context) {
      return isTrue(inner.evaluate(self, context));
    }

    @Override
    public int getLineNumber() {
      return inner.line();
    }

    @Override
    public void accept(NodeVisitor visitor) {
      inner.accept(visitor);
    }
  }

  /** What a for goes through; of null there is nothing to go through. */
  record Items(Placed inner) implements Expression<Object> {
    @Override
    public Object evaluate(PebbleTemplateImpl self, EvaluationContextImpl context) {
      Object items = inner.evaluate(self, context);
      return items == null ? List.of() : items;
    }

    @Override
    public int getLineNumber() {
      return inner.line();
    }

    @Override
    public void accept(NodeVisitor visitor) {
      inner.accept(visitor);
    }
  }

  /** The value of a set, which must not grow without bounds: a loop doubles a text in no time. */
  record Bounded(Placed inner) implements Expression<Object> {
    @Override
    public @Nullable Object evaluate(PebbleTemplateImpl self, EvaluationContextImpl context) {
      Object value = inner.evaluate(self, context);
      int size =
          switch (value) {
            case String text -> text.length();
            case SafeString text -> text.toString().length();
            case Collection<?> list -> list.size();
            case Map<?, ?> map -> map.size();
            case null, default -> 0;
          };
      if (size > Rendering.CURRENT.get().maxChars()) {
        throw new PageFailure(
            self.getName(), inner.line(), "this value grows larger than a page may be.", null);
      }
      return value;
    }

    @Override
    public int getLineNumber() {
      return inner.line();
    }

    @Override
    public void accept(NodeVisitor visitor) {
      inner.accept(visitor);
    }
  }
}
