package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Filter;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.Site;
import dev.meridian.site.Suggestions;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.Query;
import dev.meridian.store.QueryAdvice;
import dev.meridian.store.Sort;
import dev.meridian.web.FrontMatter.Need;
import dev.meridian.web.FrontMatter.NeedDocument;
import dev.meridian.web.FrontMatter.NeedList;
import dev.meridian.web.TemplateWords.Word;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Finds, before there are any documents, which data of pages cannot be read: collections that the
 * site does not declare, queries that no declared index serves, expressions that are none.
 */
final class DataCheck {
  /**
   * What placeholders are filled in with. Only its kind can make a difference, and which kind a
   * value will have is not known; what is right for one of these may be right.
   */
  private static final List<String> SAMPLES = List.of("\"x\"", "1", "true", "null");

  private static final String CHOOSE =
      "; choose another name, or take 'accounts' out of site.yaml.";

  private final Site site;
  private final Set<String> declared;

  DataCheck(Site site) {
    this.site = site;
    this.declared = new TreeSet<>(site.collections().keySet());
  }

  /** Data that a page declares and that no request could read. */
  List<PageFailure> failures(String page, FrontMatter matter) {
    List<PageFailure> failures = new ArrayList<>(each(page, matter, this::failure));
    user(page, matter, site).ifPresent(failures::add);
    return failures;
  }

  /** What hides the user who is signed in from a page's data, where the site has accounts. */
  static Optional<PageFailure> user(String page, FrontMatter matter, Site site) {
    if (site.accounts().isEmpty()) {
      return Optional.empty();
    }
    for (Need need : matter.data()) {
      if (need.name().equals(Placeholders.USER)) {
        return Optional.of(
            new PageFailure(
                page, need.line(), "data.user: 'user' is who is signed in" + CHOOSE, null));
      }
    }
    return !matter.data().isEmpty() && page.matches("(.*/)?\\[(\\.\\.\\.)?user](/.*|\\.html)")
        ? Optional.of(
            new PageFailure(
                page,
                matter.data().getFirst().line(),
                "the page's data cannot tell the parameter [user] of its address from who is signed"
                    + " in"
                    + CHOOSE,
                null))
        : Optional.empty();
  }

  /** Data that a page declares of collections that the site does not: most likely slips. */
  List<PageFailure> undeclared(String page, FrontMatter matter) {
    return each(
        page,
        matter,
        need -> {
          try {
            return undeclared(collection(need));
          } catch (InvalidInputException e) {
            return Optional.empty(); // one of the failures
          }
        });
  }

  private static List<PageFailure> each(
      String page, FrontMatter matter, Function<Need, Optional<String>> look) {
    List<PageFailure> failures = new ArrayList<>();
    for (Need need : matter.data()) {
      try {
        look.apply(need)
            .ifPresent(
                problem ->
                    failures.add(
                        new PageFailure(
                            page, need.line(), "data." + need.name() + ": " + problem, null)));
      } catch (InvalidInputException e) {
        failures.add(
            new PageFailure(page, need.line(), "data." + need.name() + ": " + e.getMessage(), e));
      }
    }
    return failures;
  }

  /** The same of what a template itself reads, by {@code document()} and {@code list()}. */
  List<PageFailure> undeclared(String template, List<Word> collections) {
    List<PageFailure> failures = new ArrayList<>();
    Set<String> roots = new TreeSet<>();
    declared.forEach(pattern -> roots.add(pattern.split("/")[0]));
    for (Word collection : collections) {
      String name = collection.text();
      if (!roots.contains(name)) {
        failures.add(new PageFailure(template, collection.line(), undeclared(name, roots), null));
      }
    }
    return failures;
  }

  private Optional<String> failure(Need need) {
    CollectionPath collection = collection(need);
    if (collection.isReserved()) {
      return Optional.of("'" + collection + "' is Meridian's own; pages cannot read it.");
    }
    return need instanceof NeedList list ? missingIndex(list, collection) : Optional.empty();
  }

  private static CollectionPath collection(Need need) {
    return switch (need) {
      case NeedDocument wanted ->
          DocumentPath.parse(Placeholders.sample(wanted.path(), "x")).collection();
      case NeedList wanted -> CollectionPath.parse(Placeholders.sample(wanted.collection(), "x"));
    };
  }

  private Optional<String> undeclared(CollectionPath collection) {
    String pattern = collection.pattern();
    return declared.contains(pattern) || collection.isReserved()
        ? Optional.empty()
        : Optional.of(undeclared(pattern, declared));
  }

  private static String undeclared(String name, Set<String> known) {
    String near = Suggestions.didYouMean(name, known);
    return "site.yaml declares no collection '"
        + name
        + "'"
        + (near.equals(".") ? "; add '" + name + ":' under collections." : near);
  }

  private Optional<String> missingIndex(NeedList wanted, CollectionPath collection) {
    List<IndexDefinition> indexes =
        site.settings(collection).indexes().stream()
            .map(
                fields ->
                    new IndexDefinition(
                        collection.pattern(), fields.stream().map(Sort::parse).toList()))
            .toList();
    String sort = wanted.sort();
    Query query =
        new Query(
            collection,
            filter(wanted.where()),
            sort == null || sort.isBlank() ? null : Sort.parse(sort),
            wanted.limit(),
            null,
            wanted.scan());
    return QueryAdvice.missingIndex(query, indexes);
  }

  private static @Nullable Filter filter(@Nullable String where) {
    if (where == null || where.isBlank()) {
      return null;
    }
    InvalidInputException first = null;
    for (String sample : SAMPLES) {
      try {
        return Filter.compile(Placeholders.sample(where, sample));
      } catch (InvalidInputException e) {
        first = first == null ? e : first;
      }
    }
    throw first == null ? new InvalidInputException("where is no expression.") : first;
  }
}
