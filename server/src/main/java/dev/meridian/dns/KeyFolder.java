package dev.meridian.dns;

import dev.meridian.files.SecretFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The signing keys on disk: a file a zone, in a folder that only its owner may enter. A file is
 * replaced whole and is on disk when a method returns, so a crash leaves the keys from before or
 * from after. Guarded by its user.
 */
final class KeyFolder {
  private static final String ENDING = ".keys";
  private static final Set<PosixFilePermission> OWNER =
      EnumSet.of(
          PosixFilePermission.OWNER_READ,
          PosixFilePermission.OWNER_WRITE,
          PosixFilePermission.OWNER_EXECUTE);

  private final Path folder;

  KeyFolder(Path folder) {
    this.folder = folder;
  }

  /** Whether there are keys of any zone. */
  boolean hasAny() {
    try (Stream<Path> files = Files.list(folder)) {
      return files.anyMatch(file -> file.toString().endsWith(ENDING));
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * The keys of a zone, if it has any.
   *
   * @throws IOException if they cannot be read, are damaged, or others than their owner can read
   *     them; the message says how to mend it
   */
  Optional<ZoneKeys> read(WireName apex) throws IOException {
    String name = file(apex);
    Path file = folder.resolve(name);
    String text;
    try {
      checkMode(folder, "chmod 700");
      checkMode(file, "chmod 600");
      text = SecretFile.read(folder, name, whole -> whole);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    try {
      ZoneKeys keys = ZoneKeys.parse(text.getBytes(StandardCharsets.UTF_8));
      if (!keys.apex().equals(apex)) {
        throw new GeneralSecurityException("it belongs to the zone " + keys.apex());
      }
      return Optional.of(keys);
    } catch (GeneralSecurityException e) {
      throw new IOException(
          "The keys of the zone '"
              + apex
              + "' in "
              + file
              + " cannot be used: "
              + e.getMessage()
              + ". Put them back from a copy. Without one, take the zone's DS away at the registrar,"
              + " wait until it is out of caches, and only then delete the file: a new key is made.",
          e);
    }
  }

  /**
   * Keeps the keys of a zone in the place of those before.
   *
   * @throws IOException if they could not be written; then those before are still there
   */
  void write(ZoneKeys keys) throws IOException {
    if (Files.exists(folder)) {
      checkMode(folder, "chmod 700");
    }
    SecretFile.write(
        folder, file(keys.apex()), new String(keys.toJson().toBytes(), StandardCharsets.UTF_8));
  }

  @Override
  public String toString() {
    return folder.toString();
  }

  private static void checkMode(Path path, String mend) throws IOException {
    Set<PosixFilePermission> mode = Files.getPosixFilePermissions(path);
    if (mode.stream().anyMatch(right -> !OWNER.contains(right))) {
      throw new IOException(
          "Others than the owner have rights to "
              + path
              + ", which holds the secret keys of zones; run: "
              + mend
              + " '"
              + path
              + "', and if they may have been read, roll the keys.");
    }
  }

  /** Called like the zone where that is a sensible name for a file. */
  private static String file(WireName apex) {
    String text = apex.toString().toLowerCase(Locale.ROOT);
    boolean plain = text.length() < 200 && text.matches("[a-z0-9_-]+(\\.[a-z0-9_-]+)*");
    String hash = HexFormat.of().formatHex(SigningKey.sha256().digest(apex.lowerCased()));
    return (plain ? text : "x." + hash) + ENDING;
  }
}
