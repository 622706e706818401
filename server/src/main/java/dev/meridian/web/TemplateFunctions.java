package dev.meridian.web;

import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import io.helidon.http.Status;
import io.pebbletemplates.pebble.extension.AbstractExtension;
import io.pebbletemplates.pebble.extension.Filter;
import io.pebbletemplates.pebble.extension.Function;
import io.pebbletemplates.pebble.extension.escaper.SafeString;
import io.pebbletemplates.pebble.template.EvaluationContext;
import io.pebbletemplates.pebble.template.PebbleTemplate;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What templates can do besides what Pebble brings. */
final class TemplateFunctions extends AbstractExtension {
  /** Most items of a range. */
  static final int MAX_RANGE = 10_000;

  /** Segments that a path or an address may be given in. */
  private static final List<String> PARTS =
      List.of("path", "s1", "s2", "s3", "s4", "s5", "s6", "s7");

  private final Grants grants;
  private final java.util.function.Function<String, String> assets;

  /**
   * Creates them.
   *
   * @param assets the address of a file in {@code public/}, changing with its content
   */
  TemplateFunctions(Grants grants, java.util.function.Function<String, String> assets) {
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
    functions.put("document", function(PARTS, TemplateFunctions::document));
    functions.put(
        "list",
        function(
            List.of("collection", "where", "sort", "limit", "after", "scan", "with"),
            TemplateFunctions::list));
    functions.put("grant", function(List.of("kind", "path", "adds", "expiry"), this::grant));
    functions.put("url", function(PARTS, TemplateFunctions::url));
    functions.put(
        "asset",
        function(List.of("path"), (call) -> assets.apply(call.text("path", "the file's path"))));
    functions.put(
        "notFound",
        function(
            List.of(),
            call -> {
              throw new ProblemException(Problem.notFound("There is nothing at this address."));
            }));
    functions.put(
        "redirect", function(List.of("to", "status", "external"), TemplateFunctions::redirect));
    functions.put(
        "range", function(List.of("start", "end", "increment"), TemplateFunctions::range));
    return functions;
  }

  @Override
  public Map<String, Filter> getFilters() {
    Map<String, Filter> filters = new LinkedHashMap<>();
    filters.put("number", filter(List.of("decimals"), TemplateFunctions::number));
    filters.put("date", filter(List.of("format", "zone"), TemplateFunctions::date));
    filters.put(
        "fold",
        filter(
            List.of(), (input, _) -> input == null ? null : NameFolding.fold(Call.plain(input))));
    filters.put("json", filter(List.of(), (input, _) -> json(input)));
    return filters;
  }

  // Functions

  private static @Nullable Object document(Call call) {
    String path = call.joined();
    return path == null
        ? null
        : Rendering.CURRENT
            .get()
            .reads()
            .document(call.template, call.line, path)
            .map(found -> TemplateValues.value(found, List.of()))
            .orElse(null);
  }

