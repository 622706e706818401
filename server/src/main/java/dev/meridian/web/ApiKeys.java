package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Page;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.Write;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * API keys: documents in {@code _keys}, each with the hash of its secret, a role, and perhaps a
 * name and an end. A key that is revoked, here or on another node, stops working within a second.
 * Safe for any thread.
 */
public final class ApiKeys {
  /** May read what rules leave to holders of keys, and write nothing, whatever rules say. */
  public static final String READER = "reader";

  /** May read and write what rules leave to holders of keys. So may any role not named here. */
  public static final String EDITOR = "editor";

  /**
   * May do what the operator's key may: everything, in reserved collections and on the operator's
   * listener too.
   */
  public static final String OPERATOR = "operator";

  /** Longest name of a key in characters. */
  public static final int MAX_NAME_CHARS = 200;

  private static final CollectionPath COLLECTION = CollectionPath.parse("_keys");
  private static final Pattern ROLE = Pattern.compile("[a-z][a-z0-9-]{0,31}");
  private static final Duration TRUSTED = Duration.ofMillis(500);
  private static final int MAX_CACHED = 10_000;

  private final Store store;
  private final InstantSource clock;

  /** Keys and absences looked up lately; dropped as a whole when there are too many. */
  private final ConcurrentHashMap<String, Seen> cache = new ConcurrentHashMap<>();

  private record Seen(@Nullable Stored key, long atNanos) {}

  private record Stored(Info info, byte[] hash) {}

  /**
   * What may be told of a key.
   *
   * @param id names it
   * @param role what its holder may do
   * @param name what for, in the words of who made it; may be empty
   * @param created when it was made
   * @param expires when it ends; empty: when it is revoked
   */
  public record Info(
      String id, String role, String name, Instant created, Optional<Instant> expires) {
    /** As the operator's listener shows it. */
    Json json() {
      Map<String, Json> members = new LinkedHashMap<>();
      members.put("id", new Json.Str(id));
      members.put("role", new Json.Str(role));
      members.put("name", new Json.Str(name));
      members.put("created", new Json.Str(created.toString()));
      expires.ifPresent(end -> members.put("expires", new Json.Str(end.toString())));
      return new Json.Obj(members);
    }
  }

  /**
   * A new key.
   *
   * @param info what is known of it
   * @param token what its holder sends; known here and now only
   */
  public record Created(Info info, String token) {}

  ApiKeys(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * Makes a key.
   *
   * @throws InvalidInputException if the role is no role, the name is too long, or the end is past
   */
  public Created create(String role, String name, Optional<Instant> expires) {
    if (!ROLE.matcher(role).matches()) {
      throw new InvalidInputException(
          "A role is reader, editor, operator or another word of a-z, 0-9 and '-' that rules use.");
    }
    if (name.length() > MAX_NAME_CHARS) {
      throw new InvalidInputException(
          "A key's name has at most " + MAX_NAME_CHARS + " characters.");
    }
    Instant now = clock.instant();
    if (expires.isPresent() && !expires.get().isAfter(now)) {
      throw new InvalidInputException("The key would have expired already, at " + expires.get());
    }
    KeyToken token = KeyToken.make(KeyToken.newId());
    Info info = new Info(token.id(), role, name, now.truncatedTo(ChronoUnit.SECONDS), expires);
    Map<String, Json> members = new LinkedHashMap<>(((Json.Obj) info.json()).members());
    members.remove("id");
    members.put("hash", new Json.Str(HexFormat.of().formatHex(token.secretHash())));
    Expiry expiry =
        expires.<Expiry>map(end -> new Expiry.At(end.toEpochMilli())).orElse(Expiry.NEVER);
    store.write(
        Batch.of(
            new Write.Put(
                COLLECTION.document(token.id()),
                new Json.Obj(members).toBytes(),
                Condition.ABSENT,
                expiry)));
    return new Created(info, token.toString());
  }

  /** All keys that have not ended, by id. */
  public List<Info> list() {
    List<Info> keys = new ArrayList<>();
    String after = null;
    do {
      Page page =
          store.list(
              new Query(COLLECTION, null, null, Query.MAX_LIMIT, after, 0), ReadOptions.STRONG);
      page.documents().forEach(document -> keys.add(read(document).info));
      after = page.next();
    } while (after != null);
    return keys;
  }

  /**
   * Ends a key.
   *
   * @return whether there was one
   */
  public boolean revoke(String id) {
    boolean existed =
        store
            .write(Batch.of(new Write.Delete(path(id), Condition.NONE)))
            .results()
            .getFirst()
            .existed();
    cache.remove(id);
    return existed;
  }

  /** Who holds {@code token}, or empty when it is no key, or no longer one. */
  Optional<Caller> authenticate(KeyToken token) {
    Stored key = find(token.id());
    if (key == null || !MessageDigest.isEqual(key.hash, token.secretHash())) {
      return Optional.empty();
    }
    if (key.info.expires.isPresent() && !key.info.expires.get().isAfter(clock.instant())) {
      return Optional.empty();
    }
    return Optional.of(new Caller(true, key.info.id, key.info.role));
  }

  private @Nullable Stored find(String id) {
    long now = System.nanoTime();
    Seen seen = cache.get(id);
    if (seen != null && now - seen.atNanos < TRUSTED.toNanos()) {
      return seen.key;
    }
    Stored key = store.get(path(id), ReadOptions.SESSION).map(ApiKeys::read).orElse(null);
    if (cache.size() >= MAX_CACHED) {
      cache.clear();
    }
    cache.put(id, new Seen(key, now));
    return key;
  }

  private static DocumentPath path(String id) {
    return COLLECTION.document(id);
  }

  private static Stored read(Document document) {
    Json json = Json.parse(document.json());
    String expires = text(json, "expires");
    return new Stored(
        new Info(
            document.path().id(),
            required(json, document, "role"),
            Optional.ofNullable(text(json, "name")).orElse(""),
            Instant.parse(required(json, document, "created")),
            Optional.ofNullable(expires).map(Instant::parse)),
        HexFormat.of().parseHex(required(json, document, "hash")));
  }

  private static String required(Json json, Document document, String field) {
    String value = text(json, field);
    if (value == null) {
      throw new IllegalStateException(
          "'" + document.path() + "' is not a key as Meridian writes it: it lacks '" + field + "'");
    }
    return value;
  }

  private static @Nullable String text(Json json, String field) {
    return json.at(FieldPath.parse(field)) instanceof Json.Str(String value) ? value : null;
  }
}
