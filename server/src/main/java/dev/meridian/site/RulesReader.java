package dev.meridian.site;

import dev.meridian.document.Expression;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.YamlReader.Field;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.Tag;

/** Reads access rules. */
final class RulesReader {
  static final List<String> RULES_KEYS = List.of("read", "write");

  private final YamlReader yaml;

  RulesReader(YamlReader yaml) {
    this.yaml = yaml;
  }

  /** The rules; those that are not there are {@code otherwise}'s. */
  Rules rules(@Nullable Field field, Rules otherwise) {
    Map<String, Field> fields = yaml.fields(field, "rules", RULES_KEYS);
    return new Rules(
        rule(fields.get("read"), "read", otherwise.read()),
        rule(fields.get("write"), "write", otherwise.write()));
  }

  private String rule(@Nullable Field field, String name, String otherwise) {
    if (field == null) {
      return otherwise;
    }
    Node node = field.value();
    if (node instanceof ScalarNode scalar && node.getTag().equals(Tag.BOOL)) {
      return scalar.getValue();
    }
    String rule = yaml.string(node, "the " + name + " rule");
    if (rule == null) {
      return otherwise;
    }
    try {
      // The default is known to be right, and compiling another loads the whole language.
      if (!rule.equals(Rules.DEFAULT.write())) {
        Expression.compile(rule, Rules.VARIABLES);
      }
    } catch (InvalidInputException e) {
      yaml.problem(node, "the " + name + " rule: " + oneLine(String.valueOf(e.getMessage())));
    }
    return rule;
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s*\\R\\s*", " ");
  }
}
