package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.Patch;
import dev.meridian.document.Version;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a store should do, as plainly as it can be said: a map. It judges time by the timestamps of
 * the entries it is given.
 */
final class Model {
  /** A document's value: an object with a number and perhaps a text. */
  record Value(long n, @Nullable String s) {
    byte[] json() {
      return ("{\"n\":" + n + (s == null ? "" : ",\"s\":\"" + s + "\"") + "}").getBytes(UTF_8);
    }
  }

  record Doc(Version version, Value value, long expiresAt) {
    boolean isLive(long millis) {
      return expiresAt == 0 || expiresAt > millis;
    }
  }

  private record Result(String path, Version version, boolean existed, @Nullable Value value) {
    String line() {
      return Model.line(version, existed, value);
    }
  }

  private record Used(long timestamp, int fingerprint, List<Result> results) {}

  /** One write: a value to put, or a number to set or add, or a delete. */
  record Step(String path, Kind kind, long n, @Nullable String s, Wish wish, long expires) {
    enum Kind {
      PUT,
      MERGE,
      INCREMENT,
      INCREMENT_OR_CREATE,
      DELETE
    }

    enum Wish {
      ANY,
      ABSENT,
      EXISTS,
      CURRENT,
      STALE
    }
  }

  /** {@link Step#expires} that leaves an expiry as it is. */
  static final long KEEP = -1;

  static final String STALE_ETAG = new Version(1, 1).etag();

  /** What readers of single documents see. */
  final TreeMap<String, Doc> docs = new TreeMap<>();

  /** What is in the tables: what lists and the change feed tell. */
  final TreeMap<String, Doc> stored = new TreeMap<>();

  /** What is not in the tables yet. */
  final Map<String, Due> pending = new LinkedHashMap<>();

  record Due(long millis, long since) {}

  private final Map<String, Used> used = new LinkedHashMap<>();
  private long last;

  /** The real batch for some steps. The model's documents say what a condition needs. */
  Batch batch(List<Step> steps, @Nullable String key, int fingerprint, long now) {
    List<Write> writes = new ArrayList<>();
    for (Step step : steps) {
      DocumentPath path = DocumentPath.parse(step.path());
      Doc doc = live(step.path(), now);
      Condition condition =
          switch (step.wish()) {
            case ANY -> Condition.NONE;
            case ABSENT -> Condition.ABSENT;
            case EXISTS -> Condition.EXISTS;
            case CURRENT -> Condition.ifMatch(doc == null ? STALE_ETAG : doc.version().etag());
            case STALE -> Condition.ifMatch(STALE_ETAG);
          };
      Expiry expiry = step.expires() == KEEP ? Expiry.KEEP : new Expiry.At(step.expires());
      writes.add(
          switch (step.kind()) {
            case PUT ->
                new Write.Put(path, new Value(step.n(), step.s()).json(), condition, expiry);
            case DELETE -> new Write.Delete(path, condition);
            case MERGE, INCREMENT, INCREMENT_OR_CREATE ->
                new Write.Patch(
                    path,
                    new Patch(
                        step.kind() == Step.Kind.MERGE ? Patch.Kind.MERGE : Patch.Kind.INCREMENT,
                        ("{\"n\":" + step.n() + "}").getBytes(UTF_8),
                        step.kind() == Step.Kind.INCREMENT_OR_CREATE),
                    condition,
                    expiry);
          });
    }
    IdempotencyKey idempotency =
        key == null ? null : new IdempotencyKey(key, new byte[] {(byte) fingerprint});
    return new Batch(writes, idempotency, true);
  }

  /** What applying the steps answers, as text, one line a write; or why it fails. */
  List<String> apply(
      List<Step> steps,
      @Nullable String key,
      int fingerprint,
      long timestamp,
      int region,
      Batch batch) {
    long now = timestamp >>> Version.COUNTER_BITS;
    if (key != null) {
      Used before = used.get(key);
      if (before != null
          && timestamp - before.timestamp()
              <= Version.timestampAt(Duration.ofHours(24).toMillis())) {
        return before.fingerprint() == fingerprint && before.results().size() == steps.size()
            ? before.results().stream().map(result -> now(result, now)).toList()
            : List.of("KEY_REUSED");
      }
    }
    long clock = last;
    TreeMap<String, Doc> after = new TreeMap<>(docs);
    List<Result> results = new ArrayList<>();
    for (int i = 0; i < steps.size(); i++) {
      Step step = steps.get(i);
      Doc doc = live(step.path(), now);
      if (!holds(batch.writes().get(i).condition(), doc)) {
        return List.of("PRECONDITION");
      }
      boolean patch =
          step.kind() == Step.Kind.MERGE
              || step.kind() == Step.Kind.INCREMENT
              || step.kind() == Step.Kind.INCREMENT_OR_CREATE;
      if (patch && doc == null && step.kind() != Step.Kind.INCREMENT_OR_CREATE) {
        return List.of("NOT_FOUND");
      }
      clock = Math.max(timestamp, clock + 1);
      Version version = new Version(clock, region);
      if (step.kind() == Step.Kind.DELETE) {
        after.remove(step.path());
        results.add(new Result(step.path(), version, doc != null, null));
        continue;
      }
      long expiry = step.expires() == KEEP ? (doc == null ? 0 : doc.expiresAt()) : step.expires();
      Value value =
          switch (step.kind()) {
            case MERGE -> new Value(step.n(), doc == null ? null : doc.value().s());
            case INCREMENT, INCREMENT_OR_CREATE ->
                new Value(
                    step.n() + (doc == null ? 0 : doc.value().n()),
                    doc == null ? null : doc.value().s());
            case PUT, DELETE -> new Value(step.n(), step.s());
          };
      after.put(step.path(), new Doc(version, value, expiry));
      results.add(new Result(step.path(), version, doc != null, value));
    }
    docs.clear();
    docs.putAll(after);
    last = clock;
    for (Step step : steps) {
      Doc doc = docs.get(step.path());
      Deferral deferral = batch.deferral();
      if (deferral != null && doc != null && fits(step.path(), doc, deferral)) {
        long due = now + deferral.age().toMillis();
        Due before = pending.get(step.path());
        pending.put(
            step.path(),
            before == null
                ? new Due(due, doc.version().timestamp())
                : new Due(Math.min(due, before.millis()), before.since()));
        pendingBytes.put(step.path(), bytes(step.path(), doc));
      } else {
        settle(step.path());
      }
    }
    if (key != null) {
      used.put(key, new Used(timestamp, fingerprint, results));
    }
    return results.stream().map(Result::line).toList();
  }

