package dev.meridian.web;

import dev.meridian.site.Problem;
import dev.meridian.site.Site;
import dev.meridian.site.Suggestions;
import dev.meridian.web.TemplateWords.Word;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What is wrong with a site's pages and static files, as far as that can be known before anybody
 * asks for them. {@code meridian check} and a running server say the same, because both ask here.
 */
public final class SiteCheck {
  /** Most files in {@code public/} that are looked at, and how deep. */
  private static final int MAX_FILES = 100_000;

  private static final int MAX_DEPTH = 50;

  private SiteCheck() {}

  /**
   * Reads the site's {@code pages/} and {@code public/} and finds what is wrong with them: front
   * matter, templates, data that a page declares and that no request could read, addresses of files
   * that are not there, files that can never be served.
   *
   * @return every problem, by file and line; empty when all is right
   */
  public static List<Problem> check(Site site) {
    PageSet set =
        PageSet.read(
            site.pages(),
            new TemplateFunctions((_, _, _) -> "", path -> path),
            site.limits().pageBytes());
    List<Problem> problems = new ArrayList<>(failures(set, site));
    problems.addAll(doubts(set, site));
    return problems;
  }

  /** How many pages answer addresses. */
  public static int countPages(Site site) {
    return (int) PageSet.names(site.pages()).stream().filter(PageRoutes::isRoutable).count();
  }

  /** Problems for which a page could not be shown. */
  static List<Problem> failures(PageSet set, Site site) {
    List<PageFailure> failures = new ArrayList<>(set.failures());
    DataCheck data = new DataCheck(site);
    for (String template : set.readable()) {
      failures.addAll(data.failures(template, set.declared(template)));
    }
    return sorted(failures);
  }

  /** Problems for which a page can be shown, but hardly as it was meant. */
  static List<Problem> doubts(PageSet set, Site site) {
    List<PageFailure> undeclared = new ArrayList<>();
    DataCheck data = new DataCheck(site);
    for (String template : set.readable()) {
      undeclared.addAll(data.undeclared(template, set.declared(template)));
      undeclared.addAll(data.undeclared(template, set.check().collections(template)));
    }
    List<Problem> problems = new ArrayList<>(sorted(undeclared));
    problems.addAll(files(set, site));
    problems.addAll(shadowed(site));
    return problems;
  }

  /** Pages whose addresses are the visitor's session's, or the user's account's. */
  private static List<Problem> shadowed(Site site) {
    List<Problem> problems = new ArrayList<>();
    for (String template : new TreeSet<>(PageSet.names(site.pages()))) {
      if (PageRoutes.isRoutable(template)) {
        taken(template.replaceFirst("\\.[^.]*$", ""), site)
            .ifPresent(by -> problems.add(never("pages/" + template, by)));
      }
    }
    return problems;
  }

  /** What of Meridian's own answers the address of a file instead of it. */
  private static Optional<String> taken(String file, Site site) {
    String path = "/" + file;
    if (site.sessions().isPresent() && SessionApi.isSession(path)) {
      return Optional.of(
          "/session is the visitor's session; give it another name, or take 'sessions' out of"
              + " site.yaml.");
    }
    String page = path.endsWith("/index") ? path.substring(0, path.lastIndexOf('/')) : path;
    if (site.accounts().isPresent() && AccountApi.isTaken(page)) {
      return Optional.of(
          "Meridian itself answers "
              + page
              + ", with who is signed in; give it another name. Pages of forms may be at"
              + " /account/sign-in and beside it.");
    }
    return Optional.empty();
  }

  private static Problem never(String file, String because) {
    return new Problem(file, 1, 1, "this file is never served, because " + because);
  }

  /** Problems of static files, and of templates that name some. */
  private static List<Problem> files(PageSet set, Site site) {
    Set<String> published = new TreeSet<>();
    List<Problem> problems = new ArrayList<>();
    Path root = site.publicFiles();
    if (Files.isDirectory(root)) {
      try (Stream<Path> files = Files.walk(root, MAX_DEPTH)) {
        files
            .filter(file -> !Files.isDirectory(file))
            .limit(MAX_FILES)
            .forEach(file -> file(root, file, set, site, published, problems));
      } catch (IOException | UncheckedIOException e) {
        problems.add(new Problem("public", 1, 1, "the folder cannot be read: " + e + "."));
      }
    }
    List<PageFailure> failures = new ArrayList<>();
    for (String template : set.readable()) {
      for (Word asset : set.check().assets(template)) {
        String name = asset.text().replaceFirst("^/", "");
        if (!published.contains(name)) {
          failures.add(
              new PageFailure(
                  template,
                  asset.line(),
                  "there is no file 'public/"
                      + name
                      + "'"
                      + Suggestions.didYouMean(name, published),
                  null));
        }
      }
    }
    problems.addAll(sorted(failures));
    return problems;
  }

  private static void file(
      Path root, Path file, PageSet set, Site site, Set<String> published, List<Problem> problems) {
    List<String> segments = new ArrayList<>();
    root.relativize(file).forEach(part -> segments.add(part.toString()));
    for (int i = 0; i < segments.size(); i++) {
      if (segments.get(i).startsWith(".") && !(i == 0 && segments.get(i).equals(".well-known"))) {
        // Editors and version control leave these everywhere; that they are not served is no news.
        return;
      }
    }
    String name = String.join("/", segments);
    try {
      if (!file.toRealPath().startsWith(root.toRealPath())) {
        problems.add(
            new Problem(
                "public/" + name,
                1,
                1,
                "a symbolic link that leads outside public/ is not served; copy the file in."));
        return;
      }
    } catch (IOException e) {
      problems.add(new Problem("public/" + name, 1, 1, "the file cannot be read: " + e + "."));
      return;
    }
    published.add(name);
    Optional<String> by = taken(name.replaceFirst("/index\\.html$", "/index"), site);
    if (by.isPresent()) {
      problems.add(never("public/" + name, by.get()));
      return;
    }
    List<String> address =
        segments.getLast().equals("index.html")
            ? segments.subList(0, segments.size() - 1)
            : segments;
    PageRoutes.Match page = set.routes().match(address);
    if (page != null) {
      problems.add(
          new Problem(
              "public/" + name,
              1,
              1,
              "this file is never served, because pages/"
                  + page.template()
                  + " answers its address; move one of them into a folder."));
    }
  }

  private static List<Problem> sorted(List<PageFailure> failures) {
    Set<Problem> problems = new LinkedHashSet<>();
    failures.stream()
        .sorted(Comparator.comparing(PageFailure::template).thenComparingInt(PageFailure::line))
        .forEach(
            failure ->
                problems.add(
                    new Problem(
                        "pages/" + failure.template(),
                        Math.max(1, failure.line()),
                        1,
                        failure.problem())));
    return List.copyOf(problems);
  }
}
