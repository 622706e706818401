package dev.meridian.site;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/**
 * Reads YAML that a person wrote, against what is expected of it, and collects every problem with
 * its line instead of stopping at the first. Methods return null where they reported one. For one
 * thread.
 */
public final class YamlReader {
  /** Longest text accepted, in UTF-16 units. */
  public static final int MAX_CHARS = 1 << 20;

  /** Most problems kept: nobody reads more, and a broken indent can make thousands. */
  static final int MAX_PROBLEMS = 100;

  /**
   * Most nodes looked at. Aliases let a small text describe a huge tree ("billion laughs"), so it
   * is the looking that is counted, not the text.
   */
  private static final int MAX_NODES = 200_000;

  private final String file;
  private final int linesBefore;
  private final List<Problem> problems = new ArrayList<>();
  private int nodes;

  /** Reads what will be called {@code file} in problems. */
  public YamlReader(String file) {
    this(file, 0);
  }

  /** Reads a part of {@code file} that starts after {@code linesBefore} lines. */
  public YamlReader(String file, int linesBefore) {
    this.file = file;
    this.linesBefore = linesBefore;
  }

  /** A key and its value. */
  public record Field(Node key, Node value) {}

  /** What was found wrong so far, in the file's order. */
  public List<Problem> problems() {
    return problems.stream()
        .sorted(Comparator.comparingInt(Problem::line).thenComparingInt(Problem::column))
        .toList();
  }

  /** Reports a problem at {@code node}. */
  public void problem(Node node, String message) {
    Optional<Mark> mark = node.getStartMark();
    problem(
        mark.map(Mark::getLine).orElse(0) + 1, mark.map(Mark::getColumn).orElse(0) + 1, message);
  }

  void problem(int line, int column, String message) {
    if (problems.size() < MAX_PROBLEMS) {
      problems.add(new Problem(file, line + linesBefore, column, message));
    }
  }

  /** The line of {@code node}, from 1. */
  public int line(Node node) {
    return node.getStartMark().map(Mark::getLine).orElse(0) + 1 + linesBefore;
  }

  /** The text's root, or null if it is empty (no problem reported) or no YAML (reported). */
  public @Nullable Node read(String text) {
    if (text.length() > MAX_CHARS) {
      problem(1, 1, "the file is larger than 1 MiB; move data into seed or zone files.");
      return null;
    }
    try {
      LoadSettings settings =
          LoadSettings.builder()
              .setLabel(file)
              .setCodePointLimit(MAX_CHARS + 1)
              // Both are refused below, where the place is known.
              .setAllowNonScalarKeys(true)
              .setMaxAliasesForCollections(Integer.MAX_VALUE)
              .build();
      return new Compose(settings).composeString(text).orElse(null);
    } catch (MarkedYamlEngineException e) {
      Optional<Mark> mark = e.getProblemMark().or(e::getContextMark);
      problem(
          mark.map(Mark::getLine).orElse(0) + 1,
          mark.map(Mark::getColumn).orElse(0) + 1,
          "this is no valid YAML: " + sentence(e));
    } catch (ReaderException e) {
      int at = Math.clamp(e.getPosition(), 0, text.length());
      int line = (int) text.substring(0, at).chars().filter(c -> c == '\n').count();
      problem(
          line + 1,
          at - text.lastIndexOf('\n', at - 1),
          String.format("the character U+%04X may not stand in YAML.", e.getCodePoint()));
    } catch (YamlEngineException e) {
      problem(1, 1, "this is no valid YAML: " + firstLine(String.valueOf(e.getMessage())));
    } catch (StackOverflowError e) {
      problem(1, 1, "the YAML is nested too deep.");
    }
    return null;
  }

  private static String sentence(MarkedYamlEngineException e) {
    StringBuilder text = new StringBuilder();
    if (e.getContext() != null) {
      text.append(e.getContext()).append(", ");
    }
    text.append(e.getProblem());
    return firstLine(text.toString());
  }

  private static String firstLine(String text) {
    String line = text.lines().findFirst().orElse("");
    return line.endsWith(".") ? line : line + ".";
  }

  /**
   * The fields of a mapping, in their order; null if {@code node} is none. Keys that are no text,
   * repeated or not {@code known} are reported and left out.
   *
   * @param what what the mapping is, to start a sentence with
   * @param known the keys that may stand there; null for any
   */
  public @Nullable Map<String, Field> mapping(
      Node node, String what, @Nullable Collection<String> known) {
    if (!count(node)) {
      return null;
    }
    if (!(node instanceof MappingNode mapping) || !node.getTag().equals(Tag.MAP)) {
      problem(node, what + " must be a mapping (key: value), but is " + describe(node) + ".");
      return null;
    }
    Map<String, Field> fields = new LinkedHashMap<>();
    for (NodeTuple tuple : mapping.getValue()) {
      Node key = tuple.getKeyNode();
      if (!count(key)) {
        return null;
      }
      if (!(key instanceof ScalarNode scalar) || !key.getTag().equals(Tag.STR)) {
        problem(key, "a key must be text, but this is " + describe(key) + "; put it in quotes.");
        continue;
      }
      String name = scalar.getValue();
      Field earlier = fields.get(name);
      if (earlier != null) {
        problem(key, "'" + shorten(name) + "' stands already in line " + line(earlier.key) + ".");
      } else if (known != null && !known.contains(name)) {
        problem(key, "unknown key '" + shorten(name) + "'" + Suggestions.didYouMean(name, known));
      } else {
        fields.put(name, new Field(key, tuple.getValueNode()));
      }
    }
    return fields;
  }

