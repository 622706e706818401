package dev.meridian.replica;

import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Properties;
import java.util.UUID;

/**
 * Which group a replica belongs to, and which member of it it is. Chosen at random when its folder
 * is made: a restored backup is another group, and a member that lost its disk another member, for
 * a log that forgot what it acknowledged must not vote under its old name.
 *
 * @param group the group's id
 * @param member this member's id
 */
record Identity(UUID group, String member) {
  static final String FILE = "identity";

  private static final String GROUP = "group";
  private static final String MEMBER = "member";

  /** A new member of a new group. */
  static Identity create() {
    byte[] bytes = new byte[4];
    new SecureRandom().nextBytes(bytes);
    return new Identity(UUID.randomUUID(), "m" + HexFormat.of().formatHex(bytes));
  }

  static boolean exists(Path shard) {
    return Files.exists(shard.resolve(FILE));
  }

  static Identity read(Path shard) throws IOException {
    Path file = shard.resolve(FILE);
    Properties properties = new Properties();
    properties.load(new StringReader(Files.readString(file)));
    String group = properties.getProperty(GROUP, "");
    String member = properties.getProperty(MEMBER, "");
    try {
      if (!member.isEmpty()) {
        return new Identity(UUID.fromString(group), member);
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw new IOException("The file " + file + " is damaged; restore a backup.");
  }

  /** Writes it, whole or not at all, and makes it last. */
  void write(Path shard) throws IOException {
    Path unfinished = shard.resolve(FILE + ".new");
    String text = GROUP + "=" + group + "\n" + MEMBER + "=" + member + "\n";
    try (FileChannel channel =
        FileChannel.open(
            unfinished,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
      channel.force(true);
    }
    Folders.move(unfinished, shard.resolve(FILE));
  }
}
