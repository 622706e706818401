package dev.meridian.web;

import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;

/** Compresses answers of the data API that are worth it. */
final class Gzip {
  /** Below this, compressing costs more than sending: one network packet carries it anyway. */
  static final int THRESHOLD_BYTES = 1400;

  /** Ends the ETag of a compressed answer. */
  static final String SUFFIX = "+gzip";

  static final Header ENCODING = HeaderValues.createCached(HeaderNames.CONTENT_ENCODING, "gzip");

  private Gzip() {}

  /** Whether an answer of this size should be compressed for this client. */
  static boolean wanted(RequestContext context, int bytes) {
    if (bytes < THRESHOLD_BYTES) {
      return false;
    }
    String accepted = context.header(HeaderNames.ACCEPT_ENCODING);
    if (accepted == null) {
      return false;
    }
    boolean any = false;
    for (String part : accepted.toLowerCase(Locale.ROOT).split(",", 50)) {
      String[] pieces = part.split(";", 2);
      String coding = pieces[0].strip();
      boolean refused = pieces.length > 1 && pieces[1].strip().matches("q=0(\\.0{0,3})?");
      if (coding.equals("gzip") || coding.equals("x-gzip")) {
        return !refused;
      }
      any |= coding.equals("*") && !refused;
    }
    return any;
  }

  /** Compresses, fast rather than small: the answer waits for it. */
  static byte[] compress(byte[] body) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(body.length / 3 + 64);
    try (GZIPOutputStream gzip = new FastGzip(bytes)) {
      gzip.write(body);
    } catch (IOException e) {
      throw new UncheckedIOException("Memory does not fail to write", e);
    }
    return bytes.toByteArray();
  }

  private static final class FastGzip extends GZIPOutputStream {
    FastGzip(ByteArrayOutputStream to) throws IOException {
      super(to, 4096);
      def.setLevel(Deflater.BEST_SPEED);
    }
  }
}
