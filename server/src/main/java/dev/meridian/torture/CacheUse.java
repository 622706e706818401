package dev.meridian.torture;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How far a run used the caches of its nodes. What nodes counted after they were last asked, before
 * they were killed, is missing.
 *
 * @param hits reads that near caches answered, those of sessions included
 * @param misses reads that they could not answer
 * @param pageHits pages that were kept, or made by another request meanwhile
 * @param pageMisses pages that were made, and might have been kept
 * @param putOff writes that were put off
 * @param flushed documents that flushes brought into the tables
 */
public record CacheUse(
    long hits, long misses, long pageHits, long pageMisses, long putOff, long flushed) {
  /** Of a run without caches. */
  public static final CacheUse NONE = new CacheUse(0, 0, 0, 0, 0, 0);

  /** The name of what is checked: nodes do not count by policy. */
  static final String SUBJECT = "caches of all policies together";

  /**
   * Whether caches were put to the test: what was never used has proved nothing. Nothing is judged
   * where no policy has any.
   */
  public Optional<Judgement> judge(List<CachePolicy> policies) {
    List<String> unused = new ArrayList<>();
    if (policies.stream().noneMatch(policy -> policy.isCached() || policy.flushes())) {
      return Optional.empty();
    }
    if (policies.stream().anyMatch(CachePolicy::isCached)) {
      if (hits == 0) {
        unused.add("no read was answered by a near cache");
      }
      if (pageHits == 0) {
        unused.add("no kept page was shown");
      }
    }
    if (policies.stream().anyMatch(CachePolicy::flushes)) {
      if (putOff == 0) {
        unused.add("no write was put off");
      }
      if (flushed == 0) {
        unused.add("nothing was flushed");
      }
    }
    return Optional.of(
        new Judgement(
            SUBJECT,
            Judgement.IN_USE,
            unused.isEmpty()
                ? new Verdict.Accepted(hits + pageHits + flushed)
                : new Verdict.Undecided(String.join(", ", unused) + ": this run is no proof")));
  }
}
