package dev.meridian.cache;

import dev.meridian.document.Version;
import dev.meridian.store.StoreException;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;

/** The other nodes of a site, as its collections that are written through need them. */
public interface Peers {
  /** Of a node that has none. */
  Peers NONE =
      new Peers() {
        @Override
        public Set<String> others() {
          return Set.of();
        }

        @Override
        public boolean shows(String node, Version version, Duration wait) {
          return false;
        }

        @Override
        public Readers readers(Duration wait) {
          return new Readers(Duration.ofDays(1), Map.of());
        }
      };

  /** The ids of those that are known to serve the site; quick. */
  Set<String> others();

  /**
   * Waits until a node's readers are shown nothing older, as {@link CachedStore#shows}.
   *
   * @param wait how long at most, about
   * @return false if that is not so yet
   * @throws IOException if it does not answer
   */
  boolean shows(String node, Version version, Duration wait) throws IOException;

  /**
   * Which nodes asked the primary lately for all that had been acknowledged, by a {@code STRONG}
   * read. Whoever asks after this was called is told of what was acknowledged before.
   *
   * @throws StoreException.Unavailable if no primary says so within {@code wait}, about
   */
  Readers readers(Duration wait);

  /**
   * Who asked.
   *
   * @param known who asked longer ago than that may be missing, and of those that asked before it
   *     is not known when they asked last
   * @param ages how long ago each of the others asked last; this node is not among them
   */
  record Readers(Duration known, Map<String, Duration> ages) {
    /** Copies. */
    public Readers {
      ages = Map.copyOf(ages);
    }
  }
}
