package dev.meridian.session;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * The keys that sign cookies: the document {@code _secrets/sessions}, which all nodes share. The
 * newest signs; a new one is made every {@link #ROTATION} and first used {@link #NOTICE} later,
 * when every node knows it. Older ones verify for as long as a session can live. Deleting the
 * document, as the operator, ends all sessions within {@link #FRESH}.
 *
 * <p>A node that cannot reach the others goes on with the keys it has. Safe for any thread.
 */
final class SigningKeys {
  static final Duration ROTATION = Duration.ofDays(30);

  static final Duration NOTICE = Duration.ofMinutes(5);

  /** How long keys are used without looking whether there are others. */
  static final Duration FRESH = Duration.ofSeconds(30);

  /** A key that is not known is looked for at the primary, but no more often than this. */
  private static final Duration LOOKS = Duration.ofSeconds(1);

  /** A site where nobody wrote for so long keeps its oldest key until the next is made. */
  private static final Duration AHEAD = Duration.ofDays(1);

  /** Most keys; a wrong clock could make one after another. */
  private static final int MAX_KEYS = 32;

  private static final DocumentPath PATH = DocumentPath.parse("_secrets/sessions");
  private static final String ALGORITHM = "HmacSHA256";
  private static final int KEY_BYTES = 32;
  private static final int ID_BYTES = 4;

  /** Characters in the id of a key. */
  static final int ID_CHARS = 2 * ID_BYTES;

  private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();

  private final Store store;
  private final InstantSource clock;
  private final SecureRandom random = new SecureRandom();

  /** Whoever comes while another thread looks uses what is known. */
  private volatile @Nullable Ring ring;

  private volatile long lookedNanos = System.nanoTime() - LOOKS.toNanos();

  /**
   * When a new key was last tried to be made; where that fails, requests are not to wait for it.
   */
  private volatile long rotatedNanos = System.nanoTime() - FRESH.toNanos();

  /** One key. */
  static final class Key {
    private final String id;
    private final long madeMillis;
    private final byte[] secret;

    private Key(String id, long madeMillis, byte[] secret) {
      this.id = id;
      this.madeMillis = madeMillis;
      this.secret = secret;
    }

    String id() {
      return id;
    }

    /** The signature of {@code text}: 43 characters of Base64. */
    String sign(String text) {
      try {
        Mac mac = Mac.getInstance(ALGORITHM);
        mac.init(new SecretKeySpec(secret, ALGORITHM));
        return ENCODER.encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
      } catch (NoSuchAlgorithmException | InvalidKeyException e) {
        throw new IllegalStateException("Every Java platform has " + ALGORITHM, e);
      }
    }
  }

  /**
   * What was read.
   *
   * @param keys newest first, never empty
   */
  private record Ring(List<Key> keys, String etag, long readNanos) {
    @Nullable Key find(String id) {
      for (Key key : keys) {
        if (key.id.equals(id)) {
          return key;
        }
      }
      return null;
    }
  }

  SigningKeys(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * The key to sign with now.
   *
   * @throws StoreException if this node knows none and cannot get any
   */
  Key signing() {
    Ring known = current();
    long now = clock.millis();
    if (now - known.keys.getFirst().madeMillis >= ROTATION.toMillis()
        && System.nanoTime() - rotatedNanos >= FRESH.toNanos()) {
      rotatedNanos = System.nanoTime();
      known = rotate(known, now);
    }
    for (Key key : known.keys) {
      if (now - key.madeMillis >= NOTICE.toMillis()) {
        return key;
      }
    }
    // The first of all, or the clock was set back: the oldest is known everywhere.
    return known.keys.getLast();
  }

  /**
   * The key of this id, or null when there is none.
   *
   * @throws StoreException if that cannot be found out now
   */
  @Nullable Key find(String id) {
    Key key = current().find(id);
    if (key != null) {
      return key;
    }
    long now = System.nanoTime();
    if (now - lookedNanos < LOOKS.toNanos()) {
      return null;
    }
    lookedNanos = now;
    Ring found = readOrMake();
    ring = found;
    return found.find(id);
  }

  private Ring current() {
    Ring known = ring;
    if (known == null) {
      // Threads that come here at once read the same document. What is in this node's own replica
      // is good enough: a key that is not is looked for at the primary.
      Ring made =
          store.get(PATH, ReadOptions.SESSION).map(SigningKeys::read).orElseGet(this::readOrMake);
      ring = made;
      return made;
    }
    if (System.nanoTime() - known.readNanos < FRESH.toNanos()) {
      return known;
    }
    ring = new Ring(known.keys, known.etag, System.nanoTime());
    try {
      Optional<Document> found = store.get(PATH, ReadOptions.SESSION);
      Ring now = found.isPresent() ? read(found.get()) : readOrMake();
      ring = now;
      return now;
    } catch (StoreException.Unavailable e) {
      return known;
    }
  }

  private Ring readOrMake() {
    Optional<Document> found = store.get(PATH, ReadOptions.STRONG);
    if (found.isEmpty()) {
      try {
        write(List.of(make(clock.millis())), Condition.ABSENT);
      } catch (StoreException.PreconditionFailed e) {
        // Another node was first.
      }
      found = store.get(PATH, ReadOptions.STRONG);
    }
    return read(
        found.orElseThrow(() -> new IllegalStateException("'" + PATH + "' was deleted just now")));
  }

  /** Adds a key. What cannot be done now is done another time. */
  private Ring rotate(Ring known, long now) {
    List<Key> keys = new ArrayList<>();
    keys.add(make(now));
    keys.addAll(known.keys);
    // The oldest signed until the one after it was made, and a little longer. No more than that one
    // goes, for it may be this clock that is wrong.
    long until = keys.get(keys.size() - 2).madeMillis + Lifetimes.MOST.plus(ROTATION).toMillis();
    if ((now >= until && !isAhead(now)) || keys.size() > MAX_KEYS) {
      keys.removeLast();
    }
    try {
      write(keys, Condition.ifMatch(known.etag));
    } catch (StoreException.Unavailable e) {
      return known;
    } catch (StoreException.PreconditionFailed e) {
      // Another node was first.
    }
    try {
      Ring rotated = readOrMake();
      ring = rotated;
      return rotated;
    } catch (StoreException.Unavailable e) {
      return known;
    }
  }

  /** Whether the clock is far beyond all that was written: then it is rather wrong than right. */
  private boolean isAhead(long now) {
    long last = 0;
    for (Map.Entry<Integer, Long> one : store.seen().timestamps().entrySet()) {
      last = Math.max(last, new Version(one.getValue(), one.getKey()).millis());
    }
    return now - last > AHEAD.toMillis();
  }

  private Key make(long now) {
    byte[] id = new byte[ID_BYTES];
    random.nextBytes(id);
    byte[] secret = new byte[KEY_BYTES];
    random.nextBytes(secret);
    return new Key(HexFormat.of().formatHex(id), now, secret);
  }

  private void write(List<Key> keys, Condition condition) {
    List<Json> items = new ArrayList<>();
    for (Key key : keys) {
      items.add(
          new Json.Obj(
              Map.of(
                  "id",
                  new Json.Str(key.id),
                  "made",
                  Json.Num.of(key.madeMillis),
                  "hmac",
                  new Json.Str(ENCODER.encodeToString(key.secret)))));
    }
    Json.Obj json = new Json.Obj(Map.of("keys", new Json.Arr(items)));
    store.write(Batch.of(new Write.Put(PATH, json.toBytes(), condition, Expiry.NEVER)));
  }

  private static Ring read(Document document) {
    List<Key> keys = new ArrayList<>();
    if (Json.parse(document.json()) instanceof Json.Obj(Map<String, Json> members)
        && members.get("keys") instanceof Json.Arr(List<Json> items)) {
      for (Json item : items) {
        if (item instanceof Json.Obj(Map<String, Json> key)
            && key.get("id") instanceof Json.Str(String id)
            && key.get("made") instanceof Json.Num made
            && key.get("hmac") instanceof Json.Str(String secret)) {
          keys.add(new Key(id, made.decimal().longValue(), Base64.getUrlDecoder().decode(secret)));
        }
      }
    }
    if (keys.isEmpty()) {
      throw new IllegalStateException(
          "'" + PATH + "' is not what Meridian wrote; delete it, and all sessions end.");
    }
    return new Ring(List.copyOf(keys), document.version().etag(), System.nanoTime());
  }
}
