package dev.meridian.replica;

import dev.meridian.store.LogIndex;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.thirdparty.com.google.protobuf.CodedInputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the end of the log before Ratis opens it.
 *
 * <p>A process that is killed, or a machine that loses power, within a write leaves part of an
 * entry, followed by the zeros of space reserved ahead. Nobody was told that this entry was
 * written, for it was not yet synced. Ratis takes it for damage and does not start (or, set up
 * otherwise, would also pass over real damage); so it is cut off here first. What is cut is only
 * what ends the newest file: when a whole entry follows, or an older file is not as long as its
 * name says, then the disk has lost what others were told was safe, and the replica must not start.
 *
 * <p>The format is that of Ratis' {@code SegmentedRaftLogFormat}: the header {@code RaftLog1}, then
 * for each entry its length as a varint, the entry as a protocol buffer, and the CRC-32C of both as
 * four bytes.
 */
final class LogTail {
  private static final Logger LOG = LoggerFactory.getLogger(LogTail.class);
  private static final byte[] HEADER = "RaftLog1".getBytes(StandardCharsets.US_ASCII);
  private static final Pattern OPEN = Pattern.compile("log_inprogress_(\\d{1,18})");
  private static final Pattern CLOSED = Pattern.compile("log_(\\d{1,18})-(\\d{1,18})");
  private static final int CRC_BYTES = 4;
  private static final int MAX_VARINT_BYTES = 5;
  private static final int MAX_ENTRY_BYTES =
      ReplicaOptions.MAX_ENTRY_BYTES + RaftSettings.ENTRY_OVERHEAD_BYTES;

  /** Protocol buffer tag of an entry's first field, its term. */
  private static final byte TERM_TAG = 0x08;

  private LogTail() {}

  /** A file of the log; {@code last} is -1 for the one that is being written. */
  private record Segment(Path file, long first, long last) {
    boolean isOpen() {
      return last < 0;
    }
  }

  /**
   * Makes the log in {@code folder} fit to be opened.
   *
   * @param folder {@code current} in the group's folder; need not exist
   * @param applied what the database holds
   * @throws IOException if the log is damaged; the message says where and what to do
   */
  static void repair(Path folder, LogIndex applied) throws IOException {
    List<Segment> segments = segments(folder);
    if (segments.isEmpty()) {
      return;
    }
    Segment newest = segments.getLast();
    long end = repairEnd(newest);
    if (end < newest.first() && segments.size() > 1) {
      // An empty newest file says nothing about the end of the one before.
      end = repairEnd(segments.get(segments.size() - 2));
    }
    if (segments.getFirst().first() > applied.index() + 1) {
      throw new IOException(
          "The log in "
              + folder
              + " begins at entry "
              + segments.getFirst().first()
              + ", but the database ends at "
              + applied.index()
              + ": the database was removed or replaced. Put it back, or restore a backup.");
    }
    if (end < applied.index()) {
      // The database is ahead: what it holds was safe in the log once, or on other members. It goes
      // on after its own end, and what is left of the log before that must not leave a gap.
      LOG.warn(
          "The log in {} ends at entry {}, the database at {}: the log begins anew after it",
          folder,
          end,
          applied.index());
      for (Segment segment : segments) {
        Files.deleteIfExists(segment.file());
      }
      Folders.sync(folder);
    }
  }

  private static List<Segment> segments(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    List<Segment> segments = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        Matcher open = OPEN.matcher(name);
        Matcher closed = CLOSED.matcher(name);
        if (open.matches()) {
          segments.add(new Segment(file, Long.parseLong(open.group(1)), -1));
        } else if (closed.matches()) {
          segments.add(
              new Segment(file, Long.parseLong(closed.group(1)), Long.parseLong(closed.group(2))));
        }
      }
    }
    segments.sort(Comparator.comparingLong(Segment::first));
    return segments;
  }

  /** The last whole entry of the newest file, after the file was cut there if need be. */
  private static long repairEnd(Segment segment) throws IOException {
    // Files are a few MiB, and one entry at most longer; see ReplicaOptions.segmentBytes.
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(segment.file()));
    int header = headerLength(segment, bytes);
    if (header < HEADER.length) {
      // Killed before the file had its header. Ratis removes it.
      return segment.first() - 1;
    }
    bytes.position(header);
    long last = segment.first() - 1;
    for (LogEntryProto entry; (entry = next(bytes)) != null; ) {
      if (entry.getIndex() != last + 1) {
        throw damaged(segment, bytes.position(), "entry " + entry.getIndex() + " follows " + last);
      }
      last = entry.getIndex();
    }
    int end = bytes.position();
    if (!segment.isOpen()) {
      if (last != segment.last()) {
        throw damaged(segment, end, "it ends at entry " + last);
      }
      return last;
    }
    if (isZero(bytes)) {
      return last;
    }
    if (holdsEntryAfter(bytes, last)) {
      throw damaged(segment, end, "entries follow the damaged place");
    }
    LOG.warn(
        "{}: cut off {} bytes of an entry that was being written when the process ended, after"
            + " entry {}",
        segment.file(),
        bytes.limit() - end,
        last);
    try (FileChannel channel = FileChannel.open(segment.file(), StandardOpenOption.WRITE)) {
      channel.truncate(end);
      channel.force(true);
    }
    return last;
  }

  private static int headerLength(Segment segment, ByteBuffer bytes) throws IOException {
    int matched = 0;
    while (matched < HEADER.length
        && matched < bytes.limit()
        && bytes.get(matched) == HEADER[matched]) {
      matched++;
    }
    if (matched < HEADER.length && !isZero(bytes.duplicate().position(matched))) {
      throw damaged(segment, 0, "its header is damaged");
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

  private static IOException damaged(Segment segment, long offset, String what) {
    return new IOException(
        "The log file "
            + segment.file()
            + " is damaged at byte "
            + offset
            + " ("
            + what
            + "): the disk lost acknowledged writes. Restore a backup; on a node with peers, start it"
            + " with an empty folder and it copies the data from them.");
  }
}
