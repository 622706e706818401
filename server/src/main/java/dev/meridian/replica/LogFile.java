package dev.meridian.replica;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.thirdparty.com.google.protobuf.CodedInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A file of a group's log, read without Ratis and without a change to it.
 *
 * <p>The format is that of Ratis' {@code SegmentedRaftLogFormat}: the header {@code RaftLog1}, then
 * for each entry its length as a varint, the entry as a protocol buffer, and the CRC-32C of both as
 * four bytes.
 *
 * @param path where it is
 * @param first entry in it
 * @param last entry in it; -1 for the file that is being written
 */
record LogFile(Path path, long first, long last) {
  private static final byte[] HEADER = "RaftLog1".getBytes(StandardCharsets.US_ASCII);
  private static final Pattern OPEN = Pattern.compile("log_inprogress_(\\d{1,18})");
  private static final Pattern CLOSED = Pattern.compile("log_(\\d{1,18})-(\\d{1,18})");
  private static final int CRC_BYTES = 4;
  private static final int MAX_VARINT_BYTES = 5;
  private static final int MAX_ENTRY_BYTES =
      ReplicaOptions.MAX_ENTRY_BYTES + RaftSettings.ENTRY_OVERHEAD_BYTES;

  /** Protocol buffer tag of an entry's first field, its term. */
  private static final byte TERM_TAG = 0x08;

  /**
   * Where the whole entries of a file end.
   *
   * @param entry the last one's index; one before the file's first when there is none
   * @param offset the first byte after it
   * @param tornBytes how long the rest of an entry is that was being written when the process ended
   */
  record End(long entry, int offset, int tornBytes) {}

  /** The files of the log in {@code folder}, in their order; the folder need not exist. */
  static List<LogFile> in(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    List<LogFile> found = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        Matcher open = OPEN.matcher(name);
        Matcher closed = CLOSED.matcher(name);
        if (open.matches()) {
          found.add(new LogFile(file, Long.parseLong(open.group(1)), -1));
        } else if (closed.matches()) {
          found.add(
              new LogFile(file, Long.parseLong(closed.group(1)), Long.parseLong(closed.group(2))));
        }
      }
    }
    found.sort(Comparator.comparingLong(LogFile::first));
    return found;
  }

  /** Whether it is being written. */
  boolean isOpen() {
    return last < 0;
  }

  /**
   * Reads the whole entries, in their order. Part of one that ends the file that is being written
   * is passed over: it was never safe.
   *
   * @throws IOException if the file is damaged elsewhere; the message says where and what to do
   */
  End read(Consumer<LogEntryProto> each) throws IOException {
    // Files are a few MiB, and one entry at most longer; see ReplicaOptions.segmentBytes.
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path));
    int header = headerLength(bytes);
    if (header < HEADER.length) {
      // Killed before the file had its header. Ratis removes it.
      return new End(first - 1, header, 0);
    }
    bytes.position(header);
    long read = first - 1;
    for (LogEntryProto entry; (entry = next(bytes)) != null; ) {
      if (entry.getIndex() != read + 1) {
        throw damaged(bytes.position(), "entry " + entry.getIndex() + " follows " + read);
      }
      read = entry.getIndex();
      each.accept(entry);
    }
    int end = bytes.position();
    if (!isOpen()) {
      if (read != last) {
        throw damaged(end, "it ends at entry " + read);
      }
      return new End(read, end, 0);
    }
    if (isZero(bytes)) {
      return new End(read, end, 0);
    }
    if (holdsEntryAfter(bytes, read)) {
      throw damaged(end, "entries follow the damaged place");
    }
    return new End(read, end, bytes.limit() - end);
  }

  private int headerLength(ByteBuffer bytes) throws IOException {
    int matched = 0;
    while (matched < HEADER.length
        && matched < bytes.limit()
        && bytes.get(matched) == HEADER[matched]) {
      matched++;
    }
    if (matched < HEADER.length && !isZero(bytes.duplicate().position(matched))) {
      throw damaged(0, "its header is damaged");
    }
    return matched;
  }

  /** The entry at the position, which then is after it; null, without moving, if there is none. */
  private static @Nullable LogEntryProto next(ByteBuffer bytes) {
    int start = bytes.position();
    int length = 0;
    int at = start;
    for (int shift = 0; ; shift += 7, at++) {
      if (at == bytes.limit() || shift == 7 * MAX_VARINT_BYTES) {
        return null;
      }
      length |= (bytes.get(at) & 0x7f) << shift;
      if (bytes.get(at) >= 0) {
        break;
      }
    }
    int body = at + 1;
    if (length <= 0
        || length > MAX_ENTRY_BYTES
        || length > bytes.limit() - body - CRC_BYTES
        || bytes.get(body) != TERM_TAG) {
      return null;
    }
    CRC32C crc = new CRC32C();
    crc.update(bytes.array(), start, body - start + length);
    if ((int) crc.getValue() != bytes.getInt(body + length)) {
      return null;
    }
    try {
      LogEntryProto entry =
          LogEntryProto.parseFrom(CodedInputStream.newInstance(bytes.array(), body, length));
      bytes.position(body + length + CRC_BYTES);
      return entry;
    } catch (IOException e) {
      return null;
    }
  }

  /** Whether a later entry stands whole anywhere in the rest. */
  private static boolean holdsEntryAfter(ByteBuffer rest, long last) {
    ByteBuffer probe = rest.duplicate();
    for (int at = rest.position() + 1; at < rest.limit(); at++) {
      LogEntryProto entry = next(probe.position(at));
      if (entry != null && entry.getIndex() > last) {
        return true;
      }
    }
    return false;
  }

  private static boolean isZero(ByteBuffer rest) {
    for (int at = rest.position(); at < rest.limit(); at++) {
      if (rest.get(at) != 0) {
        return false;
      }
    }
    return true;
  }

  private IOException damaged(long offset, String what) {
    return new IOException(
        "The log file "
            + path
            + " is damaged at byte "
            + offset
            + " ("
            + what
            + "): the disk lost acknowledged writes. If this node has peers, let it go on one of them"
            + " with './meridian leave NODE --gone', and let it join again with an empty data folder;"
            + " if it is the only node, restore a backup.");
  }
}
