package dev.meridian.document;

import dev.cel.checker.CelChecker;
import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelErrorCode;
import dev.cel.common.CelIssue;
import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.common.CelValidationResult;
import dev.cel.common.CelVarDecl;
import dev.cel.common.types.CelType;
import dev.cel.common.types.SimpleType;
import dev.cel.common.values.NullValue;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.parser.CelMacro;
import dev.cel.parser.CelParser;
import dev.cel.parser.CelParserFactory;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelEvaluationListener;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import dev.cel.runtime.CelUnknownSet;
import dev.cel.runtime.CelVariableResolver;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The Common Expression Language, bounded: what {@link Filter} and {@link Expression} share.
 *
 * <p>The language has no loops but those over lists and maps that are there, so every expression
 * ends; the bounds below keep that end near. Regular expressions are RE2's, linear in the text.
 *
 * <p>Loading the parser, the checker and the runtime costs some hundred milliseconds each, once, so
 * each is made when it is first needed.
 */
final class Cel {
  /** Longest expression in characters. */
  static final int MAX_CHARS = 4096;

  /** Deepest nesting of an expression, and most nodes in it. */
  private static final int MAX_DEPTH = 64;

  private static final int MAX_NODES = 2_000;

  /** Most turns of all loops in one evaluation. */
  private static final int MAX_TURNS = 50_000;

  /**
   * Most steps in one evaluation: one for every value computed, and one more for every {@link
   * #STEP_SIZE} characters or items in it, which is what comparing or searching it may cost.
   */
  private static final int MAX_STEPS = 200_000;

  private static final int STEP_SIZE = 64;
  private static final int MAX_REGEX_SIZE = 1_000;

  private static final CelOptions OPTIONS =
      CelOptions.current()
          .enableHeterogeneousNumericComparisons(true)
          .maxExpressionCodePointSize(MAX_CHARS)
          .maxParseRecursionDepth(MAX_DEPTH)
          .maxParseExpressionNodeCount(MAX_NODES)
          .maxParseErrorRecoveryLimit(1)
          .comprehensionMaxIterations(MAX_TURNS)
          .maxRegexProgramSize(MAX_REGEX_SIZE)
          .build();

  private Cel() {}

  /** Too much work, seen while evaluating. */
  private static final class OutOfSteps extends RuntimeException {
    private static final long serialVersionUID = 1;

    OutOfSteps() {
      super("out of steps", null, false, false);
    }
  }

  private static final class Runtime {
    static final CelRuntime RUNTIME =
        CelRuntimeFactory.standardCelRuntimeBuilder().setOptions(OPTIONS).build();
  }

  /** A parser with the standard macros, its {@code has} replaced when another is given. */
  static CelParser parser(@Nullable CelMacro has) {
    var builder = CelParserFactory.standardCelParserBuilder().setOptions(OPTIONS);
    List<CelStandardMacro> macros = new ArrayList<>(CelStandardMacro.STANDARD_MACROS);
    if (has != null) {
      macros.remove(CelStandardMacro.HAS);
      builder.addMacros(has);
    }
    return builder.setStandardMacros(macros).build();
  }

  /**
   * Reads an expression.
   *
   * @throws InvalidInputException if it is none, too long or too deep
   */
  static CelAbstractSyntaxTree parse(CelParser parser, String source) {
    if (source.length() > MAX_CHARS) {
      throw new InvalidInputException(
          "The expression has "
              + source.length()
              + " characters; at most "
              + MAX_CHARS
              + " are accepted. Shorten it.");
    }
    if (source.isBlank()) {
      throw new InvalidInputException(
          "The expression is empty; write one such as country == \"IS\".");
    }
    CelAbstractSyntaxTree ast = tree(parser.parse(source));
    CelTrees.checkDepth(ast.getExpr(), MAX_DEPTH);
    return ast;
  }

  /**
   * Checks an expression whose value is true or false.
   *
   * @param variables each variable's name and type
   */
  static CelAbstractSyntaxTree check(
      CelAbstractSyntaxTree parsed, Map<String, ? extends CelType> variables) {
    List<CelVarDecl> declarations = new ArrayList<>();
    variables.forEach((name, type) -> declarations.add(CelVarDecl.newVarDeclaration(name, type)));
    CelChecker checker =
        CelCompilerFactory.standardCelCheckerBuilder()
            .setOptions(OPTIONS)
            .addVarDeclarations(declarations)
            .build();
    return tree(checker.check(parsed));
  }

