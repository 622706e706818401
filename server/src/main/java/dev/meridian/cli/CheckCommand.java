package dev.meridian.cli;

import dev.meridian.dns.Zones;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.Site;
import dev.meridian.site.SiteLoader;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "check",
    description = "Check a site without starting it: site.yaml and the zones it makes.",
    footer = {"%nExamples:", "  ./meridian check examples/cities"})
final class CheckCommand implements Callable<Integer> {
  @Parameters(paramLabel = "SITE", description = "The site's folder.")
  Path folder = Path.of("");

  private final Console console;

  CheckCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    Site site = SiteLoader.load(folder);
    try {
      Zones.of(site, site.listeners().http());
    } catch (InvalidInputException e) {
      throw new CliException(ExitCode.FAILED, Failures.oneLine(String.valueOf(e.getMessage())), e);
    }
    console
        .out()
        .println(
            Table.paint(console, "32;1", "all right")
                + ": "
                + site.name()
                + ", "
                + Meter.count(site.collections().size())
                + " collections, "
                + String.join(", ", site.domains()));
    return ExitCode.OK;
  }
}
