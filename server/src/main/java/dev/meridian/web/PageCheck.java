package dev.meridian.web;

import dev.meridian.site.Suggestions;
import dev.meridian.web.TemplateWords.Word;
import io.pebbletemplates.pebble.extension.core.CoreExtension;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * Finds the mistakes of templates without rendering them: in their syntax, templates that are not
 * there, functions, macros, filters and tests that nobody knows. Each template is read once, when
 * it is first asked for. Safe for any thread.
 */
final class PageCheck {
  private final TemplateEngine engine;
  private final Set<String> names;
  private final Set<String> functions;
  private final Set<String> filters;
  private final Map<String, Checked> checked = new ConcurrentHashMap<>();

  /**
   * One template.
   *
   * @param failures what is wrong with it, whatever page it is used by
   * @param links the templates that it names and that are there
   * @param calls what it calls that is no function, so it must be a macro
   */
  private record Checked(
      List<PageFailure> failures,
      Set<String> links,
      boolean open,
      List<Word> calls,
      Set<String> macros,
      List<Word> assets,
      List<Word> collections) {}

  /**
   * Creates it.
   *
   * @param names all templates
   */
  PageCheck(TemplateEngine engine, Set<String> names, TemplateFunctions functions) {
    this.engine = engine;
    this.names = names;
    CoreExtension core = new CoreExtension();
    this.functions = union(core.getFunctions().keySet(), functions.getFunctions().keySet());
    this.filters = union(core.getFilters().keySet(), functions.getFilters().keySet());
  }

  private static Set<String> union(Collection<String> some, Collection<String> others) {
    Set<String> all = new LinkedHashSet<>(some);
    all.addAll(others);
    return all;
  }

  /** What is wrong with this template and with those that it is made of. */
  List<PageFailure> failures(String page) {
    List<String> parts = parts(page);
    List<PageFailure> failures = new ArrayList<>();
    Set<String> macros = new HashSet<>();
    boolean open = false;
    for (String part : parts) {
      Checked template = checked(part);
      failures.addAll(template.failures);
      macros.addAll(template.macros);
      open |= template.open || !template.failures.isEmpty();
    }
    if (open) {
      // It may lead to any template, so any macro may be there.
      return failures;
    }
    for (String part : parts) {
      for (Word call : checked(part).calls) {
        if (!macros.contains(call.text())) {
          failures.add(
              new PageFailure(
                  part,
                  call.line(),
                  "there is no function or macro '"
                      + call.text()
                      + "' here"
                      + Suggestions.didYouMean(call.text(), union(functions, macros)),
                  null));
        }
      }
    }
    return failures;
  }

  /** What is wrong with this template alone. */
  List<PageFailure> ownFailures(String template) {
    return checked(template).failures;
  }

  /** The template itself and all that it extends, includes and imports, however far away. */
  List<String> parts(String page) {
    Set<String> found = new LinkedHashSet<>(List.of(page));
    Deque<String> open = new ArrayDeque<>(found);
    while (!open.isEmpty()) {
      for (String link : checked(open.remove()).links) {
        if (found.add(link)) {
          open.add(link);
        }
      }
    }
    return List.copyOf(found);
  }

  /** Files in {@code public/} that the template asks addresses of. */
  List<Word> assets(String template) {
    return checked(template).assets;
  }

  /** Collections of which the template itself reads documents. */
  List<Word> collections(String template) {
    return checked(template).collections;
  }

  private Checked checked(String template) {
    return checked.computeIfAbsent(template, this::check);
  }

  private Checked check(String template) {
    List<PageFailure> failures = new ArrayList<>();
    TemplateWords words;
    try {
      engine.compile(template);
      words = engine.words(template);
    } catch (PageFailure e) {
      return new Checked(List.of(e), Set.of(), true, List.of(), Set.of(), List.of(), List.of());
    }
    Set<String> links = new LinkedHashSet<>();
    for (Word link : words.templates()) {
      String name = engine.resolve(link.text(), template);
      if (names.contains(name)) {
        links.add(name);
      } else {
        failures.add(
            new PageFailure(
                template,
                link.line(),
                "there is no template 'pages/" + name + "'" + Suggestions.didYouMean(name, names),
                null));
      }
    }
    List<Word> calls =
        words.functions().stream().filter(call -> !engine.hasFunction(call.text())).toList();
    unknown(template, "filter", words.filters(), engine::hasFilter, filters, failures);
    unknown(
        template,
        "test",
        words.tests(),
        engine::hasTest,
        new CoreExtension().getTests().keySet(),
        failures);
    return new Checked(
        List.copyOf(failures),
        links,
        !words.open().isEmpty(),
        calls,
        words.macros(),
        words.assets(),
        words.collections());
  }

  private static void unknown(
      String template,
      String kind,
      List<Word> words,
      Predicate<String> known,
      Set<String> names,
      List<PageFailure> failures) {
    for (Word word : words) {
      if (!known.test(word.text())) {
        failures.add(
            new PageFailure(
                template,
                word.line(),
                "there is no "
                    + kind
                    + " '"
                    + word.text()
                    + "'"
                    + Suggestions.didYouMean(word.text(), names),
                null));
      }
    }
  }
}