  /** Whether a checked expression can be true or false. */
  static boolean isCondition(CelAbstractSyntaxTree checked) {
    CelType type = checked.getResultType();
    return type.equals(SimpleType.BOOL) || type.equals(SimpleType.DYN);
  }

  static CelRuntime.Program program(CelAbstractSyntaxTree checked) {
    try {
      return Runtime.RUNTIME.createProgram(checked);
    } catch (CelEvaluationException e) {
      throw new InvalidInputException("Invalid expression: " + said(e.getMessage()) + ".", e);
    }
  }

  /**
   * The value of an expression.
   *
   * @return null when it has none: a field is missing, or of another type than is needed
   * @throws InvalidInputException if it is too much work
   */
  static @Nullable Object evaluate(CelRuntime.Program program, CelVariableResolver variables) {
    StepCounter steps = new StepCounter();
    try {
      Object value = program.trace(variables, steps);
      return value instanceof CelUnknownSet ? null : value; // a variable is missing
    } catch (CelEvaluationException e) {
      if (e.getErrorCode() == CelErrorCode.ITERATION_BUDGET_EXCEEDED || steps.isOver()) {
        throw tooMuchWork();
      }
      return null;
    } catch (OutOfSteps e) {
      throw tooMuchWork();
    } catch (RuntimeException e) {
      // A library function that fails on a value it does not like: no value, as above.
      return null;
    }
  }

  private static InvalidInputException tooMuchWork() {
    return new InvalidInputException(
        "The expression takes too many steps for one document; loop over fewer items.");
  }

  private static final class StepCounter implements CelEvaluationListener {
    private int left = MAX_STEPS;

    boolean isOver() {
      return left < 0;
    }

    @Override
    public void callback(dev.cel.common.ast.CelExpr expression, Object value) {
      left--;
      switch (value) {
        case String text -> left -= text.length() / STEP_SIZE;
        case List<?> list -> left -= list.size() / STEP_SIZE;
        case null, default -> {}
      }
      if (left < 0) {
        throw new OutOfSteps();
      }
    }
  }

  private static CelAbstractSyntaxTree tree(CelValidationResult result) {
    if (result.hasError()) {
      CelIssue issue = result.getErrors().getFirst();
      int line = issue.getSourceLocation().getLine();
      int column = issue.getSourceLocation().getColumn();
      String place = line < 1 ? "" : " at line " + line + ", column " + (column + 1);
      throw new InvalidInputException(
          "Invalid expression" + place + ": " + said(issue.getMessage()) + ".");
    }
    try {
      return result.getAst();
    } catch (CelValidationException e) {
      throw new InvalidInputException("Invalid expression: " + said(e.getMessage()) + ".", e);
    }
  }

  /** The library's message, fit for the end of ours. */
  private static String said(@Nullable String message) {
    if (message == null) {
      return "it cannot be read";
    }
    // The parser lists every token it could go on with.
    int expecting = message.indexOf(" expecting {");
    String text = expecting < 0 ? message : message.substring(0, expecting);
    return text.length() > 300 ? text.substring(0, 300) + "…" : text.replaceAll("\\.$", "");
  }

  // -- values ---------------------------------------------------------------------------------

  /**
   * A JSON value as CEL knows it: integers within 64 bits are exact ints, all other numbers are
   * doubles.
   */
  static Object value(Json json) {
    return switch (json) {
      case Json.Obj object -> {
        Map<String, Object> members = LinkedHashMap.newLinkedHashMap(object.members().size());
        object.members().forEach((name, member) -> members.put(name, value(member)));
        yield members;
      }
      case Json.Arr array -> {
        List<Object> items = new ArrayList<>(array.items().size());
        array.items().forEach(item -> items.add(value(item)));
        yield items;
      }
      case Json.Str string -> string.value();
      case Json.Num number -> number(number.text());
      case Json.Bool bool -> bool.value();
      case Json.Null() -> NullValue.NULL_VALUE;
    };
  }

  private static Object number(String text) {
    if (text.length() <= 20 && text.chars().allMatch(c -> c == '-' || (c >= '0' && c <= '9'))) {
      try {
        return Long.valueOf(text);
      } catch (NumberFormatException e) {
        // Beyond 64 bits.
      }
    }
    return Double.valueOf(text);
  }

  /** Variables by name. */
  interface Variables extends CelVariableResolver {
    @Nullable Object get(String name);

    @Override
    default Optional<Object> find(String name) {
      return Optional.ofNullable(get(name));
    }
  }
}