  /** The same of a mapping that may be missing or wrong: then it has no fields. */
  Map<String, Field> fields(
      @Nullable Field field, String what, @Nullable Collection<String> known) {
    return field == null ? Map.of() : fields(field.value(), what, known);
  }

  /** The fields of a mapping; none if it is not one. */
  Map<String, Field> fields(Node node, String what, @Nullable Collection<String> known) {
    Map<String, Field> fields = mapping(node, what, known);
    return fields == null ? Map.of() : fields;
  }

  /** The items of a sequence; null if {@code node} is none. */
  public @Nullable List<Node> sequence(Node node, String what) {
    if (!count(node)) {
      return null;
    }
    if (!(node instanceof SequenceNode sequence) || !node.getTag().equals(Tag.SEQ)) {
      problem(node, what + " must be a list, but is " + describe(node) + ".");
      return null;
    }
    return sequence.getValue();
  }

  /** The items of a sequence, or the one scalar itself. */
  public @Nullable List<Node> oneOrMore(Node node, String what) {
    return node instanceof ScalarNode ? List.of(node) : sequence(node, what);
  }

  /** Text; null if {@code node} is none, a number for example. */
  public @Nullable String string(Node node, String what) {
    if (!count(node)) {
      return null;
    }
    if (node instanceof ScalarNode scalar && node.getTag().equals(Tag.STR)) {
      return scalar.getValue();
    }
    String hint =
        node instanceof ScalarNode scalar && !scalar.getValue().isEmpty()
            ? "; put it in quotes: \"" + shorten(scalar.getValue()) + "\"."
            : ".";
    problem(node, what + " must be text, but is " + describe(node) + hint);
    return null;
  }

  /** A whole number between the bounds, both included. */
  public @Nullable Integer integer(Node node, String what, int min, int max) {
    if (!count(node)) {
      return null;
    }
    if (!isInteger(node)) {
      problem(
          node,
          what + " must be a whole number, such as " + max + ", but is " + describe(node) + ".");
      return null;
    }
    BigInteger value = new BigInteger(((ScalarNode) node).getValue());
    if (value.compareTo(BigInteger.valueOf(min)) < 0
        || value.compareTo(BigInteger.valueOf(max)) > 0) {
      problem(node, what + " is " + min + " to " + max + ", but here " + describe(node) + ".");
      return null;
    }
    return value.intValueExact();
  }

  /** A number between the bounds, both included. */
  public @Nullable Double decimal(Node node, String what, double min, double max) {
    if (!count(node)) {
      return null;
    }
    boolean number =
        node instanceof ScalarNode scalar
            && (node.getTag().equals(Tag.INT) || node.getTag().equals(Tag.FLOAT))
            && scalar.getValue().matches("-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,15})?");
    if (!number) {
      problem(node, what + " must be a number, such as 50.11, but is " + describe(node) + ".");
      return null;
    }
    double value = Double.parseDouble(((ScalarNode) node).getValue());
    if (value < min || value > max) {
      problem(
          node,
          String.format(
              java.util.Locale.ROOT,
              "%s is %.0f to %.0f, but here %s.",
              what,
              min,
              max,
              describe(node)));
      return null;
    }
    return value;
  }

  /**
   * Whether {@code node} is a whole number of a sensible length. One that begins with a zero, as in
   * {@code 080}, is text to some readers of YAML and a number to others.
   */
  static boolean isInteger(Node node) {
    return node instanceof ScalarNode scalar
        && node.getTag().equals(Tag.INT)
        && scalar.getValue().matches("-?(0|[1-9][0-9]{0,17})");
  }

  /** {@code true} or {@code false}. */
  public @Nullable Boolean bool(Node node, String what) {
    if (!count(node)) {
      return null;
    }
    if (node instanceof ScalarNode scalar && node.getTag().equals(Tag.BOOL)) {
      return Boolean.valueOf(scalar.getValue());
    }
    problem(node, what + " must be true or false, but is " + describe(node) + ".");
    return null;
  }

  /** How a person would call what stands there. */
  static String describe(Node node) {
    return switch (node) {
      case MappingNode _ -> "a mapping";
      case SequenceNode _ -> "a list";
      case ScalarNode scalar when scalar.getTag().equals(Tag.NULL) -> "empty";
      case ScalarNode scalar when scalar.getTag().equals(Tag.STR) ->
          "the text '" + shorten(scalar.getValue()) + "'";
      case ScalarNode scalar
          when scalar.getTag().equals(Tag.INT) || scalar.getTag().equals(Tag.FLOAT) ->
          "the number " + shorten(scalar.getValue());
      case ScalarNode scalar -> "'" + shorten(scalar.getValue()) + "'";
      default -> "something else";
    };
  }

  /** Text that fits into a message on one line. */
  static String shorten(String text) {
    StringBuilder clean = new StringBuilder();
    text.codePoints()
        .limit(60)
        .forEach(c -> clean.appendCodePoint(Character.isISOControl(c) ? '\ufffd' : c));
    return clean + (text.codePointCount(0, text.length()) > 60 ? "…" : "");
  }

  private boolean count(Node node) {
    nodes++;
    if (nodes == MAX_NODES) {
      problem(node, "the file describes more than " + MAX_NODES + " values; use fewer aliases.");
    }
    return nodes < MAX_NODES;
  }
}
