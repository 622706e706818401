package dev.meridian.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.SessionToken;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;

/**
 * What the bound of bytes is good for, beside an LRU of the same bytes: the Zipf(0.99) load of YCSB
 * (Cooper et al., 2010), and the same while all documents are read once in between.
 */
class HitRateTest {
  private static final int DOCUMENTS = 100_000;
  private static final int READS = 1_000_000;
  private static final double SKEW = 0.99;

  /** Room for about a fiftieth of the documents. */
  private static final long BYTES = 1_500_000;

  private static final byte[] JSON = "x".repeat(256).getBytes(UTF_8);

  @Test
  void moreIsReadFromMemoryThanWithAnLru() {
    double[] near = new double[2];
    double[] lru = new double[2];
    for (int scan = 0; scan < 2; scan++) {
      near[scan] = rate(new Near()::read, scan == 1);
      lru[scan] = rate(new Lru()::read, scan == 1);
    }
    System.out.printf(
        "Zipf(%.2f), %,d documents, room for %,d: near cache %.1f %%, LRU %.1f %%;"
            + " with a scan in between: %.1f %% and %.1f %%%n",
        SKEW,
        DOCUMENTS,
        BYTES / entry(0).weight(path(0)),
        100 * near[0],
        100 * lru[0],
        100 * near[1],
        100 * lru[1]);
    assertThat(near[0]).isGreaterThan(lru[0]);
    assertThat(near[1]).isGreaterThan(lru[1]);
  }

  /** The part of reads that were hits, of the second half: the first fills the cache. */
  private static double rate(IntPredicate cache, boolean scans) {
    Zipf zipf = new Zipf(new Random(7));
    int hits = 0;
    for (int i = 0; i < READS; i++) {
      boolean hit = cache.test(zipf.next());
      hits += i >= READS / 2 && hit ? 1 : 0;
      if (scans && i % 5 == 0) {
        boolean _ = cache.test(i / 5 % DOCUMENTS);
      }
    }
    return hits / (READS / 2.0);
  }

  private static DocumentPath path(int document) {
    return new DocumentPath(List.of("items", Integer.toString(document)));
  }

  private static Entry entry(int document) {
    return new Entry(
        new Document(path(document), new Version(1, 0), 0, JSON), SessionToken.NONE, 0, 0);
  }

  private static final class Near {
    private final NearCache cache = new NearCache(BYTES, () -> 0);

    boolean read(int document) {
      DocumentPath path = path(document);
      if (cache.get(path) != null) {
        return true;
      }
      Load load = new Load(SessionToken.NONE, false);
      cache.begin(path, load);
      cache.put(path, load, entry(document));
      cache.end(path, load);
      return false;
    }
  }

  private static final class Lru {
    private final LinkedHashMap<Integer, Integer> weights = new LinkedHashMap<>(16, 0.75f, true);
    private long bytes;

    boolean read(int document) {
      if (weights.get(document) != null) {
        return true;
      }
      int weight = entry(document).weight(path(document));
      weights.put(document, weight);
      bytes += weight;
      while (bytes > BYTES) {
        Map.Entry<Integer, Integer> eldest = weights.pollFirstEntry();
        bytes -= eldest.getValue();
      }
      return false;
    }
  }

  /** Documents by popularity, number k with a weight of 1 / k^0.99. */
  private static final class Zipf {
    private final double[] sums = new double[DOCUMENTS];
    private final Random random;

    Zipf(Random random) {
      this.random = random;
      double sum = 0;
      for (int i = 0; i < DOCUMENTS; i++) {
        sum += 1 / Math.pow(i + 1, SKEW);
        sums[i] = sum;
      }
    }

    int next() {
      int at = Arrays.binarySearch(sums, random.nextDouble() * sums[DOCUMENTS - 1]);
      // Numbers that are near each other need not be of like popularity.
      return (int) ((at < 0 ? -at - 1 : at) * 7919L % DOCUMENTS);
    }
  }
}
