package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.FieldPath;
import dev.meridian.document.JsonLimits;
import dev.meridian.document.records.RecordFormat;
import dev.meridian.document.records.RecordItem;
import dev.meridian.document.records.RecordReader;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "import",
    description = {
      "Put the records of a file into a collection.",
      "",
      "The file is NDJSON, a JSON array, or CSV with field names in its first line; gzip is seen"
          + " from the content. A record's id is its field _id, or else id; one without gets an id"
          + " of its own. A document that is there already is replaced."
          + " What 'data export' wrote keeps its ids and its expiry; otherwise the collection's"
          + " 'expires' decides.",
      "",
      "An import that was interrupted goes on where it was: run the same command again. How far it"
          + " came is kept in FILE.meridian-import until it is complete.",
      "",
      "In CSV, an empty cell is a missing field, and a cell that is written exactly as JSON writes"
          + " a number, true or false is that; 007 or 1e3 stay text."
    },
    footer = {
      "%nExamples:",
      "  ./meridian data import cities cities.ndjson.gz",
      "  ./meridian data import cities cities.csv --id geonameid --skip-bad 100",
      "  curl -s https://example.org/all.json | ./meridian data import cities -",
      "  ./meridian data import --all everything.ndjson.gz      what 'data export --all' wrote"
    })
final class ImportCommand implements Callable<Integer> {
  private static final long CHECKPOINT_NANOS = TimeUnit.SECONDS.toNanos(1);

  @Parameters(
      arity = "1..2",
      paramLabel = "COLLECTION FILE",
      hideParamSyntax = true,
      description = "Where the records go, and the file; without a file or as -, standard input.")
  String[] arguments = {};

  @Option(
      names = "--all",
      description = "Records say where they go, as 'data export --all' writes; give only the FILE.")
  boolean all;

