package dev.meridian.document;

import com.google.common.collect.ImmutableList;
import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.ast.CelExpr;
import dev.cel.common.types.CelType;
import dev.cel.common.types.SimpleType;
import dev.cel.parser.CelMacro;
import dev.cel.parser.CelParser;
import dev.cel.runtime.CelRuntime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which documents a query wants: a CEL expression over a document's fields, such as {@code country
 * == "IS" && population > 100000 && tags.exists(t, t == "port")}.
 *
 * <ul>
 *   <li>A free identifier is a field; {@code _id} is the document's id; {@code _value} is the whole
 *       value, for fields whose names are no identifiers: {@code _value["first-name"]}.
 *   <li>A condition on a missing field, or on one of another type than it needs, does not hold; nor
 *       does its negation, as in SQL. {@code has(field)} and {@code has(outer.inner)} tell.
 *   <li>Comparisons of a field with a constant, joined by {@code &&}, are exact, whatever the
 *       number of digits, and strings are ordered by code point, as in an index. In any other place
 *       integers of 64 bits are exact and all other numbers are doubles.
 * </ul>
 *
 * <p>Immutable; may be used by any number of threads.
 */
public final class Filter {
  /** The field that stands for a document's id, in expressions and comparisons. */
  public static final FieldPath ID = FieldPath.parse("_id");

  private static final String VALUE = "_value";

  /** Names of variables that no source can spell: whether the field in that place is there. */
  private static final String PRESENT = "@has";

  /** CEL's names of types, which are fields unless {@code type()} is called. */
  private static final Set<String> TYPE_NAMES =
      Set.of(
          "bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint");

  private static final int CACHED = 256;

  private static final Map<String, Filter> CACHE =
      new LinkedHashMap<>(CACHED, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Filter> eldest) {
          return size() > CACHED;
        }
      };

  private final String source;
  private final List<Comparison> comparisons;
  private final CelRuntime.@Nullable Program rest; // what the comparisons do not say, or null
  private final Map<String, Integer> variables; // of the rest: where their values are
  private final FieldReader reader; // of the comparisons' fields, then of the rest's

  private Filter(String source) {
    this.source = source;
    CelAbstractSyntaxTree parsed = Cel.parse(Parser.PARSER, source);
    List<Comparison> recognised = new ArrayList<>();
    List<CelExpr> others = new ArrayList<>();
    for (CelExpr conjunct : CelTrees.conjuncts(parsed.getExpr())) {
      Comparison comparison = ComparisonReader.read(conjunct);
      if (comparison != null) {
        recognised.add(comparison);
      } else {
        others.add(conjunct);
      }
    }
    this.comparisons = List.copyOf(recognised);
    List<FieldPath> fields = new ArrayList<>();
    comparisons.forEach(comparison -> fields.add(comparison.field()));
    Map<String, Integer> places = new LinkedHashMap<>();
    if (others.isEmpty()) {
      this.rest = null;
    } else {
      CelExpr expression = CelTrees.and(others, CelTrees.maxId(parsed.getExpr()) + 1);
      this.rest = compileRest(expression, parsed, fields, places);
    }
    this.variables = Map.copyOf(places);
    this.reader = FieldReader.of(fields);
  }

  private static CelRuntime.Program compileRest(
      CelExpr expression,
      CelAbstractSyntaxTree parsed,
      List<FieldPath> fields,
      Map<String, Integer> places) {
    CelExpr tree =
        CelTrees.replacePresence(
            expression,
            (id, names) -> {
              List<String> path =
                  names.getFirst().equals(VALUE) ? names.subList(1, names.size()) : names;
              String variable = PRESENT + fields.size();
              places.put(variable, fields.size());
              fields.add(new FieldPath(path));
              return CelExpr.ofIdent(id, variable);
            });
    boolean types = CelTrees.calls(tree, "type");
    Map<String, CelType> declared = new LinkedHashMap<>();
    CelTrees.freeIdentifiers(
        tree,
        name -> {
          if (name.startsWith(PRESENT)) {
            declared.put(name, SimpleType.BOOL);
          } else if (!(types && TYPE_NAMES.contains(name))) {
            declared.put(name, name.equals("_id") ? SimpleType.STRING : SimpleType.DYN);
            if (!name.equals(VALUE) && !name.equals("_id") && !places.containsKey(name)) {
              places.put(name, fields.size());
              fields.add(new FieldPath(List.of(name)));
            }
          }
        });
    CelAbstractSyntaxTree checked =
        Cel.check(CelAbstractSyntaxTree.newParsedAst(tree, parsed.getSource()), declared);
    if (!Cel.isCondition(checked)) {
      throw new InvalidInputException(
          "The filter must be true or false for each document; compare its value with something.");
    }
    return Cel.program(checked);
  }

  /**
   * Compiles an expression of at most 4,096 characters; the last few hundred are kept compiled.
   *
   * @throws InvalidInputException if it is no valid expression; the message says where
   */
  public static Filter compile(String source) {
    synchronized (CACHE) {
      Filter known = CACHE.get(source);
      if (known != null) {
        return known;
      }
    }
    Filter filter = new Filter(source);
    synchronized (CACHE) {
      CACHE.put(source, filter);
    }
    return filter;
  }

  /**
   * Comparisons of a field with constants that must all hold for a document to match. There may be
   * more to match than they say: ask {@link #matches}.
   */
  public List<Comparison> conjuncts() {
    return comparisons;
  }

  /**
   * Whether the document matches.
   *
   * @param id the document's id
   * @param json its value as it is stored
   * @throws InvalidInputException if finding out takes too many steps
   */
  public boolean matches(String id, byte[] json) {
    @Nullable Json[] values = reader.read(json);
    for (int i = 0; i < comparisons.size(); i++) {
      Comparison comparison = comparisons.get(i);
      Json actual = comparison.field().equals(ID) ? new Json.Str(id) : values[i];
      if (!comparison.holds(actual)) {
        return false;
      }
    }
    if (rest == null) {
      return true;
    }
    Cel.Variables lookup =
        name -> {
          if (name.equals("_id")) {
            return id;
          }
          if (name.equals(VALUE)) {
            return Cel.value(new StoredJson(json).read());
          }
          Integer place = variables.get(name);
          Json value = place == null ? null : values[place];
          if (name.startsWith(PRESENT)) {
            return value != null;
          }
          return value == null ? null : Cel.value(value);
        };
    return Boolean.TRUE.equals(Cel.evaluate(rest, lookup));
  }

  /** The expression as it was written. */
  @Override
  public String toString() {
    return source;
  }

  /** Made when the first filter is compiled. */
  private static final class Parser {
    static final CelParser PARSER =
        Cel.parser(
            CelMacro.newGlobalMacro(
                "has",
                1,
                (factory, target, arguments) -> Optional.of(presence(factory, arguments))));

    /** The standard macro takes {@code a.b} alone; a field at the top is what users ask for. */
    private static CelExpr presence(
        dev.cel.parser.CelMacroExprFactory factory, ImmutableList<CelExpr> arguments) {
      CelExpr argument = arguments.getFirst();
      return switch (argument.getKind()) {
        case IDENT ->
            factory.newSelect(factory.newIdentifier(VALUE), argument.ident().name(), true);
        case SELECT ->
            factory.newSelect(argument.select().operand(), argument.select().field(), true);
        default -> factory.reportError("has() takes a field, as in has(name) or has(address.city)");
      };
    }
  }
}
