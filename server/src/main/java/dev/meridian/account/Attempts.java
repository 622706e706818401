package dev.meridian.account;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.site.AccountSettings.AttemptLimit;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;

/**
 * Wrong passwords for a name, counted on all nodes together: a document in {@code _attempts} that
 * holds when its account would be empty if they were spread evenly (the generic cell rate
 * algorithm), and goes when it is. Only a password that was hashed is counted, so a flood writes no
 * more than it hashes; attempts that are under way at the same moment may pass the limit by as
 * many. Safe for any thread.
 */
final class Attempts {
  private static final CollectionPath COLLECTION = CollectionPath.parse("_attempts");
  private static final String UNTIL = "until";
  private static final long WINDOW = Duration.ofMinutes(AttemptLimit.MINUTES).toMillis();

  /** Whoever loses so many races is one of many who count at this moment: the limit holds. */
  private static final int RACES = 8;

  private final Store store;
  private final InstantSource clock;

  Attempts(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * How long there is no more attempt for this name; zero when there is one.
   *
   * @param key of the name
   */
  Duration left(String key, AttemptLimit limit) {
    long now = clock.millis();
    long until = read(store.get(path(key), ReadOptions.SESSION));
    return Duration.ofMillis(Math.max(0, Math.max(now, until) + interval(limit) - now - WINDOW));
  }

  /** Counts a wrong password. */
  void wrong(String key, AttemptLimit limit) {
    for (int race = 0; race < RACES; race++) {
      Optional<Document> found = store.get(path(key), ReadOptions.STRONG);
      long now = clock.millis();
      // No more than full, whatever came at the same moment: who waits knows for how long.
      long until = Math.min(Math.max(now, read(found)) + interval(limit), now + WINDOW);
      byte[] json = new Json.Obj(Map.of(UNTIL, Json.Num.of(until))).toBytes();
      Condition condition =
          found
              .map(document -> Condition.ifMatch(document.version().etag()))
              .orElse(Condition.ABSENT);
      try {
        store.write(Batch.of(new Write.Put(path(key), json, condition, new Expiry.At(until))));
        return;
      } catch (StoreException.PreconditionFailed e) {
        // Another one was counted meanwhile.
      }
    }
  }

  /** What the name's wrong passwords use up of the time that there is for all. */
  private static long interval(AttemptLimit limit) {
    return WINDOW / ((long) limit.attempts() * AttemptLimit.PER_NAME);
  }

  private static long read(Optional<Document> found) {
    return found
        .map(document -> Json.parse(document.json()))
        .map(
            json ->
                json instanceof Json.Obj(Map<String, Json> members)
                        && members.get(UNTIL) instanceof Json.Num until
                    ? until.decimal().longValue()
                    : 0L)
        .orElse(0L);
  }

  private static DocumentPath path(String key) {
    return COLLECTION.document(key);
  }
}
