package dev.meridian.web;

import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import io.helidon.http.Status;
import io.pebbletemplates.pebble.extension.AbstractExtension;
import io.pebbletemplates.pebble.extension.Filter;
import io.pebbletemplates.pebble.extension.Function;
import io.pebbletemplates.pebble.extension.escaper.SafeString;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What templates can do besides what Pebble brings. */
final class TemplateFunctions extends AbstractExtension {
  /** Most items of a range. */
  static final int MAX_RANGE = 10_000;

  /** Makes grants. */
  interface Minting {
    /** A grant for a kind of write to a path, within terms. */
    String mint(Grants.Kind kind, String path, Grants.Terms terms);
  }

  private final Minting grants;
  private final java.util.function.Function<String, String> assets;

  /**
   * Creates them.
   *
   * @param grants makes a grant for a kind of write to a path
   * @param assets the address of a file in {@code public/}, changing with its content
   */
  TemplateFunctions(Minting grants, java.util.function.Function<String, String> assets) {
    this.grants = grants;
    this.assets = assets;
  }

  /** Ends a page by sending its visitor elsewhere. */
  static final class Redirect extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final String location;
    private final transient Status status;

    Redirect(String location, Status status) {
      super(location, null, false, false);
      this.location = location;
      this.status = status;
    }

    String location() {
      return location;
    }

