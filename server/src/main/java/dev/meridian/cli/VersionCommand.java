package dev.meridian.cli;

import picocli.CommandLine.Command;

@Command(name = "version", description = "Show the version of Meridian and of Java.")
final class VersionCommand implements Runnable {
  private final Console console;

  VersionCommand(Console console) {
    this.console = console;
  }

  /** Of the product. */
  static String number() {
    String version = Meridian.class.getPackage().getImplementationVersion();
    return version == null ? "(not packaged)" : version;
  }

  static String text() {
    return "meridian "
        + number()
        + " on Java "
        + Runtime.version()
        + ", "
        + System.getProperty("os.name")
        + " "
        + System.getProperty("os.arch");
  }

  @Override
  public void run() {
    console.out().println(text());
  }
}
