package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.FieldPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Capabilities that the site's own pages hand to their visitors: each allows one kind of write to
 * one path until it expires, and nothing else. A page carries it and its script sends it back in
 * the header {@code Meridian-Grant}; access rules see it as {@code auth.page}. Where a rule allows
 * the write for the grant's sake alone, the write keeps to the grant's {@link Terms}.
 *
 * <p>A grant is not bound to a visitor and works more than once, so what it allows is what any
 * visitor of the page may do. It keeps scripts that never saw the page, and other writes, out.
 * Deleting the document {@code _secrets/grants}, as the operator, ends all grants given out within
 * {@link #SECRET_AGE}.
 *
 * <p>Safe for any thread.
 */
public final class Grants {
  /** What a grant allows. */
  public enum Kind {
    /** Adding to the fields of a document, which is made if there is none. */
    INCREMENT,
    /** Patching a document, with either patch language. */
    PATCH,
    /** Creating or replacing a document. */
    PUT,
    /** Deleting a document. */
    DELETE,
    /** Adding documents to a collection, with ids of the server's. */
    CREATE;

    private final String word = name().toLowerCase(Locale.ROOT);

    /**
     * Reads {@code increment}, {@code patch}, {@code put}, {@code delete} or {@code create}.
     *
     * @throws InvalidInputException if it is none of them
     */
    public static Kind parse(String word) {
      for (Kind kind : values()) {
        if (kind.word.equals(word)) {
          return kind;
        }
      }
      throw new InvalidInputException(
          "'" + word + "' is no kind of grant; write increment, patch, put, delete or create.");
    }
  }

  /**
   * What narrows or widens a grant.
   *
   * @param adds what an increment must add, exactly, by field; empty: up to {@link #FREE_FIELDS}
   *     fields with names of up to {@link #FREE_FIELD_CHARS} characters, and any amounts
   * @param expiry whether the write may say when its document expires; otherwise that is left to
   *     the collection, for a document that expires at once is a document deleted
   */
  public record Terms(Map<FieldPath, BigDecimal> adds, boolean expiry) {
    /** Those of a grant that says no more than its kind and path. */
    public static final Terms PLAIN = new Terms(Map.of(), false);

    /** Copies and checks. */
    public Terms {
      if (adds.size() > MAX_FIELDS) {
        throw new InvalidInputException(
            "A grant names at most " + MAX_FIELDS + " fields to add to.");
      }
      Map<FieldPath, BigDecimal> plain = new LinkedHashMap<>();
      adds.forEach((field, amount) -> plain.put(field, amount.stripTrailingZeros()));
      adds = Collections.unmodifiableMap(plain);
    }

    /** Whether an increment of {@code patch} is within the terms. */
    boolean admits(Patch patch) {
      if (!(Json.parse(patch.json()) instanceof Json.Obj(Map<String, Json> members))) {
        return false;
      }
      if (adds.isEmpty()) {
        return members.size() <= FREE_FIELDS
            && members.keySet().stream().allMatch(field -> field.length() <= FREE_FIELD_CHARS);
      }
      Map<FieldPath, BigDecimal> asked = new HashMap<>();
      for (Map.Entry<String, Json> member : members.entrySet()) {
        if (!(member.getValue() instanceof Json.Num(String amount))) {
          return false;
        }
        asked.put(FieldPath.parse(member.getKey()), new BigDecimal(amount).stripTrailingZeros());
      }
      return asked.equals(adds);
    }

    private String encode() {
      Map<String, Json> amounts = new LinkedHashMap<>();
      adds.forEach(
          (field, amount) -> amounts.put(field.toString(), new Json.Num(amount.toString())));
      Map<String, Json> members = new LinkedHashMap<>();
      members.put("adds", new Json.Obj(amounts));
      members.put("expiry", new Json.Bool(expiry));
      return ENCODER.encodeToString(new Json.Obj(members).toBytes());
    }

    /** Reads what {@link #encode} wrote. */
    private static Terms decode(String text) {
      Map<FieldPath, BigDecimal> adds = new LinkedHashMap<>();
      if (!(Json.parse(Base64.getUrlDecoder().decode(text))
              instanceof Json.Obj(Map<String, Json> members))
          || !(members.get("adds") instanceof Json.Obj(Map<String, Json> amounts))
          || !(members.get("expiry") instanceof Json.Bool(boolean expiry))) {
        throw new IllegalStateException("signed, but not what mint writes");
      }
      amounts.forEach(
          (field, amount) ->
              adds.put(FieldPath.parse(field), new BigDecimal(((Json.Num) amount).text())));
      return new Terms(adds, expiry);
    }
  }

  /** Most fields that a grant names. */
  static final int MAX_FIELDS = 8;

  /** Longest text of a grant's fields and amounts. */
  private static final int MAX_TERMS_CHARS = 600;

  /** Most fields in an increment under a grant that names none. */
  static final int FREE_FIELDS = 4;

  /** Longest name of such a field, in characters. */
  static final int FREE_FIELD_CHARS = 40;

  /** How long a grant lasts unless its page says otherwise. */
  public static final Duration DEFAULT_LIFETIME = Duration.ofHours(1);

  /** Longest that a grant may last. */
  public static final Duration MAX_LIFETIME = Duration.ofDays(7);

  /** Longest grant in characters: a path of 1 KiB in Base64, its terms, its signature, the rest. */
  static final int MAX_CHARS = 2200;

  /**
   * Expiries are rounded up to this, so that a page rendered twice in a while carries the same
   * grant and keeps its ETag.
   */
  private static final long ROUND_SECONDS = 300;

  private static final DocumentPath SECRET = DocumentPath.parse("_secrets/grants");

  /** How long a secret is used without looking again: a deleted one ends its grants so soon. */
  static final Duration SECRET_AGE = Duration.ofSeconds(1);

  private static final String ALGORITHM = "HmacSHA256";
  private static final int SECRET_BYTES = 32;
  private static final String PREFIX = "g1";
  private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();

  private final Store store;
  private final Clock clock;
  private volatile @Nullable Secret secret;

  private record Secret(SecretKeySpec key, long readNanos) {}

  /** Grants signed with the secret in {@code store}, which every node shares. */
  public Grants(Store store, Clock clock) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * A grant for {@code kind} of write to {@code path}.
   *
   * @param path a document's path; for {@link Kind#CREATE} a collection's
   * @param terms what narrows or widens it
   * @param lifetime how long it is good, rounded up by at most five minutes
   * @throws InvalidInputException if the path, the terms or the lifetime are out of bounds
   * @throws StoreException if the secret cannot be read
   */
  public String mint(Kind kind, String path, Terms terms, Duration lifetime) {
    if (lifetime.isNegative() || lifetime.isZero() || lifetime.compareTo(MAX_LIFETIME) > 0) {
      throw new InvalidInputException(
          "A grant lasts more than nothing and at most " + MAX_LIFETIME.toDays() + " days.");
    }
    if (kind != Kind.CREATE) {
      DocumentPath.parse(path);
    }
    if (kind != Kind.INCREMENT && !terms.adds.isEmpty()) {
      throw new InvalidInputException("Only a grant for an increment names fields to add to.");
    }
    String more = terms.equals(Terms.PLAIN) ? "" : "." + terms.encode();
    if (more.length() > MAX_TERMS_CHARS) {
      throw new InvalidInputException("The fields and amounts of a grant are too long.");
    }
    long expires = clock.millis() / 1000 + lifetime.toSeconds();
    long rounded = (expires + ROUND_SECONDS - 1) / ROUND_SECONDS * ROUND_SECONDS;
    String body =
        PREFIX
            + "."
            + kind.word
            + "."
            + Long.toString(rounded, Character.MAX_RADIX)
            + "."
            + ENCODER.encodeToString(path.getBytes(StandardCharsets.UTF_8))
            + more;
    return body + "." + ENCODER.encodeToString(sign(body));
  }

  /** {@link #mint(Kind, String, Terms, Duration)} for {@link #DEFAULT_LIFETIME}. */
  public String mint(Kind kind, String path, Terms terms) {
    return mint(kind, path, terms, DEFAULT_LIFETIME);
  }

  /**
   * On what terms {@code grant} allows {@code kind} of write to {@code path} now; null when it does
   * not. Whatever is not a grant of this site's allows nothing.
   *
   * @throws StoreException if the secret cannot be read
   */
  public @Nullable Terms terms(@Nullable String grant, Kind kind, String path) {
    if (grant == null || grant.length() > MAX_CHARS) {
      return null;
    }
    String[] parts = grant.split("\\.", 7);
    if ((parts.length != 5 && parts.length != 6)
        || !parts[0].equals(PREFIX)
        || !parts[1].equals(kind.word)) {
      return null;
    }
    try {
      String signed = grant.substring(0, grant.lastIndexOf('.'));
      byte[] signature = Base64.getUrlDecoder().decode(parts[parts.length - 1]);
      if (!MessageDigest.isEqual(signature, sign(signed))) {
        return null;
      }
      // Signed, so the rest is what mint wrote.
      long expires = Long.parseLong(parts[2], Character.MAX_RADIX);
      byte[] granted = Base64.getUrlDecoder().decode(parts[3]);
      return clock.millis() / 1000 < expires
              && Arrays.equals(granted, path.getBytes(StandardCharsets.UTF_8))
          ? parts.length == 5 ? Terms.PLAIN : Terms.decode(parts[4])
          : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private byte[] sign(String body) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(secret());
      return mac.doFinal(body.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException | InvalidKeyException e) {
      throw new IllegalStateException("Every Java platform has " + ALGORITHM, e);
    }
  }

  private SecretKeySpec secret() {
    Secret known = secret;
    if (known == null || System.nanoTime() - known.readNanos > SECRET_AGE.toNanos()) {
      // Threads that come here at once read the same document.
      long now = System.nanoTime();
      known = new Secret(new SecretKeySpec(readOrMake(), ALGORITHM), now);
      secret = known;
    }
    return known.key;
  }

  private byte[] readOrMake() {
    Optional<Document> found = store.get(SECRET, ReadOptions.STRONG);
    if (found.isEmpty()) {
      byte[] made = new byte[SECRET_BYTES];
      new SecureRandom().nextBytes(made);
      byte[] json =
          ("{\"hmac\":\"" + ENCODER.encodeToString(made) + "\"}").getBytes(StandardCharsets.UTF_8);
      try {
        store.write(Batch.of(new Write.Put(SECRET, json, Condition.ABSENT, Expiry.NEVER)));
        return made;
      } catch (StoreException.PreconditionFailed e) {
        found = store.get(SECRET, ReadOptions.STRONG);
      }
    }
    String json =
        new String(
            found
                .orElseThrow(() -> new IllegalStateException("'" + SECRET + "' was deleted"))
                .json(),
            StandardCharsets.UTF_8);
    String start = "{\"hmac\":\"";
    if (!json.startsWith(start) || !json.endsWith("\"}")) {
      throw new IllegalStateException(
          "'" + SECRET + "' is not what Meridian wrote; delete it, and grants given out end.");
    }
    return Base64.getUrlDecoder().decode(json.substring(start.length(), json.length() - 2));
  }
}
