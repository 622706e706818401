package dev.meridian.torture;

import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a history's reads of pages prove. Pages tell no version: of what one showed, it is that at
 * which somebody else read or put it. Where nobody did, a page proves at least how far it counted.
 * Not for documents that are written behind, as one value has several versions there.
 *
 * <p>Time is linear, but for the sorting.
 */
final class Pages {
  /** The history without the pages that are left over, and with versions in the others. */
  final List<Operation> history;

  /** Pages without a version of which the count has a lower bound. */
  final List<Operation> counted;

  /** Pages that were read. */
  final long read;

  /** Those of them that prove something. */
  final long judged;

  private final Evidence evidence;
  private final Map<String, Known> documents = new HashMap<>();

  /** What is known of one document. */
  private static final class Known {
    final Map<Evidence.Content, String> versions;
    final boolean deleted;

    /** Acknowledged increments, by region and then by timestamp, and when they were told. */
    final Map<Integer, long[]> increments = new TreeMap<>();

    final Map<Integer, List<Operation>> operations = new TreeMap<>();
    final List<Operation> byTime = new ArrayList<>();
    final long[] told;

    Known(Evidence.OfDocument document) {
      versions = document.versionsOfContents();
      deleted = document.writes.stream().anyMatch(Evidence::deletes);
      Map<Integer, TreeMap<Long, Operation>> byVersion = new TreeMap<>();
      for (Operation write : document.writes) {
        String etag = write.part().etag();
        if (write.kind() != Kind.INCREMENT || write.outcome() != Outcome.OK || etag == null) {
          continue;
        }
        byTime.add(write);
        Tokens.version(etag)
            .ifPresent(
                version ->
                    byVersion
                        .computeIfAbsent(version.region(), _ -> new TreeMap<>())
                        .put(version.timestamp(), write));
      }
      byVersion.forEach(
          (region, writes) -> {
            increments.put(region, writes.keySet().stream().mapToLong(Long::longValue).toArray());
            operations.put(region, List.copyOf(writes.values()));
          });
      byTime.sort(Comparator.comparingLong(Operation::responded));
      told = byTime.stream().mapToLong(Operation::responded).toArray();
    }
  }

  Pages(List<Operation> all, Evidence evidence) {
    this.evidence = evidence;
    List<Operation> resolved = new ArrayList<>(all.size());
    List<Operation> bounded = new ArrayList<>();
    long pages = 0;
    long proving = 0;
    for (Operation operation : all) {
      if (operation.level() != Level.PAGE || !operation.hasRead()) {
        resolved.add(operation);
        continue;
      }
      pages++;
      Part part = operation.part();
      if (part.value() == null && part.count() == 0) {
        resolved.add(operation); // of nothing
        proving++;
        continue;
      }
      Known known = known(part.document());
      String etag = known.versions.get(new Evidence.Content(part.value(), part.count()));
      // Without a value, the same may have been there twice.
      if (etag != null && (part.value() != null || !known.deleted)) {
        resolved.add(
            operation.withPart(new Part(part.document(), part.value(), part.count(), etag)));
        proving++;
      } else if (base(part) != null) {
        bounded.add(operation);
        proving++;
      }
    }
    history = resolved;
    counted = bounded;
    read = pages;
    judged = proving;
  }

  private Known known(String document) {
    return documents.computeIfAbsent(document, path -> new Known(evidence.of(path)));
  }

  /** The version from which what is shown counts; empty: from the first; null: not known. */
  private @Nullable String base(Part shown) {
    if (shown.value() == null) {
      return known(shown.document()).deleted ? null : "";
    }
    return evidence.of(shown.document()).version(shown.value());
  }

  /**
   * The last acknowledged increment that a token covers, of a page that shows fewer than those;
   * null if none is missing.
   *
   * @param page of {@link #counted}
   */
  @Nullable Operation missing(Operation page, Map<Integer, Long> token) {
    String base = base(page.part());
    Known known = known(page.part().document());
    long least = 0;
    Operation last = null;
    for (Map.Entry<Integer, long[]> region : known.increments.entrySet()) {
      long[] versions = region.getValue();
      int covered = Timeline.countUntil(versions, token.getOrDefault(region.getKey(), -1L));
      int before = before(base, region.getKey(), versions);
      if (covered > before) {
        least += covered - before;
        last = known.operations.getOrDefault(region.getKey(), List.of()).get(covered - 1);
      }
    }
    return page.part().count() < least ? last : null;
  }

  /** How many increments of a region are not above a version, nor count on it. */
  private static int before(@Nullable String base, int region, long[] versions) {
    if (base == null || base.isEmpty()) {
      return 0;
    }
    return Tokens.version(base)
        .map(
            version -> {
              long bound =
                  version.region() >= region ? version.timestamp() : version.timestamp() - 1;
              return Timeline.countUntil(versions, bound);
            })
        .orElse(versions.length);
  }

  /** The same of increments that were acknowledged before the page was asked for. */
  @Nullable Operation missingBefore(Operation page) {
    String base = base(page.part());
    Known known = known(page.part().document());
    int acknowledged = Timeline.countUntil(known.told, page.invoked() - 1);
    long least = acknowledged;
    for (Map.Entry<Integer, long[]> region : known.increments.entrySet()) {
      least -= before(base, region.getKey(), region.getValue());
    }
    return page.part().count() < least ? known.byTime.get(acknowledged - 1) : null;
  }
}
