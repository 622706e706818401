package dev.meridian.node;

import dev.meridian.peer.PeerClient;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.SiteVersion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the site's folder the same on all nodes. The node whose folder an operator edits publishes
 * each good state of it; the others fetch it, check it against its hash and put it in the place of
 * theirs, where it is picked up like any edit.
 */
final class SiteShare implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SiteShare.class);
  private static final String ARCHIVE = "site/archive";
  private static final int PIECE_BYTES = 1 << 20;
  private static final int MAX_BYTES = 256 << 20;
  private static final int MAX_FILES = 100_000;
  private static final Duration CALL = Duration.ofSeconds(10);
  private static final Duration PERIOD = Duration.ofSeconds(1);

  /** How long an archive is kept for those who fetch it, after its last piece. */
  private static final Duration SERVED = Duration.ofSeconds(30);

  private final Cluster cluster;
  private final Path folder;
  private final Thread thread;

  /** What is in the folder, as far as its thread knows; null before it has looked. */
  private volatile @Nullable SiteVersion own;

  /** The archive that others are fetching, for a while, and until when; guarded by this. */
  private @Nullable Archive served;

  private long servedUntil;

  /** A site's files as a zip, always the same bytes for the same files. */
  private record Archive(byte[] zip, String hash) {}

  /**
   * Begins to share, in the background.
   *
   * @param mine whether this folder is edited here, so that what is in it is published
   */
  SiteShare(Cluster cluster, Path folder, boolean mine) {
    this.cluster = cluster;
    this.folder = folder;
    cluster.service().offer(ARCHIVE, this::piece);
    this.thread =
        Thread.ofVirtual().name("site-share").start(mine ? this::watchFolder : this::follow);
  }

  private SiteVersion version(Archive archive) {
    return new SiteVersion(archive.hash(), archive.zip().length, cluster.self());
  }

  /** On the node whose folder it is. Files are read only when one has changed. */
  private void watchFolder() {
    List<String> seen = List.of();
    try {
      while (true) {
        Thread.sleep(PERIOD);
        try {
          List<String> now = listing(folder);
          if (own == null || !now.equals(seen)) {
            own = version(pack(folder));
            seen = now;
            serve(null);
          }
          SiteVersion current = own;
          if (current != null
              && !cluster.site().map(SiteVersion::hash).equals(Optional.of(current.hash()))) {
            cluster.publish(current);
          }
          forgetServed();
        } catch (IOException | RuntimeException e) {
          LOG.debug("The site is published later", e);
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  /** On the other nodes. */
  private void follow() {
    try {
      while (true) {
        Thread.sleep(PERIOD);
        try {
          SiteVersion wanted = cluster.site().orElse(null);
          if (wanted != null && own == null) {
            own = version(pack(folder));
          }
          SiteVersion have = own;
          if (wanted != null && have != null && !wanted.hash().equals(have.hash())) {
            fetch(wanted);
          }
          forgetServed();
        } catch (IOException | RuntimeException e) {
          LOG.warn("The cluster's new site could not be fetched yet: {}", e.getMessage());
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private synchronized void serve(@Nullable Archive archive) {
    served = archive;
    servedUntil = System.nanoTime() + SERVED.toNanos();
  }

  private synchronized void forgetServed() {
    if (served != null && System.nanoTime() - servedUntil > 0) {
      served = null;
    }
  }

  private synchronized Archive toServe() throws IOException {
    Archive archive = served != null ? served : pack(folder);
    serve(archive);
    return archive;
  }

  private void fetch(SiteVersion wanted) throws IOException {
    IOException last = new IOException("no other node is known");
    for (InetSocketAddress node : cluster.others(wanted.node())) {
      try {
        byte[] zip = fetch(cluster.client(), node, wanted.hash());
        unpack(zip, folder);
        own = wanted;
        serve(null);
        LOG.info("The site was updated from {}", node);
        return;
      } catch (IOException e) {
        last = e;
      }
    }
    throw last;
  }

  /** Answers OFFSET (8 bytes) with the whole's length (8 bytes) and a piece from there. */
  private byte[] piece(byte[] request) throws IOException {
    byte[] zip = toServe().zip();
    int offset = (int) Math.clamp(ByteBuffer.wrap(request).getLong(), 0, zip.length);
    int length = Math.min(PIECE_BYTES, zip.length - offset);
    return ByteBuffer.allocate(8 + length).putLong(zip.length).put(zip, offset, length).array();
  }

  /**
   * Fetches a node's site into a folder that does not exist yet, for a node that joins.
   *
   * @throws IOException if it cannot be fetched or written
   */
  static void fetchInto(PeerClient client, InetSocketAddress node, Path folder) throws IOException {
    unpack(fetch(client, node, null), folder);
  }

  private static byte[] fetch(PeerClient client, InetSocketAddress node, @Nullable String hash)
      throws IOException {
    ByteArrayOutputStream zip = new ByteArrayOutputStream();
    while (true) {
      byte[] answer =
          client.call(node, ARCHIVE, ByteBuffer.allocate(8).putLong(zip.size()).array(), CALL);
      long total = ByteBuffer.wrap(answer).getLong();
      if (total > MAX_BYTES || answer.length < 8) {
        throw new IOException("The site of " + node + " is too large");
      }
      zip.write(answer, 8, answer.length - 8);
      if (zip.size() >= total) {
        break;
      }
      if (answer.length == 8) {
        throw new IOException("The site of " + node + " changed while it was fetched");
      }
    }
    byte[] whole = zip.toByteArray();
    if (hash != null && !hash(whole).equals(hash)) {
      throw new IOException("The site of " + node + " is not the one that is wanted yet");
    }
    return whole;
  }

  /** The files' names, sizes and times: another one when something was changed. */
  private static List<String> listing(Path folder) throws IOException {
    List<String> listing = new ArrayList<>();
    for (Path file : files(folder)) {
      listing.add(file + " " + Files.size(file) + " " + Files.getLastModifiedTime(file).toMillis());
    }
    return listing;
  }

  private static List<Path> files(Path folder) throws IOException {
    List<Path> files = new ArrayList<>();
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) {
            return isHidden(dir, folder) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            if (attributes.isRegularFile() && !isHidden(file, folder)) {
              files.add(file);
            }
            if (files.size() > MAX_FILES) {
              throw new IOException("The site's folder has more than " + MAX_FILES + " files");
            }
            return FileVisitResult.CONTINUE;
          }
        });
    files.sort(null);
    return files;
  }

  private static Archive pack(Path folder) throws IOException {
    List<Path> files = files(folder);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Path file : files) {
        ZipEntry entry = new ZipEntry(folder.relativize(file).toString().replace('\\', '/'));
        // Archives have local times; with one zone for all, all nodes make the same archive.
        Instant changed =
            Instant.ofEpochSecond(
                Files.getLastModifiedTime(file).toInstant().getEpochSecond() & -2);
        entry.setTimeLocal(LocalDateTime.ofInstant(changed, ZoneOffset.UTC));
        zip.putNextEntry(entry);
        try (InputStream in = Files.newInputStream(file)) {
          in.transferTo(zip);
        }
        zip.closeEntry();
        if (bytes.size() > MAX_BYTES) {
          throw new IOException("The site's folder has more than " + MAX_BYTES + " bytes");
        }
      }
    }
    byte[] zip = bytes.toByteArray();
    return new Archive(zip, hash(zip));
  }

  private static boolean isHidden(Path path, Path folder) {
    return !path.equals(folder) && path.getFileName().toString().startsWith(".");
  }

  private static String hash(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Puts the archive's files in the place of the folder's: beside it first, then by renames. */
  private static void unpack(byte[] zip, Path folder) throws IOException {
    Path next = folder.resolveSibling(folder.getFileName() + ".next");
    Path old = folder.resolveSibling(folder.getFileName() + ".old");
    delete(next);
    delete(old);
    Files.createDirectories(next);
    try (ZipInputStream in = new ZipInputStream(new java.io.ByteArrayInputStream(zip))) {
      for (ZipEntry entry; (entry = in.getNextEntry()) != null; ) {
        Path file = next.resolve(entry.getName()).normalize();
        if (!file.startsWith(next) || entry.isDirectory()) {
          throw new IOException("The site's archive holds '" + entry.getName() + "'");
        }
        Files.createDirectories(file.getParent());
        try (OutputStream out = Files.newOutputStream(file)) {
          in.transferTo(out);
        }
        Files.setLastModifiedTime(
            file, FileTime.from(entry.getTimeLocal().toInstant(ZoneOffset.UTC)));
      }
    }
    sync(next);
    if (Files.exists(folder)) {
      Files.move(folder, old, StandardCopyOption.ATOMIC_MOVE);
    }
    Files.move(next, folder, StandardCopyOption.ATOMIC_MOVE);
    delete(old);
  }

  /** What is moved to its place is on disk. */
  private static void sync(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.toList()) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
          channel.force(true);
        }
      }
    }
  }

  /**
   * Finishes what a crash within {@link #unpack} left: the folder moved away and none in its place.
   */
  static void recover(Path folder) throws IOException {
    Path next = folder.resolveSibling(folder.getFileName() + ".next");
    Path old = folder.resolveSibling(folder.getFileName() + ".old");
    if (!Files.exists(folder) && Files.exists(old)) {
      // The old one is moved away only when the new one is complete.
      Files.move(Files.exists(next) ? next : old, folder, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  @Override
  public void close() {
    thread.interrupt();
    cluster.service().withdraw(ARCHIVE);
  }
}
