package dev.meridian.replica;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftConfigurationProto;
import org.apache.ratis.proto.RaftProtos.RaftPeerProto;
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
    found(log, List.of(only), List.of(), term, index);
  }

  /**
   * Lets {@code self} begin as one that listens and has no vote, unless it knows the group already:
   * until the group's log tells it what it is, it must not stand for election.
   */
  static void listen(Path log, RaftPeer self) throws IOException {
    found(log, List.of(), List.of(self), 0, 0);
  }

  private static void found(
      Path log, List<RaftPeer> members, List<RaftPeer> listeners, long term, long index)
      throws IOException {
    if (Files.exists(log.resolve(CONFIGURATION))) {
      return;
    }
    if (!Files.exists(log.resolve(META))) {
      begin(log, term);
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

  /**
   * Lets a group's log begin after what its database holds: its elections count on from the term of
   * the last entry, so that terms grow along the log, as Raft needs them to.
   *
   * @param log need not exist
   */
  static void begin(Path log, long term) throws IOException {
    Files.createDirectories(log);
    write(
        log.resolve(META), ("term=" + term + "\nvotedFor=\n").getBytes(StandardCharsets.US_ASCII));
    Folders.sync(Folders.parent(log));
    Folders.sync(Folders.parent(Folders.parent(log)));
  }

  /** Whether a group had no other member than this one when its members last changed. */
  static boolean isAlone(Path log) throws IOException {
    RaftConfigurationProto known = applied(log).getConfigurationEntry();
    return known.getPeersCount() == 1 && known.getListenersCount() == 0;
  }

  /**
   * Where the members of a group were when they last changed, as far as was applied here. Unlike
   * {@link #members}, it reads no log.
   */
  static List<String> addresses(Path log) throws IOException {
    RaftConfigurationProto known = applied(log).getConfigurationEntry();
    return Stream.concat(known.getPeersList().stream(), known.getListenersList().stream())
        .map(RaftPeerProto::getAddress)
        .toList();
  }

  private static LogEntryProto applied(Path log) throws IOException {
    Path stored = log.resolve(CONFIGURATION);
    return Files.exists(stored)
        ? LogEntryProto.parseFrom(Files.readAllBytes(stored))
        : LogEntryProto.getDefaultInstance();
  }

  /**
   * The members of a group as its log on this node names them, with where each is reached; while
   * they change, the old and the new ones.
   *
   * @return by node id; empty if it names none
   */
  static Map<String, String> members(Path log) throws IOException {
    LogEntryProto[] newest = {applied(log)};
    for (LogFile file : LogFile.in(log)) {
      var unused =
          file.read(
              entry -> {
                if (entry.hasConfigurationEntry() && entry.getIndex() >= newest[0].getIndex()) {
                  newest[0] = entry;
                }
              });
    }
    Map<String, String> members = new TreeMap<>();
    RaftConfigurationProto configuration = newest[0].getConfigurationEntry();
    for (List<RaftPeerProto> peers :
        List.of(
            configuration.getOldListenersList(),
            configuration.getListenersList(),
            configuration.getOldPeersList(),
            configuration.getPeersList())) {
      peers.forEach(peer -> members.put(peer.getId().toStringUtf8(), peer.getAddress()));
    }
    return members;
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
