package dev.meridian.web;

import dev.meridian.site.Suggestions;
import io.pebbletemplates.pebble.PebbleEngine;
import io.pebbletemplates.pebble.attributes.AttributeResolver;
import io.pebbletemplates.pebble.attributes.ResolvedAttribute;
import io.pebbletemplates.pebble.error.LoaderException;
import io.pebbletemplates.pebble.error.PebbleException;
import io.pebbletemplates.pebble.error.RootAttributeNotFoundException;
import io.pebbletemplates.pebble.extension.Extension;
import io.pebbletemplates.pebble.extension.ExtensionCustomizer;
import io.pebbletemplates.pebble.extension.core.AttributeResolverExtension;
import io.pebbletemplates.pebble.extension.core.DisallowExtensionCustomizerBuilder;
import io.pebbletemplates.pebble.loader.Loader;
import io.pebbletemplates.pebble.node.ArgumentsNode;
import io.pebbletemplates.pebble.node.ForNode;
import io.pebbletemplates.pebble.template.EvaluationContextImpl;
import io.pebbletemplates.pebble.template.MacroAttributeProvider;
import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Pebble over a fixed set of sources, shut in: templates see data and the functions given, and
 * nothing of Java. Safe for any thread.
 */
final class TemplateEngine {
  /*
   * Pebble reaches into objects through its attribute resolvers, the last of which calls methods by
   * reflection. They are all replaced here by resolvers for maps, lists and macros, so there is no
   * reflection to be allowed or forbidden. Sources come from a map, so an include cannot name a
   * file.
   */
  private static final List<String> FORBIDDEN_TAGS = List.of("cache", "flush", "parallel");

  /** Would make its whole list at once, however long; range() has a bound. */
  private static final List<String> FORBIDDEN_OPERATORS = List.of("..");

  private final PebbleEngine engine;

  TemplateEngine(Map<String, String> sources, TemplateFunctions functions) {
    java.util.function.Function<Extension, ExtensionCustomizer> forbid =
        new DisallowExtensionCustomizerBuilder()
            .disallowedTokenParserTags(FORBIDDEN_TAGS)
            .disallowedBinaryOperatorSymbols(FORBIDDEN_OPERATORS)
            .build();
    this.engine =
        new PebbleEngine.Builder()
            .loader(new Sources(sources))
            .extension(functions)
            .autoEscaping(true)
            .defaultEscapingStrategy("html")
            .strictVariables(true)
            .newLineTrimming(true)
            .maxRenderedSize(Rendering.MAX_CHARS)
            .methodAccessValidator((object, method) -> false)
            .defaultLocale(Locale.ENGLISH)
            .registerExtensionCustomizer(
                extension ->
                    extension instanceof AttributeResolverExtension
                        ? new DataOnly(extension)
                        : forbid.apply(extension))
            .build();
  }

  /**
   * Compiles a template, unless that is done.
   *
   * @throws PageFailure if it is none
   */
  void compile(String name) {
    try {
      engine.getTemplate(name);
    } catch (PebbleException e) {
      throw failure(name, e);
    } catch (StackOverflowError e) {
      throw new PageFailure(name, 0, "the template is nested too deep.", e);
    }
  }

  /**
   * Renders a template into {@code rendering}.
   *
   * @throws PageFailure if it cannot be rendered
   */
  void render(String name, Map<String, Object> variables, Rendering rendering) {
    try {
      ScopedValue.where(Rendering.CURRENT, rendering)
          .run(
              () -> {
                try {
                  engine.getTemplate(name).evaluate(rendering.output(), variables);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
    } catch (PebbleException e) {
      for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
        if (cause instanceof PageFailure
            || cause instanceof ProblemException
            || cause instanceof TemplateFunctions.Redirect) {
          throw (RuntimeException) cause;
        }
      }
      throw failure(name, e);
    } catch (StackOverflowError e) {
      throw new PageFailure(name, 0, "an include or a macro calls itself without an end.", e);
    } catch (ArithmeticException | ClassCastException | IllegalArgumentException e) {
      // Pebble's own operators throw these for operands that do not fit.
      throw new PageFailure(name, 0, "a value does not fit its use: " + e.getMessage(), e);
    }
  }

  private static PageFailure failure(String name, PebbleException e) {
    String template = e.getFileName() == null ? name : e.getFileName();
    Integer line = e.getLineNumber();
    String message =
        e instanceof RootAttributeNotFoundException missing
            ? "there is no '" + missing.getAttributeName() + "' here, or it is empty."
            : e.getPebbleMessage();
    return new PageFailure(
        template,
        line == null ? 0 : line,
        message == null ? "this template cannot be used." : message,
        e);
  }

  /** Resolves members of data, by name and by number, and calls of imported macros. */
  private static final class DataOnly extends ExtensionCustomizer {
    DataOnly(Extension extension) {
      super(extension);
    }

    @Override
    public List<AttributeResolver> getAttributeResolver() {
      return List.of(DataOnly::resolve);
    }

    private static @Nullable ResolvedAttribute resolve(
        Object instance,
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
        case ForNode.LoopVariables loop -> new ResolvedAttribute(loop(loop, attribute));
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

  /** The sources, by their names below {@code pages/}. */
  private record Sources(Map<String, String> texts) implements Loader<String> {
    @Override
    public Reader getReader(String name) {
      String text = texts.get(createCacheKey(name));
      if (text == null) {
        throw new LoaderException(
            null,
            "there is no template 'pages/"
                + name
                + "'"
                + Suggestions.didYouMean(name, texts.keySet()));
      }
      return new StringReader(text);
    }

    @Override
    public String createCacheKey(String name) {
      return texts.containsKey(name) || !texts.containsKey(name + ".html") ? name : name + ".html";
    }

    @Override
    public boolean resourceExists(String name) {
      return texts.containsKey(createCacheKey(name));
    }

    /** Names count from {@code pages/}; those with a dot first, from the template's own folder. */
    @Override
    public String resolveRelativePath(String name, String from) {
      if (!name.startsWith("./") && !name.startsWith("../")) {
        return name;
      }
      Deque<String> parts = new ArrayDeque<>(List.of(from.split("/")));
      parts.pollLast();
      for (String part : name.split("/")) {
        if (part.equals("..")) {
          parts.pollLast();
        } else if (!part.equals(".")) {
          parts.addLast(part);
        }
      }
      return String.join("/", parts);
    }

    @Override
    public void setCharset(String charset) {}

    @Override
    public void setPrefix(String prefix) {}

    @Override
    public void setSuffix(String suffix) {}
  }
}
