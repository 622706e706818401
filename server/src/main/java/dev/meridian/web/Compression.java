package dev.meridian.web;

import com.aayushatharva.brotli4j.Brotli4jLoader;
import com.aayushatharva.brotli4j.encoder.Encoder;
import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Content codings. */
final class Compression {
  /** Below this many bytes the codings' own overhead eats the gain. */
  static final int MIN_BYTES = 512;

  /** For what is compressed for one answer. */
  static final int FAST = 4;

  /** For what is compressed once and kept. */
  static final int BEST = Deflater.BEST_COMPRESSION;

  static final Header GZIP = HeaderValues.createCached(HeaderNames.CONTENT_ENCODING, "gzip");
  static final Header BROTLI = HeaderValues.createCached(HeaderNames.CONTENT_ENCODING, "br");

  /** Up to this size the slowest brotli takes a few milliseconds and is worth them. */
  private static final int SLOW_BROTLI_BYTES = 32 << 10;

  private static final Logger log = LoggerFactory.getLogger(Compression.class);
  private static final boolean BROTLI_LOADED = loadBrotli();

  private Compression() {}

  /** Whether brotli's native library runs on this machine; without it there is gzip. */
  static boolean hasBrotli() {
    return BROTLI_LOADED;
  }

  private static boolean loadBrotli() {
    if (Brotli4jLoader.isAvailable()) {
      return true;
    }
    log.info("No brotli on this machine, gzip only.", Brotli4jLoader.getUnavailabilityCause());
    return false;
  }

  /** For what is compressed once and kept; only where {@link #hasBrotli}. */
  static byte[] brotli(byte[] content) {
    try {
      int quality = content.length <= SLOW_BROTLI_BYTES ? 11 : 6;
      return Encoder.compress(content, Encoder.Parameters.create(quality));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] gzip(byte[] content, int level) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(content.length / 3 + 64);
    try (GZIPOutputStream gzip = new Leveled(out, level)) {
      gzip.write(content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  private static final class Leveled extends GZIPOutputStream {
    Leveled(ByteArrayOutputStream out, int level) throws IOException {
      super(out, 8192);
      def.setLevel(level);
    }
  }
}
