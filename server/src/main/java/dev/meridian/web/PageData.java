package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.store.Page;
import dev.meridian.web.FrontMatter.Need;
import dev.meridian.web.FrontMatter.NeedDocument;
import dev.meridian.web.FrontMatter.NeedList;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a page's front matter asks for, read: variables for its template, or JSON. */
final class PageData {
  private final Map<String, @Nullable Object> variables = new LinkedHashMap<>();
  private final List<byte[]> json = new ArrayList<>();

  private PageData() {}

  /**
   * Reads all of it in order.
   *
   * @param given the request's variables: parameters by their names, {@code query} and others
   * @throws ProblemException if a document that the page needs is not there
   * @throws PageFailure if a declaration cannot be carried out
   */
  static PageData read(
      String template, FrontMatter matter, Map<String, Object> given, PageReads reads) {
    PageData data = new PageData();
    DataCheck.user(template, matter, reads.site())
        .ifPresent(
            failure -> {
              throw failure;
            });
    Map<String, Object> known = new LinkedHashMap<>(given);
    for (Need need : matter.data()) {
      Placeholders placeholders = new Placeholders(known);
      boolean wanted = need.when().isEmpty() || placeholders.isMet(need.when());
      Object value = wanted ? data.read(template, need, placeholders, reads) : data.none();
      data.variables.put(need.name(), value);
      if (value != null) {
        known.put(need.name(), value);
      }
    }
    return data;
  }

  private @Nullable Object read(
      String template, Need need, Placeholders placeholders, PageReads reads) {
    return switch (need) {
      case NeedDocument wanted -> {
        String path = placeholders.path(wanted.path());
        Optional<Document> document =
            path == null ? Optional.empty() : reads.document(template, wanted.line(), path);
        if (document.isEmpty() && !wanted.optional()) {
          throw new ProblemException(Problem.notFound("There is nothing at this address."));
        }
        if (document.isEmpty()) {
          yield none();
        }
        Object value = TemplateValues.value(document.get(), wanted.fields());
        json.add(wanted.fields().isEmpty() ? document.get().json() : TemplateValues.json(value));
        yield value;
      }
      case NeedList wanted -> {
        String collection = placeholders.path(wanted.collection());
        if (collection == null) {
          throw new ProblemException(Problem.notFound("There is nothing at this address."));
        }
        String where = wanted.where();
        if (where != null && placeholders.lacksUser(where)) {
          // As null it would be equal to the null of a document.
          yield none();
        }
        String sort = wanted.sort();
        String after = wanted.after();
        Page page =
            reads.list(
                template,
                wanted.line(),
                collection,
                where == null ? null : placeholders.expression(where),
                sort,
                wanted.limit(),
                after == null ? null : placeholders.text(after),
                wanted.scan());
        Map<String, Object> list = TemplateValues.list(page, wanted.fields());
        json.add(TemplateValues.json(list));
        list.putIfAbsent("next", "");
        yield list;
      }
    };
  }

  private @Nullable Object none() {
    json.add("null".getBytes(StandardCharsets.US_ASCII));
    return null;
  }

  /** By the names that the page gave them. */
  Map<String, @Nullable Object> variables() {
    return variables;
  }

  /** One object with a member for each, documents exactly as they are stored. */
  byte[] json() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int i = 0;
    for (String name : variables.keySet()) {
      // Names are letters, digits and underscores: nothing to escape.
      out.writeBytes(((i == 0 ? "{\"" : ",\"") + name + "\":").getBytes(StandardCharsets.US_ASCII));
      out.writeBytes(json.get(i));
      i++;
    }
    out.write('}');
    return out.toByteArray();
  }
}
