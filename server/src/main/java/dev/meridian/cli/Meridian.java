package dev.meridian.cli;

import dev.meridian.handler.Routes;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The program: finds the command that is meant and runs it. */
@Command(
    name = "meridian",
    description = "A website's whole back end in one process, from its domain name to its data.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nOptions:%n",
    footer = {
      "%nThe first minute:",
      "  ./meridian up examples/cities            start the example; then open"
          + " http://127.0.0.1:8080",
      "  ./meridian new my-site                   make a site of your own",
      "  ./meridian data import cities f.ndjson   fill a collection",
      "",
      "'./meridian COMMAND --help' shows a command's options and examples. Of this folder rather"
          + " than of the server are './meridian build', 'test', 'format' and 'bench', and 'java',"
          + " which runs a program of yours with a site's handlers."
    })
public final class Meridian implements Runnable {
  /** In the order of the help. */
  private static final List<Class<?>> COMMANDS =
      List.of(
          UpCommand.class,
          NewCommand.class,
          CheckCommand.class,
          StatusCommand.class,
          TokenCommand.class,
          LeaveCommand.class,
          ReplaceCommand.class,
          LabCommand.class,
          TortureCommand.class,
          DataCommand.class,
          BackupCommand.class,
          RestoreCommand.class,
          RecoverCommand.class,
          KeyCommand.class,
          SessionsCommand.class,
          UsersCommand.class,
          DnsCommand.class,
          GeoCommand.class,
          RegionCommand.class,
          VersionCommand.class,
          WarmUpCommand.class,
          CompletionCommand.class,
          HelpCommand.class);

  /** They tell of the other commands; and the JVM is to see them all when it warms up. */
  private static final Set<Class<?>> OF_OTHERS =
      Set.of(CompletionCommand.class, HelpCommand.class, WarmUpCommand.class);

  @Spec CommandSpec spec = CommandSpec.create();

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  boolean help;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Show where an error came from.")
  boolean verbose;

  @Option(
      names = {"-V", "--version"},
      description = "Show the version.")
  boolean version;

  private final Console console;

  Meridian(Console console) {
    this.console = console;
  }

  /**
   * Runs a node of a program that has handlers of its own, until a signal ends it, as {@code
   * ./meridian up} does.
   *
   * @param folder the site's, unless the arguments name another
   * @param args the flags of {@code ./meridian up}
   * @return the exit code
   */
  public static int up(Path folder, Routes handlers, String... args) {
    Console console = Console.system();
    Failures failures = new Failures(console);
    Factory factory = new Factory(console);
    CommandLine up = new CommandLine(new UpCommand(console, folder, handlers), factory);
    List<String> line = new ArrayList<>(List.of("up"));
    line.addAll(List.of(args));
    try {
      return commandLine(console, failures, factory, List.of(up))
          .execute(line.toArray(String[]::new));
    } catch (Throwable e) { // the last resort: a stack trace is no answer to a user
      return failures.report(e, false);
    } finally {
      console.out().flush();
      console.err().flush();
    }
  }

  static void main(String[] args) {
    // A terminal's own encoding may be ASCII; what we print is UTF-8, as everywhere else.
    Console console = Console.system();
    int code = run(console, args);
    console.out().flush();
    console.err().flush();
    System.exit(code);
  }

  /** Runs one command line and returns its exit code. Never throws. */
  static int run(Console console, String... args) {
    Failures failures = new Failures(console);
    try {
      int code = commandLine(console, failures, wanted(args)).execute(args);
      console.out().flush();
      if (console.out().checkError()) {
        if (console.out() instanceof Console.Output out
            && out.failure() instanceof IOException failure
            && !"Broken pipe".equals(failure.getMessage())) {
          console.note(
              "meridian: standard output cannot be written: "
                  + Failures.oneLine(String.valueOf(failure.getMessage())));
        }
        // Otherwise the reader went away, as `head` does: there is nobody left to tell.
        return code == ExitCode.OK ? ExitCode.FAILED : code;
      }
      return code;
    } catch (Throwable e) { // the last resort: a stack trace is no answer to a user
      return failures.report(e, false);
    }
  }

  /**
   * What of the commands a command line needs: to read the annotations of them all takes longer
   * than many a command does.
   */
  private static List<Class<?>> wanted(String... args) {
    if (args.length > 0) {
      for (Class<?> command : COMMANDS) {
        Command named = command.getAnnotation(Command.class);
        if (named.name().equals(args[0]) && !OF_OTHERS.contains(command)) {
          return List.of(command);
        }
      }
    }
    return COMMANDS;
  }

  /** With all commands. */
  static CommandLine commandLine(Console console, Failures failures) {
    return commandLine(console, failures, COMMANDS);
  }

  private static CommandLine commandLine(
      Console console, Failures failures, List<Class<?>> subcommands) {
    Factory factory = new Factory(console);
    return commandLine(
        console,
        failures,
        factory,
        subcommands.stream().map(command -> new CommandLine(command, factory)).toList());
  }

  private static CommandLine commandLine(
      Console console, Failures failures, Factory factory, List<CommandLine> subcommands) {
    CommandLine commands = new CommandLine(new Meridian(console), factory);
    subcommands.forEach(commands::addSubcommand);
    commands
        .setExpandAtFiles(false)
        .setExecutionExceptionHandler(failures)
        .setParameterExceptionHandler(failures)
        .setColorScheme(CommandLine.Help.defaultColorScheme(console.ansi()))
        .setOut(new PrintWriter(console.out(), true, StandardCharsets.UTF_8))
        .setErr(new PrintWriter(console.err(), true, StandardCharsets.UTF_8))
        .registerConverter(URI.class, Meridian::address)
        .registerConverter(Path.class, Meridian::file)
        .setUsageHelpWidth(Math.clamp(console.width(), 60, 120))
        .setCaseInsensitiveEnumValuesAllowed(true);
    document(commands);
    return commands;
  }

  private static URI address(String text) {
    try {
      return new URI(text);
    } catch (URISyntaxException e) {
      throw new TypeConversionException(
          "'" + text + "' is no address; write it as http://127.0.0.1:8080");
    }
  }

  private static Path file(String text) {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException("'" + text + "' cannot be a file's name here");
    }
  }

  /** What every help text has: its parts in the same order, and the exit codes. */
  private static void document(CommandLine command) {
    command
        .getCommandSpec()
        .usageMessage()
        .exitCodeListHeading("%nExit codes:%n")
        .exitCodeList(ExitCode.DOCUMENTED);
    command.getSubcommands().values().forEach(Meridian::document);
  }

  /** Whether {@code --verbose} was given anywhere on the command line. */
  static boolean verbose(CommandLine commandLine) {
    for (CommandLine at = commandLine; at != null; at = at.getParent()) {
      ParseResult parsed = at.getParseResult();
      if (parsed != null && parsed.hasMatchedOption("--verbose")) {
        return true;
      }
    }
    return false;
  }

  /** Without a command: the version if it was asked for, otherwise the help. */
  @Override
  public void run() {
    if (version) {
      console.out().println(VersionCommand.text());
      return;
    }
    spec.commandLine().usage(console.out());
  }

  /** Hands the console to commands that want it. */
  private record Factory(Console console) implements CommandLine.IFactory {
    @Override
    public <K> @Nullable K create(Class<K> type) throws Exception {
      for (var constructor : type.getDeclaredConstructors()) {
        if (constructor.getParameterCount() == 1
            && constructor.getParameterTypes()[0] == Console.class) {
          return type.cast(constructor.newInstance(console));
        }
      }
      return CommandLine.defaultFactory().create(type);
    }
  }
}