    Status status() {
      return status;
    }
  }

  @Override
  public Map<String, Function> getFunctions() {
    Map<String, Function> functions = new LinkedHashMap<>();
    functions.put(
        "document", TemplateCall.function(TemplateCall.PARTS, TemplateFunctions::document));
    functions.put(
        "list",
        TemplateCall.function(
            List.of("collection", "where", "sort", "limit", "after", "scan", "with"),
            TemplateFunctions::list));
    functions.put(
        "grant", TemplateCall.function(List.of("kind", "path", "adds", "expiry"), this::grant));
    functions.put("csrf", TemplateCall.function(List.of(), _ -> csrf()));
    functions.put(
        "csrfField",
        TemplateCall.function(
            List.of(),
            _ ->
                new SafeString("<input type=\"hidden\" name=\"_csrf\" value=\"" + csrf() + "\">")));
    functions.put(
        "flash", TemplateCall.function(List.of(), _ -> Rendering.CURRENT.get().messages().show()));
    functions.put("url", TemplateCall.function(TemplateCall.PARTS, TemplateFunctions::url));
    functions.put(
        "asset",
        TemplateCall.function(
            List.of("path"),
            call -> {
              String path = call.text("path", "the file's path");
              String address = assets.apply(path);
              Rendering.CURRENT.get().asset(path, address);
              return address;
            }));
    functions.put(
        "notFound",
        TemplateCall.function(
            List.of(),
            call -> {
              throw new ProblemException(Problem.notFound("There is nothing at this address."));
            }));
    functions.put(
        "redirect",
        TemplateCall.function(List.of("to", "status", "external"), TemplateFunctions::redirect));
    functions.put(
        "range",
        TemplateCall.function(List.of("start", "end", "increment"), TemplateFunctions::range));
    return functions;
  }

  @Override
  public Map<String, Filter> getFilters() {
    return TemplateFilters.all();
  }

  // Functions

  private static @Nullable Object document(TemplateCall call) {
    String path = call.joined();
    return path == null
        ? null
        : Rendering.CURRENT
            .get()
            .reads()
            .document(call.template(), call.line(), path)
            .map(found -> TemplateValues.value(found, List.of()))
            .orElse(null);
  }

  private static Object list(TemplateCall call) {
    Map<String, Object> given = new LinkedHashMap<>();
    for (String name : List.of("params", "query")) {
      Object value = call.context().getVariable(name);
      if (value != null) {
        given.put(name, value);
      }
    }
    if (call.context().getVariable("params") instanceof Map<?, ?> params) {
      params.forEach((name, value) -> given.put(String.valueOf(name), value));
    }
    if (call.arguments().get("with") instanceof Map<?, ?> with) {
      with.forEach((name, value) -> given.put(String.valueOf(name), value));
    }
    Placeholders placeholders = new Placeholders(given);
    String where = call.optional("where");
    Map<String, Object> list =
        TemplateValues.list(
            Rendering.CURRENT
                .get()
                .reads()
                .list(
                    call.template(),
                    call.line(),
                    call.text("collection", "the collection"),
                    where == null ? null : placeholders.expression(where),
                    call.optional("sort"),
                    call.number("limit", FrontMatter.DEFAULT_LIMIT, 1, 1000),
                    call.optional("after"),
                    call.number("scan", 0, 0, 1_000_000)),
            List.of());
    list.putIfAbsent("next", "");
    return list;
  }

  private Object grant(TemplateCall call) {
    try {
      String grant =
          grants.mint(
              Grants.Kind.parse(call.text("kind", "the kind of write")),
              call.text("path", "the path"),
              terms(call));
      Rendering.CURRENT.get().grant();
      return grant;
    } catch (InvalidInputException e) {
      throw call.failure(String.valueOf(e.getMessage()));
    }
  }

  /** The token of the visitor's session; without one there is nothing that needs a token. */
  private static String csrf() {
    BrowserSession session = RequestContext.current().session();
    session.personal();
    String token = session.find().map(session.sessions()::csrfToken).orElse("");
    if (!token.isEmpty()) {
      Rendering.CURRENT.get().grant();
    }
    return token;
  }

  private static Grants.Terms terms(TemplateCall call) {
    Map<FieldPath, BigDecimal> adds = new LinkedHashMap<>();
    Object given = call.arguments().get("adds");
    if (given != null) {
      if (!(given instanceof Map<?, ?> map) || map.isEmpty()) {
        throw call.failure("a grant's third argument is what it adds, as in {\"count\": 1}.");
      }
      map.forEach(
          (field, amount) -> {
            if (!(amount instanceof Number)) {
              throw call.failure("a grant adds numbers, as in {\"count\": 1}.");
            }
            adds.put(
                FieldPath.parse(String.valueOf(field)), new BigDecimal(String.valueOf(amount)));
          });
    }
    return new Grants.Terms(adds, Boolean.TRUE.equals(call.arguments().get("expiry")));
  }

  /** {@code url("cities", id, {"page": 2})} is {@code /cities/IS-1?page=2}, all of it encoded. */
  private static Object url(TemplateCall call) {
    StringBuilder url = new StringBuilder();
    Map<?, ?> query = Map.of();
    for (String name : TemplateCall.PARTS) {
      Object part = call.arguments().get(name);
      if (part instanceof Map<?, ?> map) {
        query = map;
      } else if (part != null) {
        String text = TemplateCall.plain(part);
        if (name.equals("path") && text.startsWith("/")) {
          url.append(Percent.encodePath(text.equals("/") ? "" : text));
        } else {
          url.append('/').append(SitePath.encode(text));
        }
      }
    }
    if (url.isEmpty()) {
      url.append('/');
    }
    if (url.length() > 1 && url.charAt(1) == '/') {
      throw call.failure("an address that begins with '//' leads to another site.");
    }
    char separator = '?';
    for (Map.Entry<?, ?> entry : query.entrySet()) {
      Object value = entry.getValue();
      if (value != null && !value.equals("")) {
        url.append(separator)
            .append(SitePath.encode(String.valueOf(entry.getKey())))
            .append('=')
            .append(SitePath.encode(TemplateCall.plain(value)));
        separator = '&';
      }
    }
    return url.toString();
  }

  private static @Nullable Object redirect(TemplateCall call) {
    String to = call.text("to", "the address");
    boolean external = Boolean.TRUE.equals(call.arguments().get("external"));
    boolean local = to.startsWith("/") && !to.startsWith("//") && !to.startsWith("/\\");
    boolean web = to.startsWith("https://") || to.startsWith("http://");
    if (to.chars().anyMatch(c -> c <= 0x20 || c >= 0x7f) || !(local || (external && web))) {
      // Also what keeps redirect(query.next) from leading visitors to another site.
      throw call.failure(
          "redirect() goes to a path of this site, such as '/cities', made by url(); to another"
              + " site it goes with external=true.");
    }
    int status = call.number("status", 303, 300, 399);
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
      throw call.failure("redirect() has status 301, 302, 303, 307 or 308.");
    }
    throw new Redirect(to, Status.create(status));
  }

  private static Object range(TemplateCall call) {
    int start = call.number("start", 0, Integer.MIN_VALUE, Integer.MAX_VALUE);
    int end = call.number("end", 0, Integer.MIN_VALUE, Integer.MAX_VALUE);
    int step = call.number("increment", 1, Integer.MIN_VALUE, Integer.MAX_VALUE);
    if (step == 0 || ((long) end - start) / step >= MAX_RANGE) {
      throw call.failure("a range has at most " + MAX_RANGE + " items.");
    }
    List<Long> items = new ArrayList<>();
    for (long i = start; step > 0 ? i <= end : i >= end; i += step) {
      items.add(i);
    }
    Rendering.CURRENT.get().reads().checkTime(call.template(), call.line());
    return items;
  }
}
