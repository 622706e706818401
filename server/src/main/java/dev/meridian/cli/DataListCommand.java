package dev.meridian.cli;

import dev.meridian.client.Document;
import dev.meridian.client.ListOptions;
import dev.meridian.client.MeridianClient;
import dev.meridian.document.CollectionPath;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "list",
    description = {
      "List a collection: a line a document on a terminal; in a pipe, NDJSON with id, etag and"
          + " value."
    },
    footer = {
      "%nExamples:",
      "  ./meridian data list cities --limit 5",
      "  ./meridian data list cities --where 'country == \"IS\"' --sort=-population",
      "  ./meridian data list cities --ids --all | wc -l"
    })
final class DataListCommand implements Callable<Integer> {
  @Parameters(paramLabel = "COLLECTION", description = "Such as cities, or artists/katy/followers.")
  String collection = "";

  @Option(
      names = "--where",
      paramLabel = "CEL",
      description = "Only those for which this is true: country == \"IS\" && population > 1000.")
  @Nullable String where;

  @Option(
      names = "--sort",
      paramLabel = "FIELD",
      description = "By this field, --sort=-FIELD for greatest first (default: by id).")
  @Nullable String sort;

  @Option(
      names = "--fields",
      paramLabel = "FIELDS",
      description = "Only these fields, joined by commas.")
  @Nullable String fields;

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "50",
      description = "At most so many (default: ${DEFAULT-VALUE}).")
  int limit = 50;

  @Option(names = "--all", description = "However many there are.")
  boolean all;

  @Option(names = "--ids", description = "Only the ids, one on a line.")
  boolean ids;

  @Option(names = "--json", description = "NDJSON on a terminal too.")
  boolean json;

  @Option(
      names = "--scan",
      paramLabel = "N",
      arity = "0..1",
      defaultValue = "0",
      fallbackValue = "1000000",
      description =
          "Look through up to N documents when no index serves the query (1000000 unless told).")
  int scan;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DataListCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    String wanted = CollectionPath.parse(collection).toString();
    if (limit < 1) {
      throw new CliException(ExitCode.USAGE, "--limit is at least 1; it was " + limit);
    }
    long most = all ? Long.MAX_VALUE : limit;
    // One more than shown, to know whether there are more.
    int page = (int) Math.min(500, most + (all ? 0 : 1));
    ListOptions options = new ListOptions(where, sort, fields, page, scan);
    boolean table = console.outIsTerminal() && !json && !ids;
    try (MeridianClient client = server.connect(console);
        Stream<Document> documents = client.list(wanted, options)) {
      Iterator<Document> each = documents.iterator();
      long shown = 0;
      while (shown < most && each.hasNext()) {
        show(each.next(), table);
        shown++;
        if (console.out().checkError()) {
          return ExitCode.OK; // the reader has seen enough
        }
      }
      console.out().flush();
      if (console.errIsTerminal() && each.hasNext()) {
        console.note("... and more; --limit N or --all shows them");
      } else if (table && shown == 0) {
        console.note("nothing there");
      }
    }
    return ExitCode.OK;
  }

  private void show(Document document, boolean table) {
    if (ids) {
      console.out().println(document.id());
    } else if (table) {
      String id = Failures.oneLine(document.id());
      String value = Failures.oneLine(new String(document.json(), StandardCharsets.UTF_8));
      int room = Math.max(20, console.width() - id.length() - 2);
      String shortened = value.length() <= room ? value : Table.start(value, room - 1) + "…";
      console.out().println(Table.paint(console, "36;1", id) + "  " + shortened);
    } else {
      StringBuilder head = new StringBuilder("{\"id\":");
      head.append(JsonText.MAPPER.writeValueAsString(document.id()))
          .append(",\"etag\":\"")
          .append(document.etag())
          .append("\",\"value\":");
      console.out().print(head);
      console.out().writeBytes(document.json());
      console.out().println("}");
    }
  }
}
