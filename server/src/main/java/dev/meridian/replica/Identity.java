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
 * Which cluster a node belongs to, and which node of it it is. Chosen at random when its data
 * folder is made: a restored backup is another cluster, as is what {@link Recovery} begins, and a
 * node that lost its disk another node, for a log that forgot what it acknowledged must not vote
 * under its old name.
 *
 * @param cluster the cluster's id
 * @param node this node's id: {@code n} and hexadecimal digits
 * @param founder whether this node began the cluster, so is the first member of its groups
 */
public record Identity(UUID cluster, String node, boolean founder) {
  static final String FILE = "identity";

  private static final String CLUSTER = "cluster";
  private static final String NODE = "node";
  private static final String FOUNDER = "founder";

  /** The first node of a new cluster. */
  static Identity create() {
    return new Identity(UUID.randomUUID(), newNode(), true);
  }

  /** The id of a new node. */
  public static String newNode() {
    byte[] bytes = new byte[4];
    new SecureRandom().nextBytes(bytes);
    return "n" + HexFormat.of().formatHex(bytes);
  }

  /** The id of one of the cluster's Raft groups; every node comes to the same. */
  UUID group(String name) {
    return UUID.nameUUIDFromBytes((cluster + "/" + name).getBytes(StandardCharsets.UTF_8));
  }

  /** Whether a data folder is some node's already. */
  public static boolean exists(Path data) {
    return Files.exists(data.resolve(FILE));
  }

  static Identity read(Path data) throws IOException {
    Path file = data.resolve(FILE);
    Properties properties = new Properties();
    properties.load(new StringReader(Files.readString(file)));
    String cluster = properties.getProperty(CLUSTER, "");
    String node = properties.getProperty(NODE, "");
    try {
      if (!node.isEmpty()) {
        return new Identity(
            UUID.fromString(cluster),
            node,
            Boolean.parseBoolean(properties.getProperty(FOUNDER, "false")));
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw new IOException("The file " + file + " is damaged; restore a backup.");
  }

  /** Writes it, whole or not at all, and makes it last. */
  void write(Path data) throws IOException {
    Path unfinished = data.resolve(FILE + ".new");
    String text =
        CLUSTER + "=" + cluster + "\n" + NODE + "=" + node + "\n" + FOUNDER + "=" + founder + "\n";
    try (FileChannel channel =
        FileChannel.open(
            unfinished,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
      channel.force(true);
    }
    Folders.move(unfinished, data.resolve(FILE));
  }
}
