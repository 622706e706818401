package dev.meridian.account;

import dev.meridian.account.OidcException.Reason;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.OidcProvider;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * Sign-ins at providers of OpenID Connect. One that began is a document in {@code _signins} for
 * {@link #LIFE}, which any node can end, once: it has what the provider must not see before, the
 * verifier of PKCE, and the hash of a secret that the browser keeps. Who is sent here with
 * another's answer does not have that, so nobody is signed in as somebody else. Safe for any
 * thread.
 */
public final class ProviderSignIns {
  /** How long a sign-in may take. */
  public static final Duration LIFE = Duration.ofMinutes(10);

  private static final CollectionPath COLLECTION = CollectionPath.parse("_signins");
  private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();
  private static final int SECRET_BYTES = 32;

  /** What {@link #secret()} makes. */
  private static final Pattern SECRET = Pattern.compile("[A-Za-z0-9_-]{43}");

  private static final int MAX_CODE = 4_000;

  /** Providers are few; those that a site has no more are forgotten with all others. */
  private static final int MAX_CLIENTS = 100;

  private final Store store;
  private final InstantSource clock;
  private final Accounts accounts;
  private final SecureRandom random = new SecureRandom();
  private final ConcurrentHashMap<OidcProvider, OidcClient> clients = new ConcurrentHashMap<>();

  /** Those that end in {@code accounts}. */
  public ProviderSignIns(Store store, InstantSource clock, Accounts accounts) {
    this.store = store;
    this.clock = clock;
    this.accounts = accounts;
  }

  /**
   * A sign-in that began.
   *
   * @param to where the browser is sent
   * @param secret what it keeps
   */
  public record Begun(URI to, String secret) {
    /** Without the secret. */
    @Override
    public String toString() {
      return "Begun";
    }
  }

  /**
   * A sign-in that came back, and cannot come back again.
   *
   * @param next where the visitor wants to go then
   */
  public record Returned(String redirect, String nonce, String verifier, String next) {
    /** Without the secrets. */
    @Override
    public String toString() {
      return "Returned[" + next + "]";
    }
  }

  /**
   * Begins a sign-in.
   *
   * @param redirect where the provider sends the visitor back
   * @param next where they want to go then, a path of this site
   * @param kept secrets that the browser keeps of sign-ins that it began before: they go on
   * @throws OidcException of {@link Reason#UNAVAILABLE}
   */
  public Begun begin(OidcProvider provider, String redirect, String next, List<String> kept)
      throws OidcException {
    String state = secret();
    String nonce = secret();
    String verifier = secret();
    String browser =
        kept.stream()
            .filter(one -> SECRET.matcher(one).matches())
            .findFirst()
            .orElseGet(this::secret);
    URI to =
        client(provider)
            .authorization(redirect, state, nonce, ENCODER.encodeToString(sha256(verifier)));
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("provider", new Json.Str(provider.name()));
    members.put("issuer", new Json.Str(provider.issuer().toString()));
    members.put("browser", new Json.Str(HexFormat.of().formatHex(sha256(browser))));
    members.put("redirect", new Json.Str(redirect));
    members.put("nonce", new Json.Str(nonce));
    members.put("verifier", new Json.Str(verifier));
    members.put("next", new Json.Str(next));
    store.write(
        Batch.once(
            "sign-in",
            new Write.Put(
                path(state),
                new Json.Obj(members).toBytes(),
                Condition.ABSENT,
                new Expiry.At(clock.millis() + LIFE.toMillis()))));
    return new Begun(to, browser);
  }

  /**
   * Takes a sign-in that came back to its browser; nobody can again.
   *
   * @param secret what the browser kept
   * @return empty if there is none such, or it is of another browser or provider, or came back
   *     before
   */
  public Optional<Returned> take(OidcProvider provider, String state, String secret) {
    if (state.length() > MAX_CODE || secret.length() > MAX_CODE) {
      return Optional.empty();
    }
    Optional<Document> found = store.get(path(state), ReadOptions.STRONG);
    if (found.isEmpty()
        || !(Json.parse(found.get().json()) instanceof Json.Obj(Map<String, Json> members))
        || !text(members, "provider").equals(provider.name())
        || !text(members, "issuer").equals(provider.issuer().toString())
        || !MessageDigest.isEqual(
            HexFormat.of().parseHex(text(members, "browser")), sha256(secret))) {
      return Optional.empty();
    }
    try {
      store.write(
          Batch.once(
              "sign-in",
              new Write.Delete(path(state), Condition.ifMatch(found.get().version().etag()))));
    } catch (StoreException.PreconditionFailed e) {
      return Optional.empty();
    }
    return Optional.of(
        new Returned(
            text(members, "redirect"),
            text(members, "nonce"),
            text(members, "verifier"),
            text(members, "next")));
  }

  /**
   * Ends a sign-in: the user of who signed in at the provider, made if there is none.
   *
   * @param code what the provider gave
   * @param issuer what its answer names as the provider, if it does
   * @throws OidcException if it came to nothing
   * @throws AccountException of {@code DISABLED}, or {@code CLOSED} where nobody may sign up
   */
  public User end(
      OidcProvider provider,
      Returned returned,
      String code,
      Optional<String> issuer,
      AccountSettings settings)
      throws OidcException {
    if (code.isEmpty() || code.length() > MAX_CODE) {
      throw new OidcException(Reason.REFUSED, "there is no code");
    }
    OidcClient.SignedIn who =
        client(provider)
            .signedIn(code, issuer, returned.redirect(), returned.nonce(), returned.verifier());
    return accounts.signedIn(
        provider.name() + ":" + who.identity().subject(), who.identity(), who.claims(), settings);
  }

  private OidcClient client(OidcProvider provider) {
    if (clients.size() > MAX_CLIENTS) {
      clients.clear();
    }
    return clients.computeIfAbsent(provider, OidcClient::new);
  }

  private String secret() {
    byte[] bytes = new byte[SECRET_BYTES];
    random.nextBytes(bytes);
    return ENCODER.encodeToString(bytes);
  }

  private static String text(Map<String, Json> members, String name) {
    return members.get(name) instanceof Json.Str(String value) ? value : "";
  }

  /** The state is not in the store either. */
  private static DocumentPath path(String state) {
    return COLLECTION.document(HexFormat.of().formatHex(sha256(state)));
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}