  private static Object list(Call call) {
    Map<String, Object> given = new LinkedHashMap<>();
    for (String name : List.of("params", "query")) {
      Object value = call.context.getVariable(name);
      if (value != null) {
        given.put(name, value);
      }
    }
    if (call.context.getVariable("params") instanceof Map<?, ?> params) {
      params.forEach((name, value) -> given.put(String.valueOf(name), value));
    }
    if (call.arguments.get("with") instanceof Map<?, ?> with) {
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
                    call.template,
                    call.line,
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

  private Object grant(Call call) {
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

  private static Grants.Terms terms(Call call) {
    Map<FieldPath, BigDecimal> adds = new LinkedHashMap<>();
    Object given = call.arguments.get("adds");
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
    return new Grants.Terms(adds, Boolean.TRUE.equals(call.arguments.get("expiry")));
  }

  /** {@code url("cities", id, {"page": 2})} is {@code /cities/IS-1?page=2}, all of it encoded. */
  private static Object url(Call call) {
    StringBuilder url = new StringBuilder();
    Map<?, ?> query = Map.of();
    for (String name : PARTS) {
      Object part = call.arguments.get(name);
      if (part instanceof Map<?, ?> map) {
        query = map;
      } else if (part != null) {
        String text = Call.plain(part);
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
            .append(SitePath.encode(Call.plain(value)));
        separator = '&';
      }
    }
    return url.toString();
  }

  private static @Nullable Object redirect(Call call) {
    String to = call.text("to", "the address");
    boolean external = Boolean.TRUE.equals(call.arguments.get("external"));
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

  private static Object range(Call call) {
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
    Rendering.CURRENT.get().reads().checkTime(call.template, call.line);
    return items;
  }

  // Filters

  private static @Nullable Object number(@Nullable Object input, Call call) {
    if (input == null) {
      return null;
    }
    BigDecimal value;
    try {
      value = new BigDecimal(String.valueOf(input));
    } catch (NumberFormatException e) {
      throw call.failure("'number' takes a number, but this is '" + brief(input) + "'.");
    }
    int decimals = call.number("decimals", -1, 0, 20);
    DecimalFormat format =
        new DecimalFormat("#,##0", DecimalFormatSymbols.getInstance(Locale.ENGLISH));
    format.setMaximumFractionDigits(decimals < 0 ? 3 : decimals);
    format.setMinimumFractionDigits(Math.max(decimals, 0));
    format.setRoundingMode(RoundingMode.HALF_UP);
    if (Math.abs((long) value.precision() - value.scale()) > 100) {
      return value.toString();
    }
    return format.format(value);
  }

  /** Takes ISO 8601 text or milliseconds since 1970. */
  private static @Nullable Object date(@Nullable Object input, Call call) {
    if (input == null || input.equals("")) {
      return null;
    }
    try {
      String zone = call.optional("zone");
      ZoneId place = zone == null ? ZoneOffset.UTC : ZoneId.of(zone);
      String pattern = call.optional("format");
      DateTimeFormatter format =
          DateTimeFormatter.ofPattern(pattern == null ? "d MMMM yyyy" : pattern, Locale.ENGLISH);
      ZonedDateTime time =
          switch (input) {
            case Number number -> Instant.ofEpochMilli(number.longValue()).atZone(place);
            case String text when text.length() == 10 -> LocalDate.parse(text).atStartOfDay(place);
            case String text when text.endsWith("]") -> ZonedDateTime.parse(text);
            case String text ->
                DateTimeFormatter.ISO_OFFSET_DATE_TIME.parse(text, Instant::from).atZone(place);
            default -> throw new DateTimeException("not a time");
          };
      return time.format(format);
    } catch (DateTimeException | IllegalArgumentException e) {
      throw call.failure(
          "'"
              + brief(input)
              + "' with this format or zone is no date; a date is ISO 8601 text"
              + " (2026-01-31T12:00:00Z) or milliseconds since 1970: "
              + e.getMessage());
    }
  }

  /** JSON that may stand in a script element: no {@code </script>}, no line separators. */
  private static Object json(@Nullable Object input) {
    return new SafeString(
        TemplateValues.jsonText(input)
            .replace("<", "\\u003c")
            .replace(">", "\\u003e")
            .replace("&", "\\u0026")
            .replace("\u2028", "\\u2028")
            .replace("\u2029", "\\u2029"));
  }

  private static String brief(Object input) {
    String text = String.valueOf(input);
    return text.length() > 40 ? text.substring(0, 40) + "…" : text;
  }

  // Calls

  private interface Body {
    @Nullable Object run(Call call);
  }

  private interface FilterBody {
    @Nullable Object run(@Nullable Object input, Call call);
  }

  /** A call with its arguments and its place. */
  private record Call(
      Map<String, Object> arguments, EvaluationContext context, String template, int line) {
    PageFailure failure(String message) {
      return new PageFailure(template, line, message, null);
    }

    static String plain(Object value) {
      return value instanceof BigDecimal decimal ? decimal.toPlainString() : value.toString();
    }

    @Nullable String optional(String name) {
      Object value = arguments.get(name);
      return value == null ? null : plain(value);
    }

    String text(String name, String what) {
      String text = optional(name);
      if (text == null || text.isEmpty()) {
        throw failure(what + " is missing here.");
      }
      return text;
    }

    int number(String name, int otherwise, int min, int max) {
      Object value = arguments.get(name);
      if (value == null) {
        return otherwise;
      }
      try {
        int number = new BigDecimal(String.valueOf(value)).intValueExact();
        if (number >= min && number <= max) {
          return number;
        }
      } catch (ArithmeticException | NumberFormatException e) {
        // Said below.
      }
      throw failure(name + " is a whole number from " + min + " to " + max + ".");
    }

    /** {@code cities/IS-1} from one text or several; null if a part can be no segment. */
    @Nullable String joined() {
      StringBuilder path = new StringBuilder();
      for (String name : PARTS) {
        Object part = arguments.get(name);
        if (part != null) {
          String text = plain(part);
          if (!name.equals("path") && (text.isEmpty() || text.indexOf('/') >= 0)) {
            return null;
          }
          path.append(path.isEmpty() ? "" : "/").append(text);
        }
      }
      return path.isEmpty() ? null : path.toString();
    }
  }

  private static Function function(List<String> names, Body body) {
    return new Function() {
      @Override
      public List<String> getArgumentNames() {
        return names;
      }

      @Override
      public @Nullable Object execute(
          Map<String, Object> arguments, PebbleTemplate self, EvaluationContext context, int line) {
        return body.run(new Call(arguments, context, self.getName(), line));
      }
    };
  }

  private static Filter filter(List<String> names, FilterBody body) {
    return new Filter() {
      @Override
      public List<String> getArgumentNames() {
        return names;
      }

      @Override
      public @Nullable Object apply(
          @Nullable Object input,
          Map<String, Object> arguments,
          PebbleTemplate self,
          EvaluationContext context,
          int line) {
        return body.run(input, new Call(arguments, context, self.getName(), line));
      }
    };
  }
}
