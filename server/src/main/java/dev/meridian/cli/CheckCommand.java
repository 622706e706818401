package dev.meridian.cli;

import dev.meridian.dns.GeoStatus;
import dev.meridian.dns.Zones;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.Problem;
import dev.meridian.site.Site;
import dev.meridian.site.SiteException;
import dev.meridian.site.SiteLoader;
import dev.meridian.web.SiteCheck;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "check",
    description = {
      "Check a site without starting it: site.yaml and the zones it makes, the front matter and the"
          + " templates of its pages, the data they declare, and its static files.",
      "Every mistake is a line FILE:LINE:COLUMN: MESSAGE on standard error, and the exit code is 1;"
          + " it is 0 when all is right."
    },
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
      Zones zones = Zones.of(site, site.listeners().http());
      Optional<String> problem = zones.geoStatus().flatMap(GeoStatus::problem);
      // Without a database the site works, if less well; a broken one is a mistake.
      if (problem.isPresent() && Files.exists(site.names().geo().database())) {
        throw new InvalidInputException(problem.get());
      }
    } catch (InvalidInputException e) {
      throw new CliException(ExitCode.FAILED, Failures.oneLine(String.valueOf(e.getMessage())), e);
    }
    List<Problem> problems = SiteCheck.check(site);
    if (!problems.isEmpty()) {
      throw new SiteException(problems);
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
                + Meter.count(SiteCheck.countPages(site))
                + " pages, "
                + String.join(", ", site.domains()));
    return ExitCode.OK;
  }
}
