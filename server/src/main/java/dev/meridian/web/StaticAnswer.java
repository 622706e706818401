package dev.meridian.web;

import dev.meridian.web.ByteRanges.Range;
import io.helidon.http.DateTime;
import io.helidon.http.Header;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * How a static file is sent: conditions, codings and ranges as in RFC 9110. Nothing here looks for
 * files.
 */
final class StaticAnswer {
  private static final int BUFFER_BYTES = 64 << 10;

  private static final Header IMMUTABLE =
      HeaderValues.createCached(HeaderNames.CACHE_CONTROL, "public, max-age=31536000, immutable");
  private static final Header ACCEPT_RANGES =
      HeaderValues.createCached(HeaderNames.ACCEPT_RANGES, "bytes");
  private static final Header VARY = HeaderValues.createCached(HeaderNames.VARY, "Accept-Encoding");

  private StaticAnswer() {}

  /**
   * Answers GET or HEAD with a file.
   *
   * @param channel the file, opened, if its content is not in memory and wanted
   * @param versioned whether the address changes with the content
   */
  static void answer(
      ServerRequest request,
      ServerResponse response,
      StaticFile file,
      @Nullable FileChannel channel,
      boolean versioned,
      boolean head)
      throws IOException {
    String range = head ? null : first(request, HeaderNames.RANGE);
    response.header(versioned ? IMMUTABLE : Names.NO_CACHE);
    response.header(file.lastModified());
    response.header(ACCEPT_RANGES);
    if (file.isCompressible()) {
      response.header(VARY);
    }
    // Ranges are of the plain file: a part of a compressed one helps nobody.
    Coding coding = range != null ? Coding.PLAIN : coding(request, file);
    String tag = file.tag(coding.suffix);
    response.header(HeaderValues.create(HeaderNames.ETAG, tag));
    if (!preconditionsHold(request, response, file, tag)) {
      return;
    }
    byte[] encoded = coding.content;
    if (encoded != null && coding.header != null) {
      response.header(coding.header);
      response.header(file.type());
      send(response, encoded, head);
      return;
    }
    if (range != null && rangeApplies(request, file, tag)) {
      List<Range> ranges = ByteRanges.parse(range, file.size());
      if (ranges != null) {
        sendRanges(response, file, channel, ranges);
        return;
      }
    }
    response.header(file.type());
    byte[] content = file.content();
    if (content != null) {
      send(response, content, head);
    } else if (head) {
      response.header(HeaderValues.create(HeaderNames.CONTENT_LENGTH, file.size()));
      response.send();
    } else {
      response.header(HeaderValues.create(HeaderNames.CONTENT_LENGTH, file.size()));
      try (OutputStream out = response.outputStream()) {
        copy(file, channel, new Range(0, file.size() - 1), out);
      }
    }
  }

  @SuppressWarnings("ArrayRecordComponent") // shared, never changed
  private record Coding(String suffix, @Nullable Header header, byte @Nullable [] content) {
    static final Coding PLAIN = new Coding("", null, null);
  }

  private static Coding coding(ServerRequest request, StaticFile file) {
    if (!file.isCompressible() || !request.headers().contains(HeaderNames.ACCEPT_ENCODING)) {
      return Coding.PLAIN;
    }
    List<String> accept = request.headers().values(HeaderNames.ACCEPT_ENCODING);
    int brotli = Accept.coding(accept, "br");
    int gzip = Accept.coding(accept, "gzip");
    byte[] encoded = brotli > 0 && brotli >= gzip ? file.encoded("br") : null;
    if (encoded != null) {
      return new Coding("-br", Compression.BROTLI, encoded);
    }
    encoded = gzip > 0 ? file.encoded("gzip") : null;
    return encoded != null ? new Coding("-gz", Compression.GZIP, encoded) : Coding.PLAIN;
  }

  /** Evaluates them in the order of RFC 9110, section 13.2.2; answers if one does not hold. */
  private static boolean preconditionsHold(
      ServerRequest request, ServerResponse response, StaticFile file, String tag) {
    var headers = request.headers();
    if (headers.contains(HeaderNames.IF_MATCH)) {
      if (!EntityTags.matchesStrongly(headers.values(HeaderNames.IF_MATCH), tag)) {
        return refuse(response, Status.PRECONDITION_FAILED_412);
      }
    } else if (headers.contains(HeaderNames.IF_UNMODIFIED_SINCE)) {
      long since = date(first(request, HeaderNames.IF_UNMODIFIED_SINCE));
      if (since >= 0 && file.modifiedSeconds() > since) {
        return refuse(response, Status.PRECONDITION_FAILED_412);
      }
    }
    if (headers.contains(HeaderNames.IF_NONE_MATCH)) {
      return !EntityTags.matches(headers.values(HeaderNames.IF_NONE_MATCH), tag)
          || refuse(response, Status.NOT_MODIFIED_304);
    }
    if (headers.contains(HeaderNames.IF_MODIFIED_SINCE)) {
      long since = date(first(request, HeaderNames.IF_MODIFIED_SINCE));
      return since < 0
          || file.modifiedSeconds() > since
          || refuse(response, Status.NOT_MODIFIED_304);
    }
    return true;
  }