  @Option(
      names = "--id",
      paramLabel = "FIELD",
      description = "The field that holds each record's id: name, or outer.inner.")
  @Nullable String id;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "ndjson, json or csv (default: seen from the first character).")
  @Nullable RecordFormat format;

  @Option(names = "--strings", description = "Every CSV cell is text.")
  boolean strings;

  @Option(
      names = "--skip-bad",
      paramLabel = "N",
      defaultValue = "0",
      description = "Pass over up to N bad records instead of stopping at the first.")
  long skipBad;

  @Option(names = "--restart", description = "Begin anew, whatever an earlier import did.")
  boolean restart;

  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;
  private volatile boolean stop;

  // Of the importing thread: whether it was said that nothing can be kept.
  private boolean unkept;

  ImportCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    CollectionPath collection = all ? null : CollectionPath.parse(arguments[0]);
    String name = all ? arguments[0] : arguments.length == 2 ? arguments[1] : "-";
    if (all && arguments.length == 2) {
      throw new CliException(ExitCode.USAGE, "with --all, give only the FILE");
    }
    if (skipBad < 0) {
      throw new CliException(ExitCode.USAGE, "--skip-bad is 0 or more");
    }
    if (collection != null) {
      // The rules of ids apply to the collection's path too: it must leave room for one.
      DocumentPath.parse(collection + "/x");
    }
    RecordReader.Options how =
        new RecordReader.Options(
            format, id == null ? null : FieldPath.parse(id), strings, JsonLimits.DEFAULT);
    return name.equals("-")
        ? importFrom(console.in(), null, -1, collection, how)
        : importFile(Path.of(name), collection, how);
  }

  private int importFile(Path file, @Nullable CollectionPath collection, RecordReader.Options how)
      throws IOException, InterruptedException {
    if (Files.isDirectory(file)) {
      throw new CliException(ExitCode.USAGE, "'" + file + "' is a folder, not a file");
    }
    if (Files.isRegularFile(file)) {
      try (InputStream in = Files.newInputStream(file)) {
        RecordReader.checkWhole(in);
      }
    }
    try (InputStream in = Files.newInputStream(file)) {
      // A pipe or a device can be read only once: nothing to go on from.
      return Files.isRegularFile(file)
          ? importFrom(in, file, Files.size(file), collection, how)
          : importFrom(in, null, -1, collection, how);
    }
  }

  private int importFrom(
      InputStream in,
      @Nullable Path file,
      long size,
      @Nullable CollectionPath collection,
      RecordReader.Options how)
      throws IOException, InterruptedException {
    String target =
        server.url
            + " "
            + (collection == null ? "--all" : collection)
            + (id == null ? "" : " --id " + id)
            + (format == null ? "" : " --format " + format)
            + (strings ? " --strings" : "");
    Path stateFile = file == null ? null : ImportState.fileFor(file);
    String input = file == null ? "" : ImportState.fingerprint(file);
    ImportState state = new ImportState(target, input, RunIds.newRun(), 0, 0);
    if (stateFile != null && !restart) {
      ImportState kept = ImportState.load(stateFile).orElse(null);
      if (kept != null) {
        kept.check(target, input);
        state = kept;
      }
    }
    Counted counted = new Counted(in);
    CountDownLatch finished = new CountDownLatch(1);
    Thread hook = new Thread(() -> stopAndWait(finished), "import-interrupted");
    Runtime.getRuntime().addShutdownHook(hook);
    try (MeridianClient client = server.connect(console);
        Importer importer = new Importer(client, collection, console, skipBad, state);
        RecordReader reader = RecordReader.open(counted, how)) {
      if (state.records() > 0) {
        console.note(
            "going on after " + Meter.count(state.records()) + " records; --restart begins anew");
      }
      return run(reader, counted, size, importer, state, stateFile);
    } finally {
      finished.countDown();
      removeHook(hook);
    }
  }

  private int run(
      RecordReader reader,
      Counted counted,
      long size,
      Importer importer,
      ImportState state,
      @Nullable Path stateFile)
      throws IOException, InterruptedException {
    boolean complete = false;
    long records = 0;
    double seconds;
    try (Meter meter = new Meter(console, "Importing", size)) {
      long checkpoint = System.nanoTime();
      for (RecordItem item = reader.next(); item != null && !stop; item = reader.next()) {
        records++;
        if (records <= state.records()) {
          continue;
        }
        importer.add(item);
        if ((records & 255) == 0) {
          meter.at(counted.bytes, records);
          if (stateFile != null && System.nanoTime() - checkpoint > CHECKPOINT_NANOS) {
            save(importer, state, stateFile);
            checkpoint = System.nanoTime();
          }
        }
      }
      if (!stop) {
        importer.finish();
        meter.at(counted.bytes, records);
        complete = true;
      }
      seconds = meter.seconds();
    } finally {
      if (!complete) {
        giveUp(importer, state, stateFile);
      }
    }
    if (!complete) {
      return ExitCode.INTERRUPTED;
    }
    if (stateFile != null) {
      Files.deleteIfExists(stateFile);
    }
    console.note(
        "imported "
            + Meter.count(importer.stored())
            + " records in "
            + String.format(java.util.Locale.ROOT, "%.1f s", seconds)
            + " ("
            + Meter.count(Math.round(importer.stored() / Math.max(seconds, 0.001)))
            + "/s)"
            + (importer.bad() == 0
                ? ""
                : "; skipped " + Meter.count(importer.bad()) + " bad records"));
    return ExitCode.OK;
  }

  /** Keeps how far it came and says how to go on. */
  private void giveUp(Importer importer, ImportState state, @Nullable Path stateFile)
      throws InterruptedException {
    importer.drain();
    if (stateFile == null) {
      console.note(
          "stopped after "
              + Meter.count(importer.stored())
              + " records were stored; standard input"
              + " cannot be gone on with, so import it from its beginning again");
      return;
    }
    boolean kept = save(importer, state, stateFile);
    console.note(
        "stopped; the first "
            + Meter.count(importer.reached().records())
            + " records are done."
            + (kept
                ? " Run the same command again to go on (kept in "
                    + Failures.oneLine(stateFile.toString())
                    + ")"
                : ""));
  }

  /** Keeps how far it came; false if that cannot be kept, which is no reason to stop. */
  private boolean save(Importer importer, ImportState state, Path stateFile) {
    Acknowledged.Reached reached = importer.reached();
    try {
      new ImportState(state.target(), state.input(), state.run(), reached.records(), reached.bad())
          .save(stateFile);
      return true;
    } catch (IOException e) {
      if (!unkept) {
        unkept = true;
        console.note(
            "how far the import comes cannot be kept in '"
                + Failures.oneLine(stateFile.toString())
                + "': interrupted, it begins anew");
      }
      return false;
    }
  }

  /** Ctrl-C: lets the import come to a clean stop, but not forever. */
  private void stopAndWait(CountDownLatch finished) {
    stop = true;
    try {
      if (!finished.await(20, TimeUnit.SECONDS)) {
        console.note("meridian: the server does not answer; stopping without it");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The program is ending: the hook is what waited for us.
    }
  }

  /** Counts what has been read, for the progress bar. */
  private static final class Counted extends FilterInputStream {
    private long bytes;

    Counted(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      int b = super.read();
      bytes += b < 0 ? 0 : 1;
      return b;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
      int n = super.read(to, offset, length);
      bytes += Math.max(n, 0);
      return n;
    }
  }
}
