package dev.meridian.cli;

import dev.meridian.client.ListOptions;
import dev.meridian.client.MeridianClient;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.Json;
import dev.meridian.document.records.RecordFormat;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.core.JacksonException;

@Command(
    name = "export",
    description = {
      "Write a collection, or every one, to a file that 'data import' reads back.",
      "",
      "A line is {\"_id\":...,\"_value\":...}; of --all {\"_path\":...,\"_value\":...}; of one that"
          + " expires, with \"_expires\", so that it still does when it is read back. A name that"
          + " ends in .json or .csv decides the format, .gz compresses. CSV is for other programs:"
          + " text that looks like a number does not come back as text, and expiry is left out.",
      "",
      "The file gets its name when it is complete. One that was interrupted goes on where it was:"
          + " run the same command again."
    },
    footer = {
      "%nExamples:",
      "  ./meridian data export cities cities.ndjson.gz",
      "  ./meridian data export cities --where 'country == \"IS\"' iceland.csv",
      "  ./meridian data export --all everything.ndjson.gz",
      "  ./meridian data export cities --values-only | jq .name"
    })
final class ExportCommand implements Callable<Integer> {
  private static final long CHECKPOINT_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final int PAGE = 500;

  @Parameters(
      arity = "0..2",
      paramLabel = "COLLECTION FILE",
      hideParamSyntax = true,
      description = "What, and where to; without a file or as -, to standard output.")
  String[] arguments = {};

