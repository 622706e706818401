package dev.meridian.document;

import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.types.CelType;
import dev.cel.common.types.ListType;
import dev.cel.common.types.MapType;
import dev.cel.common.types.SimpleType;
import dev.cel.parser.CelParser;
import dev.cel.runtime.CelRuntime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A CEL expression over declared variables: an access rule such as {@code auth.key ||
 * document.owner == auth.user}. The bounds are those of {@link Filter}.
 *
 * <p>Immutable; may be used by any number of threads.
 */
public final class Expression {
  private final String source;
  private final @Nullable Boolean constant;
  private final CelRuntime.@Nullable Program program; // null when it is constant or members
  private final List<Member> members; // empty unless it is members
  private final Set<String> used;

  private Expression(
      String source,
      @Nullable Boolean constant,
      CelRuntime.@Nullable Program program,
      List<Member> members,
      Set<String> used) {
    this.source = source;
    this.constant = constant;
    this.program = program;
    this.members = List.copyOf(members);
    this.used = used;
  }

  /** The expression as it was written. */
  public String source() {
    return source;
  }

  /** What a variable holds. */
  public enum Type {
    /** Anything; a use that does not fit the value has no value. */
    DYN,
    /** A map from text to anything. */
    MAP,
    /** A list of anything. */
    LIST,
    /** Text. */
    STRING,
    /** True or false. */
    BOOL,
    /** An integer of 64 bits. */
    INT
  }

  /** A member of a map variable, as in {@code auth.key}. */
  private record Member(String variable, String field) {
    @Nullable Object in(Map<String, ?> variables) {
      return switch (variables.get(variable)) {
        case Map<?, ?> map -> map.get(field);
        case Json.Obj(Map<String, Json> members) ->
            members.get(field) instanceof Json.Bool(boolean value) ? (Object) value : null;
        case null, default -> null;
      };
    }
  }

  /** Members joined by "or": what default rules are made of. */
  private static final Pattern MEMBERS =
      Pattern.compile("[a-z]+\\.[a-z]+(?: *\\|\\| *[a-z]+\\.[a-z]+){0,7}");

  /** Words that name no member in CEL. */
  private static final Set<String> RESERVED =
      Set.of(
          "as",
          "break",
          "const",
          "continue",
          "else",
          "false",
          "for",
          "function",
          "if",
          "import",
          "in",
          "let",
          "loop",
          "namespace",
          "null",
          "package",
          "return",
          "true",
          "var",
          "void",
          "while");

  /**
   * Compiles an expression. {@code true}, {@code false} and members of map variables joined by
   * {@code ||} cost nothing; the first other one loads the language, which takes some hundred
   * milliseconds.
   *
   * @param variables the names it may use, and what they hold
   * @throws InvalidInputException if it is no valid expression; the message says where
   */
  public static Expression compile(String source, Map<String, Type> variables) {
    String word = source.strip();
    if (word.equals("true") || word.equals("false")) {
      return new Expression(source, word.equals("true"), null, List.of(), Set.of());
    }
    List<Member> members = members(word, variables);
    if (!members.isEmpty()) {
      Set<String> used = new HashSet<>();
      members.forEach(member -> used.add(member.variable));
      return new Expression(source, null, null, members, Set.copyOf(used));
    }
    return Compiler.compile(source, variables);
  }

  private static List<Member> members(String source, Map<String, Type> variables) {
    if (!MEMBERS.matcher(source).matches()) {
      return List.of();
    }
    List<Member> members = new ArrayList<>();
    for (String part : source.split("\\|\\|", -1)) {
      String term = part.strip();
      int dot = term.indexOf('.');
      Member member = new Member(term.substring(0, dot), term.substring(dot + 1));
      if (variables.get(member.variable) != Type.MAP || RESERVED.contains(member.field)) {
        return List.of(); // the compiler says what is wrong with it
      }
      members.add(member);
    }
    return members;
  }

  /** Whether it is {@code true} or {@code false}, whatever the variables. */
  public boolean isConstant() {
    return constant != null;
  }

  /**
   * The value of a constant expression.
   *
   * @throws IllegalStateException if it is none
   */
  public boolean constantValue() {
    if (constant == null) {
      throw new IllegalStateException("'" + source + "' is no constant");
    }
    return constant;
  }

  /** Whether it uses that variable at all; if not, there is no need to find its value. */
  public boolean uses(String variable) {
    return used.contains(variable);
  }

  /**
   * The expression's value: a {@link Boolean}, {@link Long}, {@link Double}, {@link String}, list,
   * map or another of CEL's types.
   *
   * @param variables values by name: Java's equivalents, or {@link Json}. One that is not there has
   *     no value
   * @return null when the expression has no value, since something it needs is missing or of
   *     another type
   * @throws InvalidInputException if it takes too many steps
   */
  public @Nullable Object evaluate(Map<String, ?> variables) {
    if (!members.isEmpty()) {
      return anyOf(variables);
    }
    if (program == null) {
      return constant;
    }
    Cel.Variables lookup =
        name -> variables.get(name) instanceof Json json ? Cel.value(json) : variables.get(name);
    return Cel.evaluate(program, lookup);
  }

  /**
   * CEL's "or": one true decides, whatever is missing. With a member that is neither true nor false
   * it is left to the language itself.
   */
  private @Nullable Object anyOf(Map<String, ?> variables) {
    boolean any = false;
    boolean open = false;
    for (Member member : members) {
      Object value = member.in(variables);
      if (value instanceof Boolean truth) {
        any |= truth;
      } else if (value == null) {
        open = true;
      } else {
        Map<String, Type> types = new LinkedHashMap<>();
        members.forEach(m -> types.put(m.variable, Type.MAP));
        return Compiler.compile(source, types).evaluate(variables);
      }
    }
    return any ? Boolean.TRUE : open ? null : Boolean.FALSE;
  }

  /**
   * Whether the expression is true; false also when it has no value, so that a rule that cannot be
   * decided admits nobody.
   *
   * @throws InvalidInputException if it takes too many steps
   */
  public boolean isTrue(Map<String, ?> variables) {
    return Boolean.TRUE.equals(evaluate(variables));
  }

  /** The expression as it was written. */
  @Override
  public String toString() {
    return source;
  }

  /** Loaded with the first expression that is no constant. */
  private static final class Compiler {
    private static final CelParser PARSER = Cel.parser(null);

    static Expression compile(String source, Map<String, Type> variables) {
      CelAbstractSyntaxTree parsed = Cel.parse(PARSER, source);
      Map<String, CelType> types = new LinkedHashMap<>();
      variables.forEach((name, type) -> types.put(name, celType(type)));
      CelAbstractSyntaxTree checked = Cel.check(parsed, types);
      if (!Cel.isCondition(checked)) {
        throw new InvalidInputException(
            "The expression must be true or false; compare its value with something.");
      }
      Set<String> used = new HashSet<>();
      CelTrees.freeIdentifiers(parsed.getExpr(), used::add);
      return new Expression(source, null, Cel.program(checked), List.of(), Set.copyOf(used));
    }

    private static CelType celType(Type type) {
      return switch (type) {
        case DYN -> SimpleType.DYN;
        case MAP -> MapType.create(SimpleType.STRING, SimpleType.DYN);
        case LIST -> ListType.create(SimpleType.DYN);
        case STRING -> SimpleType.STRING;
        case BOOL -> SimpleType.BOOL;
        case INT -> SimpleType.INT;
      };
    }
  }
}
