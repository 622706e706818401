package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import dev.meridian.client.WriteOptions;
import dev.meridian.client.Written;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.FieldPath;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "patch",
    description = {
      "Change part of a document where it is stored; show its new ETag.",
      "",
      "An object is merged into it (JSON Merge Patch, RFC 7396: null removes a field); an array is"
          + " a JSON Patch (RFC 6902); --increment adds to numbers."
    },
    footer = {
      "%nExamples:",
      "  ./meridian data patch cities/reykjavik '{\"population\": 118919, \"draft\": null}'",
      "  ./meridian data patch visits/reykjavik --increment count",
      "  ./meridian data patch visits/reykjavik --increment stats.views=10 --if-exists",
      "  ./meridian data patch x/1 '[{\"op\": \"add\", \"path\": \"/tags/-\", \"value\": \"new\"}]'"
    })
final class DataPatchCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      paramLabel = "PATH",
      description = "The document: collection/id[/collection/id...].")
  String path = "";

  @Parameters(
      index = "1",
      arity = "0..1",
      paramLabel = "JSON",
      description = "The patch; without it or as -, from standard input.")
  @Nullable String value;

  @Option(names = "--file", paramLabel = "FILE", description = "Read the patch from a file.")
  @Nullable Path file;

  @Option(
      names = "--increment",
      paramLabel = "FIELD[=AMOUNT]",
      mapFallbackValue = "1",
      description = "Add to a number, 1 unless told; a missing field counts from 0. Repeatable.")
  Map<String, String> increments = new LinkedHashMap<>();

  @Mixin WriteConditions conditions = new WriteConditions();
  @Mixin ServerOptions server = new ServerOptions();

  private final Console console;

  DataPatchCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    String target = DocumentPath.parse(path).toString();
    WriteOptions options = conditions.options();
    if (!increments.isEmpty()) {
      if (value != null || file != null) {
        throw new CliException(ExitCode.USAGE, "give a patch or --increment, not both");
      }
      Map<String, BigDecimal> amounts = amounts();
      try (MeridianClient client = server.connect(console)) {
        return done(client.increment(target, amounts, options));
      }
    }
    byte[] patch = JsonText.given(value, file, console);
    try (MeridianClient client = server.connect(console)) {
      return done(
          patch[0] == '['
              ? client.patchJson(target, patch, options)
              : client.mergeJson(target, patch, options));
    }
  }

  private Map<String, BigDecimal> amounts() {
    Map<String, BigDecimal> amounts = new LinkedHashMap<>();
    increments.forEach(
        (field, amount) -> {
          FieldPath name = FieldPath.parse(field);
          if (!amount.matches("-?[0-9]{1,30}(\\.[0-9]{1,30})?")) {
            throw new CliException(
                ExitCode.USAGE,
                "'" + Failures.oneLine(amount) + "' is no number to add to " + name);
          }
          amounts.put(name.toString(), new BigDecimal(amount));
        });
    return amounts;
  }

  private int done(Written written) {
    console.out().println(written.etag());
    return ExitCode.OK;
  }
}
