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
 * more than it hashes. However many are under way at the same moment, on whatever nodes: as many
 * are told that they are wrong as the limit has, for each is counted by a write of its own before
 * it is told. Safe for any thread.
 */
final class Attempts {
  private static final CollectionPath COLLECTION = CollectionPath.parse("_attempts");
  private static final String UNTIL = "until";
  private static final long WINDOW = Duration.ofMinutes(AttemptLimit.MINUTES).toMillis();

  /** Whoever loses so many races is one of many who count at this moment, and is told nothing. */
  private static final int RACES = 8;

  private static final Duration LOST = Duration.ofSeconds(1);

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
   * @param options how fresh the answer is to be
   */
  Duration left(String key, AttemptLimit limit, ReadOptions options) {
    long now = clock.millis();
    return wait(next(store.get(path(key), options), now, limit), now);
  }

  /**
   * Counts a wrong password.
   *
   * @return zero when it was counted; otherwise there was no attempt left by now, for so long, and
   *     nobody may be told that it is wrong
   */
  Duration wrong(String key, AttemptLimit limit) {
    for (int race = 0; race < RACES; race++) {
      Optional<Document> found = store.get(path(key), ReadOptions.STRONG);
      long now = clock.millis();
      long until = next(found, now, limit);
      if (wait(until, now).isPositive()) {
        return wait(until, now);
      }
      byte[] json = new Json.Obj(Map.of(UNTIL, Json.Num.of(until))).toBytes();
      Condition condition =
          found
              .map(document -> Condition.ifMatch(document.version().etag()))
              .orElse(Condition.ABSENT);
      try {
        store.write(
            Batch.once("attempt", new Write.Put(path(key), json, condition, new Expiry.At(until))));
        return Duration.ZERO;
      } catch (StoreException.PreconditionFailed e) {
        // Another one was counted meanwhile.
      }
    }
    return LOST;
  }

  /** When the account would be empty after one more. */
  private static long next(Optional<Document> found, long now, AttemptLimit limit) {
    return Math.max(now, read(found)) + interval(limit);
  }

  private static Duration wait(long until, long now) {
    return Duration.ofMillis(Math.max(0, until - now - WINDOW));
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
