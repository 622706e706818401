package dev.meridian.web;

import dev.meridian.site.CacheControl;
import dev.meridian.site.Problem;
import dev.meridian.site.YamlReader;
import dev.meridian.site.YamlReader.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;

/**
 * The YAML between two lines of three hyphens at the top of a page: what the page is called and
 * which data it shows. The data is read before the template runs; the template gets it as variables
 * and a client that asks for JSON gets it as JSON.
 *
 * @param title for {@code page.title}, or empty
 * @param description for {@code page.description}, or empty
 * @param data in the order it is read; later ones may refer to earlier ones
 * @param cacheControl for how long caches outside may use the page unasked
 */
record FrontMatter(String title, String description, List<Need> data, CacheControl cacheControl) {
  static final FrontMatter NONE = new FrontMatter("", "", List.of(), CacheControl.ASK);

  /** Most data a page may declare. */
  static final int MAX_NEEDS = 32;

  private static final String FENCE = "---";
  private static final List<String> KEYS = List.of("title", "description", "data", "cacheControl");
  private static final List<String> DOCUMENT_KEYS =
      List.of("document", "fields", "optional", "when");
  private static final List<String> LIST_KEYS =
      List.of("list", "where", "sort", "limit", "after", "scan", "fields", "when");
  private static final List<String> NEED_KEYS =
      List.of(
          "document",
          "list",
          "fields",
          "optional",
          "when",
          "where",
          "sort",
          "limit",
          "after",
          "scan");
  private static final List<String> TAKEN =
      List.of("params", "query", "request", "site", "page", "session");

  /** One thing a page shows. Texts may hold placeholders. */
  sealed interface Need {
    /** The variable that holds it. */
    String name();

    /** The line it is declared in. */
    int line();

    /** Members of the values that are kept; empty for all. */
    List<String> fields();

    /** Read only when this placeholder has a value; empty for always. */
    String when();
  }

  /**
   * A document.
   *
   * @param optional whether the page is shown without it; otherwise it is not found either
   */
  record NeedDocument(
      String name, int line, String path, List<String> fields, boolean optional, String when)
      implements Need {}

  /** A page of a collection. */
  record NeedList(
      String name,
      int line,
      String collection,
      @Nullable String where,
      @Nullable String sort,
      int limit,
      @Nullable String after,
      int scan,
      List<String> fields,
      String when)
      implements Need {}

  /** A page's text in two. */
  record Split(FrontMatter matter, String template) {}

  /** Documents in a list that gives no limit. */
  static final int DEFAULT_LIMIT = 50;

  /**
   * Takes the front matter off a page.
   *
   * @throws PageFailure if it is not as it should be
   */
  static Split split(String name, String text) {
    if (!text.startsWith(FENCE + "\n") && !text.startsWith(FENCE + "\r\n")) {
      return new Split(NONE, text);
    }
    int start = text.indexOf('\n') + 1;
    int lines = 1;
    int at = start;
    while (true) {
      int end = text.indexOf('\n', at);
      String line = (end < 0 ? text.substring(at) : text.substring(at, end)).stripTrailing();
      if (line.equals(FENCE)) {
        String rest = end < 0 ? "" : text.substring(end + 1);
        // An empty comment of as many lines keeps the line numbers of the template right.
        String filler = "{#" + "\n".repeat(lines) + "#}\n";
        return new Split(parse(name, text.substring(start, at)), filler + rest);
      }
      if (end < 0) {
        throw new PageFailure(
            name, 1, "the front matter that begins here does not end; add a line '---'.", null);
      }
      lines++;
      at = end + 1;
    }
  }

