package dev.meridian.cli;

import dev.meridian.site.SiteStarter;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "new",
    description = "Make a small site to start from. What is there already is never overwritten.",
    footer = {"%nExamples:", "  ./meridian new my-site", "  ./meridian up my-site"})
final class NewCommand implements Runnable {
  @Parameters(paramLabel = "SITE", description = "The folder to make; it must be new or empty.")
  Path site = Path.of("");

  private final Console console;

  NewCommand(Console console) {
    this.console = console;
  }

  @Override
  public void run() {
    SiteStarter.create(site);
    console.out().println("A site is in " + site + ". Start it with: ./meridian up " + site);
  }
}
