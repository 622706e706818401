package dev.meridian.web;

import io.pebbletemplates.pebble.attributes.AttributeResolver;
import io.pebbletemplates.pebble.attributes.ResolvedAttribute;
import io.pebbletemplates.pebble.error.PebbleException;
import io.pebbletemplates.pebble.extension.Extension;
import io.pebbletemplates.pebble.extension.ExtensionCustomizer;
import io.pebbletemplates.pebble.node.ArgumentsNode;
import io.pebbletemplates.pebble.node.ForNode;
import io.pebbletemplates.pebble.template.EvaluationContextImpl;
import io.pebbletemplates.pebble.template.MacroAttributeProvider;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Resolves members of data, by name and by number, and calls of imported macros. */
final class TemplateMembers extends ExtensionCustomizer {
  TemplateMembers(Extension extension) {
    super(extension);
  }

  @Override
  public List<AttributeResolver> getAttributeResolver() {
    return List.of(TemplateMembers::resolve);
  }

  private static @Nullable ResolvedAttribute resolve(
      @Nullable Object instance,
      Object attribute,
      Object @Nullable [] values,
      @Nullable ArgumentsNode arguments,
      EvaluationContextImpl context,
      String template,
      int line) {
    if (instance instanceof MacroAttributeProvider macros && arguments != null) {
      return new ResolvedAttribute(
          macros.macro(context, String.valueOf(attribute), arguments, false, line));
    }
    if (values != null) {
      throw new PebbleException(
          null, "data has no methods: '" + attribute + "(...)' cannot be called", line, template);
    }
    return switch (instance) {
      // So that a.b.c is null too when a.b is: there is no telling from a document.
      case null -> new ResolvedAttribute(null);
      case ForNode.LoopVariables loop -> new ResolvedAttribute(loop(loop, attribute));
      // What a for over an object goes through.
      case Map.Entry<?, ?> entry ->
          new ResolvedAttribute(
              switch (String.valueOf(attribute)) {
                case "key" -> entry.getKey();
                case "value" -> entry.getValue();
                default -> null;
              });
      // A member that is not there is null: documents have no schema.
      case Map<?, ?> map -> new ResolvedAttribute(map.get(attribute));
      case List<?> list when attribute instanceof Number number -> {
        int index = number.intValue();
        yield new ResolvedAttribute(index >= 0 && index < list.size() ? list.get(index) : null);
      }
      default ->
          throw new PebbleException(
              null,
              "only objects have members: '" + attribute + "' is asked of " + kind(instance),
              line,
              template);
    };
  }

  /** What {@code loop} has inside a for: the only object of Pebble's own that templates see. */
  private static @Nullable Object loop(ForNode.LoopVariables loop, Object attribute) {
    return switch (String.valueOf(attribute)) {
      case "first" -> loop.isFirst();
      case "last" -> loop.isLast();
      case "index" -> loop.getIndex();
      // Pebble counts the rest only when it is asked for, and answers as text.
      case "revindex" -> Long.valueOf(String.valueOf(loop.getRevindex()));
      case "length" -> Long.valueOf(String.valueOf(loop.getLength()));
      default -> null;
    };
  }

  private static String kind(Object instance) {
    return switch (instance) {
      case List<?> _ -> "a list";
      case String _ -> "text";
      case Number _ -> "a number";
      default -> "another value";
    };
  }
}
