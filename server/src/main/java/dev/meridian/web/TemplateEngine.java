package dev.meridian.web;

import dev.meridian.site.Suggestions;
import dev.meridian.web.TemplateExpressions.Placed;
import io.pebbletemplates.pebble.PebbleEngine;
import io.pebbletemplates.pebble.error.LoaderException;
import io.pebbletemplates.pebble.error.PebbleException;
import io.pebbletemplates.pebble.extension.AbstractExtension;
import io.pebbletemplates.pebble.extension.AbstractNodeVisitor;
import io.pebbletemplates.pebble.extension.Extension;
import io.pebbletemplates.pebble.extension.ExtensionCustomizer;
import io.pebbletemplates.pebble.extension.NodeVisitorFactory;
import io.pebbletemplates.pebble.extension.core.AttributeResolverExtension;
import io.pebbletemplates.pebble.extension.core.DisallowExtensionCustomizerBuilder;
import io.pebbletemplates.pebble.lexer.LexerImpl;
import io.pebbletemplates.pebble.loader.Loader;
import io.pebbletemplates.pebble.node.PrintNode;
import io.pebbletemplates.pebble.operator.BinaryOperator;
import io.pebbletemplates.pebble.operator.UnaryOperator;
import io.pebbletemplates.pebble.template.PebbleTemplateImpl;
import io.pebbletemplates.pebble.tokenParser.TokenParser;
import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
  /**
   * Of these {@code embed} does not escape what its blocks print, and {@code from} adds macros to a
   * compiled template each time it is rendered, which fails the second time. Includes, blocks and
   * {@code import} do the same jobs.
   */
  private static final List<String> FORBIDDEN_TAGS =
      List.of("cache", "embed", "flush", "from", "parallel");

  /** Would make its whole list at once, however long; range() has a bound. */
  private static final List<String> FORBIDDEN_OPERATORS = List.of("..");

  /** Pebble counts what macros put out too, and again what macros within macros do. */
  private static final int MACRO_DEPTH = 4;

  private static final Pattern UNKNOWN_TAG = Pattern.compile("Unexpected tag name \"([^\"]*)\"");

  private final Map<String, String> sources;
  private final Sources loader;
  private final PebbleEngine engine;

  /**
   * Creates it.
   *
   * @param maxChars most characters that a template may put out
   */
  TemplateEngine(Map<String, String> sources, TemplateFunctions functions, int maxChars) {
    this.sources = sources;
    this.loader = new Sources(sources);
    java.util.function.Function<Extension, ExtensionCustomizer> forbid =
        new DisallowExtensionCustomizerBuilder()
            .disallowedTokenParserTags(FORBIDDEN_TAGS)
            .disallowedBinaryOperatorSymbols(FORBIDDEN_OPERATORS)
            .build();
    this.engine =
        new PebbleEngine.Builder()
            .loader(loader)
            .extension(functions, new Language())
            .allowOverrideCoreOperators(true)
            .autoEscaping(true)
            .defaultEscapingStrategy("html")
            .strictVariables(false) // TemplateNames does it, without refusing null
            .newLineTrimming(true)
            .maxRenderedSize(MACRO_DEPTH * maxChars)
            .methodAccessValidator((object, method) -> false)
            .defaultLocale(Locale.ENGLISH)
            .registerExtensionCustomizer(
                extension ->
                    extension instanceof AttributeResolverExtension
                        ? new TemplateMembers(extension)
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
  void render(String name, Map<String, ? extends @Nullable Object> variables, Rendering rendering) {
    Map<String, @Nullable Object> names = TemplateNames.of(variables);
    try {
      ScopedValue.where(Rendering.CURRENT, rendering)
          .run(
              () -> {
                try {
                  engine.getTemplate(name).evaluate(rendering.output(), names);
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
      if (String.valueOf(e.getPebbleMessage()).startsWith("Tried to write more")) {
        throw rendering.tooLarge();
      }
      throw failure(name, e);
    } catch (StackOverflowError e) {
      throw new PageFailure(name, 0, "an include or a macro calls itself without an end.", e);
    }
  }

  private PageFailure failure(String name, PebbleException thrown) {
    PebbleException e = thrown;
    // What wraps another says less than the other.
    for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
      e = cause instanceof PebbleException inner ? inner : e;
    }
    String template = e.getFileName() == null ? name : e.getFileName();
    Integer line = e.getLineNumber();
    String message = e.getPebbleMessage();
    return new PageFailure(
        template,
        line == null ? 0 : line,
        message == null ? "this template cannot be used." : message + reason(e) + hint(message),
        e);
  }

  /** Pebble says which operator could not do its work, and leaves why to the cause. */
  private static String reason(PebbleException e) {
    Throwable cause = e.getCause();
    return cause == null || cause.getMessage() == null ? "" : ": " + cause.getMessage();
  }

  /** Pebble says which tag it does not know, but not which one could be meant. */
  private String hint(String message) {
    Matcher tag = UNKNOWN_TAG.matcher(message);
    return tag.matches()
        ? Suggestions.didYouMean(
            tag.group(1), engine.getExtensionRegistry().getTokenParsers().keySet())
        : "";
  }

  /**
   * The words of a template that name other things: templates, functions, filters.
   *
   * @throws PageFailure if it is no template
   */
  TemplateWords words(String name) {
    try {
      return TemplateWords.read(
          new LexerImpl(
                  engine.getSyntax(),
                  engine.getExtensionRegistry().getUnaryOperators().values(),
                  engine.getExtensionRegistry().getBinaryOperators().values())
              .tokenize(new StringReader(sources.getOrDefault(name, "")), name));
    } catch (PebbleException e) {
      throw failure(name, e);
    }
  }

  /** The name in {@code pages/} of what {@code from} calls {@code name}. */
  String resolve(String name, String from) {
    return loader.createCacheKey(loader.resolveRelativePath(name, from));
  }

  boolean hasFunction(String name) {
    return engine.getExtensionRegistry().getFunction(name) != null;
  }

  boolean hasFilter(String name) {
    return engine.getExtensionRegistry().getFilter(name) != null;
  }

  boolean hasTest(String name) {
    return engine.getExtensionRegistry().getTest(name) != null;
  }

  /** What is said otherwise than Pebble says it. */
  private static final class Language extends AbstractExtension {
    @Override
    public List<TokenParser> getTokenParsers() {
      return TemplateTags.all();
    }

    @Override
    public List<BinaryOperator> getBinaryOperators() {
      return TemplateExpressions.binaryOperators();
    }

    @Override
    public List<UnaryOperator> getUnaryOperators() {
      return TemplateExpressions.unaryOperators();
    }

    @Override
    public List<NodeVisitorFactory> getNodeVisitors() {
      return List.of(
          template ->
              new AbstractNodeVisitor((PebbleTemplateImpl) template) {
                @Override
                public void visit(PrintNode node) {
                  node.setExpression(new Placed(node.getExpression(), node.getLineNumber()));
                }
              });
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