  private final Map<String, Long> pendingBytes = new LinkedHashMap<>();

  private static long bytes(String path, Doc doc) {
    return 256 + 3L * path.getBytes(UTF_8).length + Stored.Live.HEADER + doc.value().json().length;
  }

  private boolean fits(String path, Doc doc, Deferral deferral) {
    long all = pendingBytes.values().stream().mapToLong(bytes -> bytes).sum();
    long before = pendingBytes.getOrDefault(path, 0L);
    long now = bytes(path, doc);
    return now <= before || all - before + now <= deferral.maxBytes();
  }

  /** The tables hold what readers see. */
  private void settle(String path) {
    pending.remove(path);
    pendingBytes.remove(path);
    Doc doc = docs.get(path);
    if (doc == null) {
      stored.remove(path);
    } else {
      stored.put(path, doc);
    }
  }

  /** Brings what is pending into the tables, at versions of its own, and says how many. */
  int flush(long timestamp, int region, boolean all) {
    long now = timestamp >>> Version.COUNTER_BITS;
    List<String> due =
        pending.entrySet().stream()
            .filter(entry -> all || entry.getValue().millis() <= now)
            .sorted(
                Comparator.<Map.Entry<String, Due>>comparingLong(entry -> entry.getValue().millis())
                    .thenComparingLong(entry -> entry.getValue().since()))
            .map(Map.Entry::getKey)
            .toList();
    due.forEach(path -> bring(path, timestamp, region));
    return due.size();
  }

  private void bring(String path, long timestamp, int region) {
    Doc doc = doc(path);
    last = Math.max(timestamp, last + 1);
    docs.put(path, new Doc(new Version(last, region), doc.value(), doc.expiresAt()));
    settle(path);
  }

  /** What a retry is answered: with the value only if it is still there. */
  private String now(Result result, long now) {
    Doc doc = live(result.path(), now);
    boolean same = doc != null && doc.version().equals(result.version());
    return line(result.version(), result.existed(), same ? result.value() : null);
  }

  /** All of an entry has been applied. */
  void passed(long timestamp) {
    last = Math.max(last, timestamp);
  }

  /**
   * Removes from the tables what has expired, as a sweep without a limit does, in the order of
   * expiry. What is pending at such a place is brought first, and may live on.
   */
  void sweep(long timestamp, int region) {
    long now = timestamp >>> Version.COUNTER_BITS;
    List<String> expired =
        stored.entrySet().stream()
            .filter(entry -> !entry.getValue().isLive(now))
            .sorted(
                Comparator.<Map.Entry<String, Doc>>comparingLong(
                        entry -> entry.getValue().expiresAt())
                    .thenComparing(
                        entry -> Keys.of(DocumentPath.parse(entry.getKey())),
                        Arrays::compareUnsigned))
            .map(Map.Entry::getKey)
            .toList();
    for (String path : expired) {
      if (pending.containsKey(path)) {
        bring(path, timestamp, region);
      }
      if (!doc(path).isLive(now)) {
        docs.remove(path);
        settle(path);
        last = Math.max(timestamp, last + 1);
      }
    }
  }

  /** The document there is, expired or not. */
  Doc doc(String path) {
    return Objects.requireNonNull(docs.get(path));
  }

  /** The document in the tables, expired or not. */
  Doc storedDoc(String path) {
    return Objects.requireNonNull(stored.get(path));
  }

  @Nullable Doc live(String path, long now) {
    Doc doc = docs.get(path);
    return doc != null && doc.isLive(now) ? doc : null;
  }

  static String line(Version version, boolean existed, @Nullable Value value) {
    return version
        + " existed="
        + existed
        + " "
        + (value == null ? "gone" : new String(value.json(), UTF_8));
  }

  private static boolean holds(Condition condition, @Nullable Doc doc) {
    boolean match =
        condition.ifMatch().isEmpty()
            || (doc != null
                && (condition.ifMatch().contains("*")
                    || condition.ifMatch().contains(doc.version().etag())));
    boolean none = condition.ifNoneMatch().isEmpty() || doc == null;
    return match && none;
  }
}
