package dev.meridian.web;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Everything in {@code pages/} at one moment: sources, routes, front matter, compiled templates.
 * Held in memory as a whole, so that a page never mixes an old layout with a new partial.
 * Immutable.
 */
final class PageSet {
  /** Most templates. */
  static final int MAX_TEMPLATES = 5_000;

  /** Largest template in bytes. */
  static final int MAX_TEMPLATE_BYTES = 1 << 20;

  /** Largest sum of all templates in bytes. */
  static final long MAX_BYTES = 64L << 20;

  private static final int MAX_DEPTH = 20;

  private final String fingerprint;
  private final int maxChars;
  private final Map<String, String> texts = new HashMap<>();
  private final Map<String, FrontMatter> matters = new HashMap<>();
  private final Map<String, PageFailure> failures = new TreeMap<>();
  private final PageRoutes routes = new PageRoutes();
  private final TemplateEngine engine;
  private final PageCheck check;
  private final Map<String, Optional<PageFailure>> checked = new ConcurrentHashMap<>();

  /** A template's file and what tells its states apart. */
  private record Found(Path file, String state) {}

  private PageSet(
      Map<String, Found> files, String fingerprint, TemplateFunctions functions, int maxChars) {
    this.fingerprint = fingerprint;
    this.maxChars = maxChars;
    Map<String, String> sources = new HashMap<>();
    long bytes = 0;
    for (Map.Entry<String, Found> entry : files.entrySet()) {
      String name = entry.getKey();
      try {
        String text = read(name, entry.getValue().file());
        bytes += text.length();
        if (bytes > MAX_BYTES) {
          throw new PageFailure(name, 0, "all templates together are larger than 64 MiB.", null);
        }
        texts.put(name, text);
        FrontMatter.Split split = FrontMatter.split(name, text);
        if (split.matter() != FrontMatter.NONE && name.contains("_")) {
          checkOwnPage(name);
        }
        sources.put(name, split.template());
        matters.put(name, split.matter());
      } catch (PageFailure e) {
        failures.put(name, e);
      }
      try {
        if (PageRoutes.isRoutable(name)) {
          routes.add(name);
        }
      } catch (PageFailure e) {
        failures.put(name, e);
      }
    }
    this.engine = new TemplateEngine(sources, functions, maxChars);
    this.check = new PageCheck(engine, Set.copyOf(sources.keySet()), functions);
  }

  private static void checkOwnPage(String name) {
    if (!PageRoutes.isRoutable(name)) {
      throw new PageFailure(
          name, 1, "front matter belongs into pages, not into layouts and partials.", null);
    }
  }

  /**
   * What {@code pages} holds now; nothing if it is not there.
   *
   * @param maxChars most characters that a page may have
   */
  static PageSet read(Path pages, TemplateFunctions functions, int maxChars) {
    Map<String, Found> files = find(pages);
    return new PageSet(files, fingerprint(files), functions, maxChars);
  }

  /** The templates in {@code pages}, unread. */
  static Set<String> names(Path pages) {
    return find(pages).keySet();
  }

  /** Whether the files and the limit are still what they were when this was read. */
  boolean isCurrent(Path pages, int limit) {
    return limit == maxChars && fingerprint.equals(fingerprint(find(pages)));
  }

  String fingerprint() {
    return fingerprint;
  }

  /**
   * Everything that is wrong with the templates, whether or not anybody asked for them yet; in no
   * order, and what two pages share is said twice.
   */
  List<PageFailure> failures() {
    List<PageFailure> all = new ArrayList<>(failures.values());
    for (String name : matters.keySet()) {
      boolean page = PageRoutes.isRoutable(name) || PageRoutes.ERROR_PAGES.contains(name);
      all.addAll(page ? check.failures(name) : check.ownFailures(name));
    }
    return all;
  }

  PageCheck check() {
    return check;
  }

  /** The templates that could be read. */
  Set<String> readable() {
    return matters.keySet();
  }

  /** What a template that could be read declares. */
  FrontMatter declared(String template) {
    return matters.getOrDefault(template, FrontMatter.NONE);
  }

  boolean has(String template) {
    return texts.containsKey(template);
  }

  PageRoutes routes() {
    return routes;
  }

  /**
   * The front matter of a page.
   *
   * @throws PageFailure if something is wrong with the page or with a template that it uses
   */
  FrontMatter matter(String page) {
    Optional<PageFailure> found = checked.computeIfAbsent(page, this::firstFailure);
    if (found.isPresent()) {
      PageFailure failure = found.get();
      throw new PageFailure(
          failure.template(), failure.line(), failure.problem(), failure.getCause());
    }
    return declared(page);
  }

  private Optional<PageFailure> firstFailure(String page) {
    PageFailure failure = failures.get(page);
    return failure != null ? Optional.of(failure) : check.failures(page).stream().findFirst();
  }

  TemplateEngine engine() {
    return engine;
  }

  /** A template as it is in its file, for showing where it is wrong. */
  @Nullable String text(String template) {
    String text = texts.get(template);
    return text != null ? text : texts.get(template + ".html");
  }

  private static String read(String name, Path file) {
    try {
      if (Files.size(file) > MAX_TEMPLATE_BYTES) {
        throw new PageFailure(name, 0, "a template is at most 1 MiB; move data out of it.", null);
      }
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
          .toString();
    } catch (CharacterCodingException e) {
      throw new PageFailure(name, 0, "the file is not in UTF-8; save it in that encoding.", e);
    } catch (IOException e) {
      throw new PageFailure(name, 0, "the file cannot be read: " + e, e);
    }
  }

  private static String fingerprint(Map<String, Found> files) {
    StringBuilder all = new StringBuilder();
    files.forEach((name, found) -> all.append(name).append(found.state()));
    return EntityTags.hash(all.toString().getBytes(StandardCharsets.UTF_8)) + files.size();
  }

  /** Templates by name, in order. Symbolic links are not followed. */
  private static Map<String, Found> find(Path pages) {
    Map<String, Found> files = new TreeMap<>();
    if (!Files.isDirectory(pages)) {
      return files;
    }
    try {
      Files.walkFileTree(
          pages,
          Set.of(),
          MAX_DEPTH,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
              return !folder.equals(pages) && isHidden(folder)
                  ? FileVisitResult.SKIP_SUBTREE
                  : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              if (attributes.isRegularFile() && !isHidden(file) && isTemplate(file)) {
                List<String> parts = new ArrayList<>();
                pages.relativize(file).forEach(part -> parts.add(part.toString()));
                String state =
                    ":"
                        + attributes.lastModifiedTime()
                        + ":"
                        + attributes.size()
                        + ":"
                        + attributes.fileKey()
                        + "\n";
                files.put(String.join("/", parts), new Found(file, state));
              }
              return files.size() < MAX_TEMPLATES
                  ? FileVisitResult.CONTINUE
                  : FileVisitResult.TERMINATE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              // It went away while we looked.
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return files;
  }

  private static boolean isHidden(Path path) {
    return String.valueOf(path.getFileName()).startsWith(".");
  }

  private static boolean isTemplate(Path file) {
    String name = String.valueOf(file.getFileName());
    return name.endsWith(".html") || name.endsWith(".xml");
  }
}