  private static FrontMatter parse(String name, String text) {
    YamlReader yaml = new YamlReader(name, 1);
    Node root = yaml.read(text);
    String title = "";
    String description = "";
    List<Need> data = new ArrayList<>();
    CacheControl cacheControl = CacheControl.ASK;
    Map<String, Field> fields = root == null ? null : yaml.mapping(root, "front matter", KEYS);
    if (fields != null) {
      title = text(yaml, fields, "title", "");
      description = text(yaml, fields, "description", "");
      cacheControl = CacheControl.read(yaml, fields.get("cacheControl"));
      Field needs = fields.get("data");
      Map<String, Field> entries = needs == null ? null : yaml.mapping(needs.value(), "data", null);
      if (needs != null && entries != null) {
        if (entries.size() > MAX_NEEDS) {
          yaml.problem(needs.key(), "a page declares at most " + MAX_NEEDS + " kinds of data.");
        }
        entries.forEach((key, field) -> need(yaml, key, field, data));
      }
    }
    for (Problem problem : yaml.problems()) {
      throw new PageFailure(name, problem.line(), problem.message(), null);
    }
    return new FrontMatter(title, description, List.copyOf(data), cacheControl);
  }

  private static void need(YamlReader yaml, String name, Field field, List<Need> data) {
    if (!name.matches("[A-Za-z][A-Za-z0-9_]{0,63}") || TAKEN.contains(name)) {
      yaml.problem(
          field.key(),
          TAKEN.contains(name)
              ? "'" + name + "' has a meaning of its own in pages; choose another name."
              : "a name of data is letters, digits and '_', and starts with a letter.");
      return;
    }
    int problems = yaml.problems().size();
    Map<String, Field> any = yaml.mapping(field.value(), "data." + name, NEED_KEYS);
    if (any == null || yaml.problems().size() > problems) {
      return;
    }
    if (any.containsKey("document") == any.containsKey("list")) {
      yaml.problem(field.key(), "data." + name + " needs either 'document' or 'list'.");
      return;
    }
    List<String> allowed = any.containsKey("document") ? DOCUMENT_KEYS : LIST_KEYS;
    any.forEach(
        (key, f) -> {
          if (!allowed.contains(key)) {
            yaml.problem(f.key(), "'" + key + "' does not go with '" + allowed.getFirst() + "'.");
          }
        });
    int line = yaml.line(field.key());
    List<String> members = new ArrayList<>();
    Field kept = any.get("fields");
    if (kept != null) {
      List<Node> items = yaml.oneOrMore(kept.value(), "fields");
      for (Node item : items == null ? List.<Node>of() : items) {
        String member = yaml.string(item, "a field");
        if (member != null) {
          members.add(member);
        }
      }
    }
    String when = text(yaml, any, "when", "");
    if (any.containsKey("document")) {
      Field optional = any.get("optional");
      Boolean missing = optional == null ? null : yaml.bool(optional.value(), "optional");
      data.add(
          new NeedDocument(
              name,
              line,
              text(yaml, any, "document", ""),
              List.copyOf(members),
              missing != null && missing,
              when));
      return;
    }
    data.add(
        new NeedList(
            name,
            line,
            text(yaml, any, "list", ""),
            any.containsKey("where") ? text(yaml, any, "where", "") : null,
            any.containsKey("sort") ? text(yaml, any, "sort", "") : null,
            number(yaml, any, "limit", DEFAULT_LIMIT, 1, 1000),
            any.containsKey("after") ? text(yaml, any, "after", "") : null,
            number(yaml, any, "scan", 0, 0, 1_000_000),
            List.copyOf(members),
            when));
  }

  private static String text(
      YamlReader yaml, Map<String, Field> fields, String key, String otherwise) {
    Field field = fields.get(key);
    String text = field == null ? null : yaml.string(field.value(), key);
    return text == null ? otherwise : text;
  }

  private static int number(
      YamlReader yaml, Map<String, Field> fields, String key, int otherwise, int min, int max) {
    Field field = fields.get(key);
    Integer number = field == null ? null : yaml.integer(field.value(), key, min, max);
    return number == null ? otherwise : number;
  }
}
