package dev.meridian.files;

import dev.meridian.document.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.function.Function;

/**
 * A small text file that only its owner can read (0600), in a folder of its owner's (0700). After a
 * crash at any moment it has its old content or its new one, never a part.
 */
public final class SecretFile {
  /** A key and a chain are 2 KiB. */
  private static final int MAX_BYTES = 1 << 16;

  private static final Set<PosixFilePermission> FILE = PosixFilePermissions.fromString("rw-------");
  private static final Set<PosixFilePermission> FOLDER =
      PosixFilePermissions.fromString("rwx------");

  private SecretFile() {}

  /** Writes {@code text} in place of what is there; makes the folder if there is none. */
  public static void write(Path folder, String name, String text) throws IOException {
    if (!Files.isDirectory(folder)) {
      Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(FOLDER));
      Path parent = folder.toAbsolutePath().getParent();
      if (parent != null) {
        sync(parent);
      }
    }
    Files.setPosixFilePermissions(folder, FOLDER);
    // Made with its mode, so that there is no moment at which others can read it.
    Path draft = folder.resolve(name + ".new");
    Files.deleteIfExists(draft);
    Files.createFile(draft, PosixFilePermissions.asFileAttribute(FILE));
    try (FileChannel channel = FileChannel.open(draft, StandardOpenOption.WRITE)) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    Files.move(draft, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    sync(folder);
  }

  /**
   * Reads a file.
   *
   * @param reader makes sense of its text, or throws an {@link InvalidInputException}
   * @throws NoSuchFileException if there is none
   * @throws IOException if it cannot be read or makes no sense
   */
  public static <T> T read(Path folder, String name, Function<String, T> reader)
      throws IOException {
    return read(folder, name, MAX_BYTES, reader);
  }

  /** The same of a file that may have more bytes. */
  public static <T> T read(Path folder, String name, int most, Function<String, T> reader)
      throws IOException {
    Path file = folder.resolve(name);
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(most + 1);
    }
    // A copied file may have lost its mode.
    Files.setPosixFilePermissions(file, FILE);
    try {
      if (bytes.length > most) {
        throw new InvalidInputException("It is larger than " + most + " bytes");
      }
      return reader.apply(new String(bytes, StandardCharsets.UTF_8));
    } catch (InvalidInputException | IllegalArgumentException e) {
      throw new IOException(
          "The file " + file + " is damaged; put a copy back. " + e.getMessage() + ".", e);
    }
  }

  private static void sync(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