  @Option(names = "--all", description = "Every collection; needs the operator's key.")
  boolean all;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "ndjson, json or csv (default: by the file's name, else ndjson).")
  @Nullable RecordFormat format;

  @Option(
      names = "--where",
      paramLabel = "CEL",
      description = "Only documents for which this is true.")
  @Nullable String where;

  @Option(
      names = "--fields",
      paramLabel = "FIELDS",
      split = ",",
      description = "The columns of a CSV file (default: every field there is).")
  @Nullable List<String> fields;

  @Option(names = "--values-only", description = "Without ids.")
  boolean valuesOnly;

  @Option(names = "--force", description = "Replace a file that is there.")
  boolean force;

  @Option(names = "--restart", description = "Begin anew, whatever an earlier export did.")
  boolean restart;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  /** How far an export has come, kept as {@code FILE.meridian-export}. */
  record State(String target, @Nullable String cursor, long bytes, long records) {}

  ExportCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    if (arguments.length > (all ? 1 : 2) || (!all && arguments.length == 0)) {
      throw new CliException(
          ExitCode.USAGE, all ? "with --all, give only the FILE" : "name a COLLECTION, or --all");
    }
    String collection = all ? null : CollectionPath.parse(arguments[0]).toString();
    String name = arguments.length == (all ? 1 : 2) ? arguments[arguments.length - 1] : "-";
    if (all && (where != null || valuesOnly)) {
      throw new CliException(ExitCode.USAGE, "--all takes no --where and no --values-only");
    }
    RecordFormat form = format != null ? format : byName(name);
    if (all && form == RecordFormat.CSV) {
      throw new CliException(
          ExitCode.USAGE, "CSV is of one collection; export --all as ndjson or json");
    }
    try (MeridianClient client = server.connect(console)) {
      ExportFormat written =
          switch (form) {
            case NDJSON -> new ExportFormat.Lines(valuesOnly);
            case JSON -> new ExportFormat.Array(valuesOnly);
            case CSV ->
                new ExportFormat.Csv(columns(client, collection), fields == null, valuesOnly);
          };
      if (name.equals("-")) {
        return toStream(client, collection, written);
      }
      return toFile(client, collection, written, Path.of(name));
    }
  }

  private static RecordFormat byName(String name) {
    String plain = name.endsWith(".gz") ? name.substring(0, name.length() - 3) : name;
    return plain.endsWith(".json")
        ? RecordFormat.JSON
        : plain.endsWith(".csv") ? RecordFormat.CSV : RecordFormat.NDJSON;
  }

  private ListOptions options() {
    return new ListOptions(where, null, null, PAGE, where == null ? 0 : 1_000_000);
  }

  /** Every field of every document, in alphabetical order, unless the user named them. */
  private List<String> columns(MeridianClient client, @Nullable String collection) {
    if (fields != null) {
      return fields;
    }
    TreeSet<String> names = new TreeSet<>();
    try (var documents = client.list(String.valueOf(collection), options())) {
      documents.forEach(
          document -> {
            if (Json.parse(document.json(), JsonText.LIMITS)
                instanceof Json.Obj(Map<String, Json> members)) {
              names.addAll(members.keySet());
            }
          });
    }
    return List.copyOf(names);
  }

  private ExportSource source(
      MeridianClient client, @Nullable String collection, @Nullable String after) {
    return collection == null
        ? new ExportSource.OfEverything(client, after)
        : new ExportSource.OfCollection(client, collection, options(), after);
  }

  private int toStream(MeridianClient client, @Nullable String collection, ExportFormat form)
      throws IOException {
    OutputStream out = console.out();
    try (ExportSource source = source(client, collection, null)) {
      form.begin(out);
      boolean first = true;
      ExportSource.Portion portion;
      do {
        portion = source.next();
        for (ExportSource.Row row : portion.rows()) {
          form.write(out, all ? "_path" : "_id", row, first);
          first = false;
        }
        if (console.out().checkError()) {
          return ExitCode.OK; // the reader has seen enough
        }
      } while (portion.next() != null);
      form.end(out);
    }
    return ExitCode.OK;
  }

  private int toFile(
      MeridianClient client, @Nullable String collection, ExportFormat form, Path file)
      throws IOException {
    if (Files.exists(file) && !force) {
      throw new FileAlreadyExistsException(file.toString());
    }
    String target = server.url + " " + (all ? "--all" : collection) + " " + where + " " + form;
    Path stateFile = file.resolveSibling(file.getFileName() + ".meridian-export");
    Path part = file.resolveSibling(file.getFileName() + ".part");
    State begun = restart ? null : load(stateFile, part, target);
    State state = begun == null ? new State(target, null, 0, 0) : begun;
    if (begun != null) {
      console.note(
          "going on after " + Meter.count(begun.records()) + " documents; --restart begins anew");
    }
    long records = state.records();
    double seconds;
    try (FileChannel channel =
            FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        ExportSource source = source(client, collection, state.cursor());
        Meter meter = new Meter(console, "Exporting", -1)) {
      channel.truncate(state.bytes()).position(state.bytes());
      Member out = new Member(channel, file.toString().endsWith(".gz"));
      if (begun == null) {
        form.begin(out.stream());
      }
      long checkpoint = System.nanoTime();
      ExportSource.Portion portion;
      do {
        portion = source.next();
        for (ExportSource.Row row : portion.rows()) {
          form.write(out.stream(), all ? "_path" : "_id", row, records == 0);
          records++;
        }
        meter.at(channel.position(), records);
        if (portion.next() != null && System.nanoTime() - checkpoint > CHECKPOINT_NANOS) {
          out.finish();
          channel.force(false);
          save(stateFile, new State(target, portion.next(), channel.position(), records));
          checkpoint = System.nanoTime();
        }
      } while (portion.next() != null);
      form.end(out.stream());
      out.finish();
      channel.force(true);
      seconds = meter.seconds();
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Files.deleteIfExists(stateFile);
    console.note(
        "exported "
            + Meter.count(records)
            + " documents to "
            + Failures.oneLine(file.toString())
            + String.format(java.util.Locale.ROOT, " in %.1f s", seconds));
    return ExitCode.OK;
  }

  /** What an interrupted export of the same kind left, if its file is there too. */
  private static @Nullable State load(Path stateFile, Path part, String target) throws IOException {
    State state;
    try {
      state = JsonText.MAPPER.readValue(Files.readAllBytes(stateFile), State.class);
    } catch (NoSuchFileException e) {
      return null;
    } catch (JacksonException e) {
      throw new CliException(
          ExitCode.FAILED,
          "'" + stateFile + "' does not say how far an export came; --restart begins anew",
          e);
    }
    if (!target.equals(state.target())) {
      throw new CliException(
          ExitCode.FAILED,
          "an export to this file was begun with other options; --restart begins anew");
    }
    return Files.exists(part) && Files.size(part) >= state.bytes() ? state : null;
  }

  private static void save(Path stateFile, State state) throws IOException {
    Path next = stateFile.resolveSibling(stateFile.getFileName() + ".part");
    Files.write(next, JsonText.MAPPER.writeValueAsBytes(state));
    Files.move(
        next, stateFile, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /**
   * The file as a stream that can be brought to an end and begun again: a gzip file may have many
   * members (RFC 1952, section 2.2), so it can be cut after each.
   */
  private static final class Member {
    private final FileChannel channel;
    private final boolean gzip;
    private @Nullable OutputStream open;
    private @Nullable GZIPOutputStream compressor;

    Member(FileChannel channel, boolean gzip) {
      this.channel = channel;
      this.gzip = gzip;
    }

    OutputStream stream() throws IOException {
      OutputStream out = open;
      if (out == null) {
        OutputStream raw = Channels.newOutputStream(channel);
        if (gzip) {
          compressor = new GZIPOutputStream(raw, 1 << 16);
          raw = compressor;
        }
        out = new BufferedOutputStream(raw, 1 << 16);
        open = out;
      }
      return out;
    }

    /** Everything written so far is in the file, and stands by itself. */
    void finish() throws IOException {
      OutputStream out = open;
      if (out != null) {
        out.flush();
      }
      if (gzip && compressor != null) {
        compressor.finish();
        compressor = null;
        open = null;
      }
    }
  }
}