  private static boolean refuse(ServerResponse response, Status status) {
    response.status(status);
    if (status.code() >= 400) {
      // Whatever may be kept of the file, this answer to one request may not.
      response.headers().set(Names.NO_STORE);
    }
    response.send();
    return false;
  }

  /** Whether the ranges are of the file as the client knows it. */
  private static boolean rangeApplies(ServerRequest request, StaticFile file, String tag) {
    String condition = first(request, HeaderNames.IF_RANGE);
    if (condition == null) {
      return true;
    }
    String known = condition.strip();
    if (known.startsWith("\"") || known.startsWith("W/")) {
      return !tag.startsWith("W/") && known.equals(tag);
    }
    return date(known) == file.modifiedSeconds();
  }

  private static @Nullable String first(ServerRequest request, HeaderName name) {
    var headers = request.headers();
    return headers.contains(name) ? headers.get(name).get() : null;
  }

  /** Seconds since 1970, or -1 if it is no date. */
  private static long date(@Nullable String text) {
    if (text == null || text.length() > 64) {
      return -1;
    }
    try {
      return DateTime.parse(text.strip()).toEpochSecond();
    } catch (DateTimeParseException e) {
      return -1;
    }
  }

  private static void send(ServerResponse response, byte[] body, boolean head) {
    if (head) {
      response.header(HeaderValues.create(HeaderNames.CONTENT_LENGTH, body.length));
      response.send();
    } else {
      response.send(body);
    }
  }

  private static void sendRanges(
      ServerResponse response, StaticFile file, @Nullable FileChannel channel, List<Range> ranges)
      throws IOException {
    if (ranges.isEmpty()) {
      response.header(HeaderValues.create(HeaderNames.CONTENT_RANGE, "bytes */" + file.size()));
      refuse(response, Status.REQUESTED_RANGE_NOT_SATISFIABLE_416);
      return;
    }
    response.status(Status.PARTIAL_CONTENT_206);
    if (ranges.size() == 1) {
      Range range = ranges.getFirst();
      response.header(file.type());
      response.header(HeaderValues.create(HeaderNames.CONTENT_RANGE, contentRange(range, file)));
      response.header(HeaderValues.create(HeaderNames.CONTENT_LENGTH, range.length()));
      try (OutputStream out = response.outputStream()) {
        copy(file, channel, range, out);
      }
      return;
    }
    String boundary =
        Long.toHexString(ThreadLocalRandom.current().nextLong())
            + Long.toHexString(ThreadLocalRandom.current().nextLong());
    List<byte[]> heads = ranges.stream().map(range -> partHead(boundary, range, file)).toList();
    byte[] end = ("\r\n--" + boundary + "--\r\n").getBytes(StandardCharsets.US_ASCII);
    long length =
        end.length
            + heads.stream().mapToLong(part -> part.length).sum()
            + ranges.stream().mapToLong(Range::length).sum();
    response.header(
        HeaderValues.create(
            HeaderNames.CONTENT_TYPE, "multipart/byteranges; boundary=" + boundary));
    response.header(HeaderValues.create(HeaderNames.CONTENT_LENGTH, length));
    try (OutputStream out = response.outputStream()) {
      for (int i = 0; i < ranges.size(); i++) {
        out.write(heads.get(i));
        copy(file, channel, ranges.get(i), out);
      }
      out.write(end);
    }
  }

  private static byte[] partHead(String boundary, Range range, StaticFile file) {
    return ("\r\n--"
            + boundary
            + "\r\nContent-Type: "
            + file.type().get()
            + "\r\nContent-Range: "
            + contentRange(range, file)
            + "\r\n\r\n")
        .getBytes(StandardCharsets.US_ASCII);
  }

  private static String contentRange(Range range, StaticFile file) {
    return "bytes " + range.first() + "-" + range.last() + "/" + file.size();
  }

  private static void copy(
      StaticFile file, @Nullable FileChannel from, Range range, OutputStream to)
      throws IOException {
    byte[] content = file.content();
    if (content != null) {
      to.write(content, (int) range.first(), (int) range.length());
      return;
    }
    FileChannel channel = Objects.requireNonNull(from);
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(BUFFER_BYTES, range.length()));
    long at = range.first();
    while (at <= range.last()) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), range.last() - at + 1));
      int read = channel.read(buffer, at);
      at += Math.max(read, 0);
      // Looked at again before the end is sent: an answer that breaks off is known to be broken.
      if (read < 0 || (at > range.last() && !file.isStillThere())) {
        throw new EOFException("the file was changed while it was sent");
      }
      to.write(buffer.array(), 0, read);
    }
  }
}
