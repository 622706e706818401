package dev.meridian.web;

import io.helidon.http.Header;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One file of {@code public/} as it was read: what its answers say of it and, if it is small, its
 * content, plain and compressed. Safe for any thread.
 */
final class StaticFile {
  /** Largest file kept in memory. */
  static final int MAX_KEPT_BYTES = 1 << 20;

  /**
   * A file changed this short a time ago may change again without its time stamp telling (RFC 9110,
   * section 8.8.2.2).
   */
  private static final long UNSURE_MILLIS = 2_000;

  private static final DateTimeFormatter HTTP_DATE =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH);

  private final Path file;
  private final long size;
  private final long modifiedNanos;
  private final @Nullable Object key;
  private final byte @Nullable [] content;
  private final String version;
  private final Header type;
  private final boolean compressible;
  private final Header lastModified;

  /** When the file was last seen to be still this one. */
  private volatile long checkedNanos;

  private volatile boolean sure;

  // Made when first asked for; guarded by this. Empty: not worth it.
  private byte @Nullable [] gzip;
  private byte @Nullable [] brotli;

  private StaticFile(Path file, BasicFileAttributes attributes, byte @Nullable [] content) {
    this.file = file;
    this.size = attributes.size();
    this.modifiedNanos = attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS);
    this.key = attributes.fileKey();
    this.content = content;
    this.version =
        content != null
            ? EntityTags.hash(content)
            : EntityTags.hash(
                (size + " " + modifiedNanos + " " + key).getBytes(StandardCharsets.UTF_8));
    String mediaType = MediaTypes.of(String.valueOf(file.getFileName()));
    this.type = HeaderValues.createCached(HeaderNames.CONTENT_TYPE, mediaType);
    this.compressible = MediaTypes.isCompressible(mediaType);
    this.lastModified =
        HeaderValues.createCached(
            HeaderNames.LAST_MODIFIED,
            HTTP_DATE.format(
                ZonedDateTime.ofInstant(Instant.ofEpochSecond(modifiedSeconds()), ZoneOffset.UTC)));
    checked();
  }

  /** Reads a file whose real path is known to lie where it may. */
  static StaticFile read(Path real) throws IOException {
    BasicFileAttributes before = Files.readAttributes(real, BasicFileAttributes.class);
    if (before.size() > MAX_KEPT_BYTES) {
      return new StaticFile(real, before, null);
    }
    byte[] content = Files.readAllBytes(real);
    BasicFileAttributes after = Files.readAttributes(real, BasicFileAttributes.class);
    // A file caught while it is written is served as it is on disk, and not kept.
    boolean whole = content.length == after.size() && isSame(before, after);
    return new StaticFile(real, after, whole ? content : null);
  }

  private static boolean isSame(BasicFileAttributes a, BasicFileAttributes b) {
    return a.size() == b.size()
        && a.lastModifiedTime().equals(b.lastModifiedTime())
        && Objects.equals(a.fileKey(), b.fileKey());
  }

  private void checked() {
    sure = System.currentTimeMillis() - modifiedNanos / 1_000_000 >= UNSURE_MILLIS;
    checkedNanos = System.nanoTime();
  }

  /** Whether the file was seen to be this one at most {@code trustNanos} ago, or is seen so now. */
  boolean isCurrent(long trustNanos) {
    if (trustNanos > 0 && System.nanoTime() - checkedNanos < trustNanos) {
      return true;
    }
    return isStillThere();
  }

  /** Whether the file on disk is this one, as its identity, size and time stamp tell. */
  boolean isStillThere() {
    try {
      // Its real path: whatever was made a link since is another file.
      BasicFileAttributes now =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (now.isRegularFile()
          && now.size() == size
          && now.lastModifiedTime().to(TimeUnit.NANOSECONDS) == modifiedNanos
          && Objects.equals(now.fileKey(), key)) {
        checked();
        return true;
      }
      return false;
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Opens a file that is not kept in memory.
   *
   * @return null if another file is in its place, or it has changed
   */
  @Nullable FileChannel open() throws IOException {
    FileChannel channel;
    try {
      channel = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException e) {
      return null;
    }
    // Looked at after it was opened: what is found to be this file is the file that was opened.
    if (isStillThere() && channel.size() == size) {
      return channel;
    }
    channel.close();
    return null;
  }

  long size() {
    return size;
  }

  long modifiedSeconds() {
    return Math.floorDiv(modifiedNanos, 1_000_000_000L);
  }

  /** Stands for the content in addresses. */
  String version() {
    return version;
  }

  /** The entity tag: strong, unless only a fresh time stamp vouches for it. */
  String tag(String coding) {
    String tag = '"' + version + coding + '"';
    return content != null || sure ? tag : "W/" + tag;
  }

  Header type() {
    return type;
  }

  Header lastModified() {
    return lastModified;
  }

  boolean isCompressible() {
    return compressible;
  }

  /** The content, or null if the file is too large to keep. */
  byte @Nullable [] content() {
    return content;
  }

  /** What it weighs in memory at most, in bytes. */
  int weight() {
    int kept = content == null ? 0 : content.length;
    return 1024 + (compressible ? 3 * kept : kept);
  }

  /**
   * The content in a coding, or null where that would gain nothing.
   *
   * @param coding {@code br} or {@code gzip}
   */
  byte @Nullable [] encoded(String coding) {
    byte[] plain = content;
    if (plain == null || !compressible || plain.length < Compression.MIN_BYTES) {
      return null;
    }
    byte[] encoded;
    synchronized (this) {
      if (coding.equals("br")) {
        if (brotli == null) {
          brotli = smaller(sibling(".br"), plain, true);
        }
        encoded = brotli;
      } else {
        if (gzip == null) {
          gzip = smaller(sibling(".gz"), plain, false);
        }
        encoded = gzip;
      }
    }
    return encoded.length == 0 ? null : encoded;
  }

  private static byte[] smaller(byte @Nullable [] ready, byte[] plain, boolean brotli) {
    byte[] encoded = ready;
    if (encoded == null && (!brotli || Compression.hasBrotli())) {
      encoded = brotli ? Compression.brotli(plain) : Compression.gzip(plain, Compression.BEST);
    }
    return encoded == null || encoded.length >= plain.length ? new byte[0] : encoded;
  }

  /** What a build step compressed beside the file, if it is not older. */
  private byte @Nullable [] sibling(String ending) {
    Path sibling = file.resolveSibling(file.getFileName() + ending);
    try {
      if (Files.isRegularFile(sibling, LinkOption.NOFOLLOW_LINKS)
          && Files.size(sibling) < size
          && Files.getLastModifiedTime(sibling).to(TimeUnit.NANOSECONDS) >= modifiedNanos) {
        return Files.readAllBytes(sibling);
      }
    } catch (IOException e) {
      // Then it is compressed here.
    }
    return null;
  }
}
