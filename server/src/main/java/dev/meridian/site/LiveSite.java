package dev.meridian.site;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A site whose files are watched: {@link #current} is always the last good one. An edit of {@code
 * site.yaml} or of a zone file that checks out replaces it; one that does not is logged and kept as
 * {@link #problem} until it is mended.
 */
public final class LiveSite implements Supplier<Site>, AutoCloseable {
  /*
   * The operating system's notices only wake the thread early. What decides is a look at the files
   * themselves, at every notice and every POLL besides, because notices are lost on network file
   * systems, in some containers and when too many come at once.
   */
  private static final Logger LOG = LoggerFactory.getLogger(LiveSite.class);

  /** Between two looks when no notice comes. */
  private static final Duration POLL = Duration.ofSeconds(1);

  /** Files must have been quiet for this long: editors write in several steps. */
  private static final Duration QUIET = Duration.ofMillis(50);

  /** Longest wait for quiet: a file that never rests is read as it is. */
  private static final int MAX_QUIET_ROUNDS = 40;

  private final Path folder;
  private final List<Consumer<Site>> listeners = new CopyOnWriteArrayList<>();
  private final Thread thread;
  private final @Nullable WatchService notices;
  private volatile Site current;
  private volatile @Nullable String problem;
  private volatile boolean closed;

  // Owned by the watching thread.
  private final Map<Path, WatchKey> watched = new LinkedHashMap<>();
  private Map<Path, String> seen;

  private LiveSite(Path folder) {
    this.folder = folder.toAbsolutePath().normalize();
    // The look comes before the reading: an edit in between is then found as a change.
    this.seen = look(Set.of(this.folder.resolve(SiteLoader.FILE)));
    this.current = SiteLoader.load(this.folder);
    this.notices = watchService();
    Map<Path, String> all = new LinkedHashMap<>(look(files(current)));
    all.putAll(seen);
    this.seen = all;
    this.thread = Thread.ofPlatform().daemon().name("site-watch").unstarted(this::watch);
  }

  /**
   * Reads the site and watches it from then on.
   *
   * @throws SiteException if it is not usable now
   */
  public static LiveSite open(Path folder) {
    LiveSite site = new LiveSite(folder);
    site.thread.start();
    return site;
  }

  /** The last good site. Any thread. */
  public Site current() {
    return current;
  }

  /** The same as {@link #current}. */
  @Override
  public Site get() {
    return current;
  }

  /** What is wrong with the files as they stand, if they are not what {@link #current} shows. */
  public Optional<String> problem() {
    return Optional.ofNullable(problem);
  }

  /**
   * Calls {@code listener} with each new good site, on the watching thread, one after another. What
   * it throws is logged.
   *
   * @return stops the calls
   */
  public Runnable onChange(Consumer<Site> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  /** Stops watching and waits for a listener that is being called, unless called by it. */
  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    if (Thread.currentThread() != thread) {
      boolean interrupted = false;
      try {
        thread.join(Duration.ofSeconds(10));
      } catch (InterruptedException e) {
        interrupted = true;
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void watch() {
    try {
      while (!closed) {
        register();
        awaitNotice();
        if (closed) {
          return;
        }
        Map<Path, String> now = look(files(current));
        // A site whose problem lies elsewhere, such as a missing seed, is tried again each time.
        if (!now.equals(seen) || problem != null) {
          now = awaitQuiet(now);
          boolean changed = !now.equals(seen);
          seen = now;
          reload(changed);
        }
      }
    } catch (InterruptedException | ClosedWatchServiceException e) {
      // close() did this.
    } finally {
      if (notices != null) {
        try {
          notices.close();
        } catch (IOException e) {
          LOG.debug("The watch on {} did not close.", folder, e);
        }
      }
    }
  }

  private void reload(boolean filesChanged) {
    Site site;
    try {
      site = SiteLoader.load(folder);
    } catch (SiteException e) {
      String message = String.valueOf(e.getMessage());
      if (!message.equals(problem)) {
        LOG.warn("The site as it was stays in use, because the new one is broken:\n{}", message);
      }
      problem = message;
      return;
    } catch (RuntimeException | StackOverflowError e) {
      LOG.error("The site as it was stays in use, because the new one could not be read.", e);
      problem = "The site could not be read: " + e;
      return;
    }
    boolean mended = problem != null;
    problem = null;
    if (!filesChanged && !mended) {
      return;
    }
    // Zone files named for the first time were read after this look at the earliest.
    Map<Path, String> all = new LinkedHashMap<>(look(files(site)));
    all.putAll(seen);
    all.keySet().retainAll(files(site));
    seen = all;
    current = site;
    LOG.info("The site has changed and is in use.");
    for (Consumer<Site> listener : listeners) {
      try {
        listener.accept(site);
      } catch (RuntimeException e) {
        LOG.error("Part of the site's change could not be taken over.", e);
      }
    }
  }

  private Set<Path> files(Site site) {
    Set<Path> files = new HashSet<>(site.names().zoneFiles());
    files.add(folder.resolve(SiteLoader.FILE));
    if (!site.names().geo().answers().isEmpty()) {
      files.add(site.names().geo().database());
    }
    return files;
  }

  /** What tells one state of a file from another without reading it. */
  private static Map<Path, String> look(Set<Path> files) {
    Map<Path, String> states = new LinkedHashMap<>();
    for (Path file : files) {
      String state;
      try {
        BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class);
        state = a.lastModifiedTime().to(TimeUnit.NANOSECONDS) + " " + a.size() + " " + a.fileKey();
      } catch (IOException e) {
        state = "absent";
      }
      states.put(file, state);
    }
    return states;
  }

  private Map<Path, String> awaitQuiet(Map<Path, String> first) throws InterruptedException {
    Map<Path, String> before = first;
    for (int round = 0; round < MAX_QUIET_ROUNDS; round++) {
      Thread.sleep(QUIET);
      Map<Path, String> now = look(before.keySet());
      if (now.equals(before)) {
        break;
      }
      before = now;
    }
    return before;
  }

  private void awaitNotice() throws InterruptedException {
    if (notices == null || watched.isEmpty()) {
      Thread.sleep(POLL);
      return;
    }
    WatchKey key = notices.poll(POLL.toMillis(), TimeUnit.MILLISECONDS);
    while (key != null) {
      key.pollEvents();
      if (!key.reset()) {
        watched.values().remove(key);
      }
      key = notices.poll();
    }
  }

  /** Watches the folders: editors replace files, and a watch on the old file would see nothing. */
  private void register() {
    if (notices == null) {
      return;
    }
    Set<Path> folders = new HashSet<>();
    for (Path file : files(current)) {
      Path parent = file.getParent();
      if (parent != null) {
        folders.add(parent);
      }
    }
    watched
        .entrySet()
        .removeIf(
            entry -> {
              if (!folders.contains(entry.getKey())) {
                entry.getValue().cancel();
                return true;
              }
              return false;
            });
    for (Path parent : folders) {
      if (!watched.containsKey(parent)) {
        try {
          watched.put(
              parent,
              parent.register(
                  notices,
                  StandardWatchEventKinds.ENTRY_CREATE,
                  StandardWatchEventKinds.ENTRY_MODIFY,
                  StandardWatchEventKinds.ENTRY_DELETE));
        } catch (IOException e) {
          LOG.debug("No notices for {}; looking at it every {}.", parent, POLL, e);
        }
      }
    }
  }

  private @Nullable WatchService watchService() {
    try {
      return folder.getFileSystem().newWatchService();
    } catch (IOException | UncheckedIOException | UnsupportedOperationException e) {
      LOG.debug("No notices of changed files; looking every {}.", POLL, e);
      return null;
    }
  }
}
