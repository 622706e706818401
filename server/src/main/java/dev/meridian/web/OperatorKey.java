package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.Set;

/** The key of whoever runs this node: a file that only they can read. It may do everything. */
final class OperatorKey {
  /** The id in the operator's token. */
  static final String ID = "operator";

  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rw-------");

  private final byte[] hash;

  private OperatorKey(byte[] hash) {
    this.hash = hash;
  }

  /** Reads {@code file}, or makes it. */
  static OperatorKey open(Path file) {
    try {
      String token;
      try {
        token = Files.readString(file, StandardCharsets.US_ASCII).strip();
        Files.setPosixFilePermissions(file, OWNER_ONLY); // a copied file may have lost its mode
      } catch (NoSuchFileException e) {
        token = make(file);
      }
      if (!KeyToken.parse(token).id().equals(ID)) {
        throw new InvalidInputException("it is the key of somebody else");
      }
      return new OperatorKey(KeyToken.parse(token).secretHash());
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read or make the operator's key " + file, e);
    } catch (InvalidInputException e) {
      throw new UncheckedIOException(
          new IOException(
              "The operator's key " + file + " is damaged; delete it, and a new one is made.", e));
    }
  }

  private static String make(Path file) throws IOException {
    String token = KeyToken.make(ID).toString();
    Path folder = file.toAbsolutePath().getParent();
    if (folder != null) {
      Files.createDirectories(folder);
    }
    // Written under another name first, so that a crash leaves no half key; made with its mode, so
    // that there is no moment at which others can read it.
    Path draft = file.resolveSibling(file.getFileName() + ".new");
    Files.deleteIfExists(draft);
    Files.createFile(draft, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    Files.writeString(draft, token + "\n", StandardCharsets.US_ASCII, StandardOpenOption.WRITE);
    Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    return token;
  }

  /** Whether {@code token} is this key; takes the same time whatever it is. */
  boolean matches(KeyToken token) {
    return MessageDigest.isEqual(hash, token.secretHash());
  }
}
