package dev.meridian.replica;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftConfigurationProto;
import org.apache.ratis.protocol.RaftPeer;

/**
 * Writes what a Raft group begins with: its term and its members. The files are those that Ratis
 * reads at its start, {@code raft-meta} and {@code raft-meta.conf}.
 */
final class RaftFounding {
  static final String META = "raft-meta";
  static final String CONFIGURATION = "raft-meta.conf";

  private RaftFounding() {}

  /**
   * Makes {@code only} the one member of the group whose log lies in {@code log}, unless the group
   * has members already.
   *
   * @param term elections count on from here
   * @param index of the last entry that the database holds, -1 for none
   */
  static void found(Path log, RaftPeer only, long term, long index) throws IOException {
    begin(log, List.of(only), List.of(), term, index);
  }

  /**
   * Lets {@code self} begin as one that listens and has no vote, unless it knows the group already:
   * until the group's log tells it what it is, it must not stand for election.
   */
  static void listen(Path log, RaftPeer self) throws IOException {
    begin(log, List.of(), List.of(self), 0, 0);
  }

  private static void begin(
      Path log, List<RaftPeer> members, List<RaftPeer> listeners, long term, long index)
      throws IOException {
    if (Files.exists(log.resolve(CONFIGURATION))) {
      return;
    }
    Files.createDirectories(log);
    if (!Files.exists(log.resolve(META))) {
      write(
          log.resolve(META),
          ("term=" + term + "\nvotedFor=\n").getBytes(StandardCharsets.US_ASCII));
    }
    RaftConfigurationProto.Builder configuration = RaftConfigurationProto.newBuilder();
    members.forEach(member -> configuration.addPeers(member.getRaftPeerProto()));
    listeners.forEach(member -> configuration.addListeners(member.getRaftPeerProto()));
    write(
        log.resolve(CONFIGURATION),
        LogEntryProto.newBuilder()
            .setTerm(term)
            .setIndex(index)
            .setConfigurationEntry(configuration)
            .build()
            .toByteArray());
    Folders.sync(Folders.parent(log));
    Folders.sync(Folders.parent(Folders.parent(log)));
  }

  private static void write(Path file, byte[] content) throws IOException {
    Path unfinished = file.resolveSibling(file.getFileName() + ".new");
    try (FileChannel channel =
        FileChannel.open(
            unfinished,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ByteBuffer bytes = ByteBuffer.wrap(content);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    Folders.move(unfinished, file);
  }
}
