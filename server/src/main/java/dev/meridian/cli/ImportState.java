package dev.meridian.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * How far the import of a file has come, kept beside it as {@code FILE.meridian-import} until the
 * import is complete.
 *
 * @param target the server and collection it goes to, and how the file is read
 * @param input tells the file from another one or a later edition: size, time, first bytes
 * @param run the seed of ids made for records without one; the same record gets the same id again
 * @param records every record up to this one is stored, or was skipped as bad
 * @param bad how many of them were skipped
 */
record ImportState(String target, String input, String run, long records, long bad) {
  private static final int HEAD_BYTES = 64 << 10;
  private static final int MAX_BYTES = 64 << 10;

  /** Where the state of {@code file} is kept. */
  static Path fileFor(Path file) {
    return file.resolveSibling(file.getFileName() + ".meridian-import");
  }

  /**
   * What was kept, or empty when nothing was.
   *
   * @throws CliException if it cannot be understood
   */
  static Optional<ImportState> load(Path file) throws IOException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(MAX_BYTES);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    try {
      JsonNode state = JsonText.MAPPER.readTree(bytes);
      long records = state.path("records").asLong(-1);
      long bad = state.path("bad").asLong(-1);
      String run = state.path("run").asString("");
      if (records >= 0 && bad >= 0 && run.matches("[0-9a-hjkmnp-tv-z]{18}")) {
        return Optional.of(
            new ImportState(
                state.path("target").asString(""),
                state.path("input").asString(""),
                run,
                records,
                bad));
      }
    } catch (JacksonException e) {
      // Said below.
    }
    throw new CliException(
        ExitCode.FAILED,
        "'" + file + "' does not say how far an import came; --restart begins anew");
  }

  /** Replaces what is kept, at once or not at all. */
  void save(Path file) throws IOException {
    byte[] json = JsonText.MAPPER.writeValueAsString(this).getBytes(StandardCharsets.UTF_8);
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.write(part, json);
    try {
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** Tells this edition of a file from others. */
  static String fingerprint(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(in.readNBytes(HEAD_BYTES));
      return Files.size(file)
          + "-"
          + Files.getLastModifiedTime(file).toMillis()
          + "-"
          + HexFormat.of().formatHex(digest.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** Checks that this is about the same file and target. */
  void check(String wantedTarget, @Nullable String wantedInput) {
    String changed =
        !target.equals(wantedTarget)
            ? "was for another target or other options (" + target + ")"
            : !input.equals(wantedInput) ? "was of another edition of the file" : null;
    if (changed != null) {
      throw new CliException(
          ExitCode.FAILED,
          "an import of this file was begun that "
              + Failures.oneLine(changed)
              + "; --restart begins anew");
    }
  }
}
