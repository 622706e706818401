package dev.meridian.account;

import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.Resource;
import com.nimbusds.jwt.JWTClaimsSet;
import dev.meridian.account.OidcException.Reason;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.site.OidcProvider;
import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * This site as a client of one provider: the authorization code flow of OpenID Connect with PKCE
 * (RFC 7636, S256). What the provider says of itself (Discovery 1.0) is kept for {@link #FRESH},
 * and for {@link #USABLE} where it cannot be asked. Safe for any thread.
 */
final class OidcClient {
  static final Duration FRESH = Duration.ofMinutes(10);

  static final Duration USABLE = Duration.ofHours(24);

  /** A provider that was down is not asked again before. */
  private static final Duration PAUSE = Duration.ofSeconds(2);

  private static final Duration KEYS_FRESH = Duration.ofMinutes(15);

  private static final int MAX_SECRET_BYTES = 4 << 10;
  private static final int MAX_TEXT = 500;
  private static final String ERROR = "[a-z_]{1,50}";

  /** Of what a provider says of a user, the rest is left. */
  private static final List<String> TEXTS =
      List.of("name", "preferred_username", "given_name", "family_name", "email", "locale");

  private final OidcProvider provider;
  private final ReentrantLock asking = new ReentrantLock();
  private volatile @Nullable Known known;

  /** Guarded by {@code asking}. */
  private long failedNanos = System.nanoTime() - PAUSE.toNanos();

  /** What a provider says of itself. */
  private record Known(
      URI authorization,
      URI token,
      boolean secretInBody,
      boolean namesItself,
      URI keys,
      IdTokens tokens,
      long atNanos) {}

  /**
   * Who somebody is.
   *
   * @param claims what else is said of them
   */
  record SignedIn(User.Identity identity, Json.Obj claims) {}

  OidcClient(OidcProvider provider) {
    this.provider = provider;
  }

  OidcProvider provider() {
    return provider;
  }

  /**
   * Where the visitor's browser is sent.
   *
   * @param challenge of PKCE's verifier, by S256
   */
  URI authorization(String redirect, String state, String nonce, String challenge)
      throws OidcException {
    URI endpoint = discover().authorization;
    Map<String, String> parameters = new LinkedHashMap<>();
    parameters.put("response_type", "code");
    parameters.put("client_id", provider.clientId());
    parameters.put("redirect_uri", redirect);
    parameters.put("scope", String.join(" ", provider.scopes()));
    parameters.put("state", state);
    parameters.put("nonce", nonce);
    parameters.put("code_challenge", challenge);
    parameters.put("code_challenge_method", "S256");
    String separator = endpoint.getRawQuery() == null ? "?" : "&";
    return URI.create(endpoint + separator + form(parameters));
  }

  /**
   * Exchanges a code for who signed in.
   *
   * @param issuer what the answer names as the provider (RFC 9207), if it does
   * @param verifier of PKCE
   */
  SignedIn signedIn(
      String code, Optional<String> issuer, String redirect, String nonce, String verifier)
      throws OidcException {
    Known now = discover();
    // Another provider's answer, sent here to get its code from us (RFC 9207, section 2.4).
    if (issuer.isEmpty() ? now.namesItself : !issuer.get().equals(provider.issuer().toString())) {
      throw new OidcException(Reason.REFUSED, "the answer is another provider's");
    }
    Map<String, String> parameters = new LinkedHashMap<>();
    parameters.put("grant_type", "authorization_code");
    parameters.put("code", code);
    parameters.put("redirect_uri", redirect);
    parameters.put("code_verifier", verifier);
    HttpRequest.Builder request =
        BoundedHttp.request(now.token).header("Content-Type", "application/x-www-form-urlencoded");
    Optional<String> secret = secret();
    if (secret.isPresent() && !now.secretInBody) {
      // RFC 6749, section 2.3.1: both are encoded first.
      String pair = encode(provider.clientId()) + ":" + encode(secret.get());
      request.header(
          "Authorization",
          "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.US_ASCII)));
    } else {
      parameters.put("client_id", provider.clientId());
      secret.ifPresent(text -> parameters.put("client_secret", text));
    }
    HttpResponse<byte[]> answer =
        BoundedHttp.send(
            request.POST(HttpRequest.BodyPublishers.ofString(form(parameters))).build());
    if (answer.statusCode() >= 500) {
      throw new OidcException(
          Reason.UNAVAILABLE, "status " + answer.statusCode() + " for the code");
    }
    Map<String, Json> members = object(answer.body());
    if (answer.statusCode() != 200) {
      throw new OidcException(
          Reason.REFUSED,
          "status "
              + answer.statusCode()
              + " for the code"
              // What else they send is not for a log.
              + (members.get("error") instanceof Json.Str(String error) && error.matches(ERROR)
                  ? ": " + error
                  : ""));
    }
    if (!(members.get("id_token") instanceof Json.Str(String token))) {
      throw new OidcException(Reason.UNAVAILABLE, "there is no ID token for the code");
    }
    JWTClaimsSet claims = now.tokens.check(token, nonce);
    return new SignedIn(
        new User.Identity(provider.issuer().toString(), claims.getSubject()), kept(claims));
  }

  private static Json.Obj kept(JWTClaimsSet claims) {
    Map<String, Json> members = new LinkedHashMap<>();
    for (String name : TEXTS) {
      if (claims.getClaim(name) instanceof String text && text.length() <= MAX_TEXT) {
        members.put(name, new Json.Str(text));
      }
    }
    if (claims.getClaim("email_verified") instanceof Boolean verified) {
      members.put("email_verified", new Json.Bool(verified));
    }
    return new Json.Obj(members);
  }

  private Optional<String> secret() throws OidcException {
    if (provider.clientSecretFile().isEmpty()) {
      return Optional.empty();
    }
    try (InputStream in = Files.newInputStream(provider.clientSecretFile().get())) {
      String text = new String(in.readNBytes(MAX_SECRET_BYTES), StandardCharsets.UTF_8).strip();
      if (!text.isEmpty()) {
        return Optional.of(text);
      }
    } catch (IOException e) {
      throw new OidcException(Reason.UNAVAILABLE, "the client's secret cannot be read: " + e, e);
    }
    throw new OidcException(Reason.UNAVAILABLE, "the file of the client's secret is empty");
  }

  // Discovery

  private Known discover() throws OidcException {
    Known last = known;
    Known before =
        last != null && System.nanoTime() - last.atNanos < USABLE.toNanos() ? last : null;
    if (before != null && System.nanoTime() - before.atNanos < FRESH.toNanos()) {
      return before;
    }
    boolean first;
    try {
      // Whoever has something to go on with does so while another asks.
      first =
          asking.tryLock(before == null ? BoundedHttp.TIME.toMillis() : 0, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new OidcException(Reason.UNAVAILABLE, "interrupted", e);
    }
    if (!first) {
      if (before != null) {
        return before;
      }
      throw new OidcException(Reason.UNAVAILABLE, "others wait for the provider already");
    }
    try {
      Known now = known;
      if (now != null && now != last) {
        return now;
      }
      if (System.nanoTime() - failedNanos < PAUSE.toNanos()) {
        throw new OidcException(Reason.UNAVAILABLE, "it could not be reached a moment ago");
      }
      try {
        Known asked = ask(before);
        known = asked;
        return asked;
      } catch (OidcException e) {
        failedNanos = System.nanoTime();
        throw e;
      }
    } catch (OidcException e) {
      if (before != null) {
        return before;
      }
      throw e;
    } finally {
      asking.unlock();
    }
  }

  private Known ask(@Nullable Known before) throws OidcException {
    String issuer = provider.issuer().toString();
    URI address = URI.create(issuer.replaceFirst("/$", "") + "/.well-known/openid-configuration");
    HttpResponse<byte[]> answer = BoundedHttp.send(BoundedHttp.request(address).build());
    if (answer.statusCode() != 200) {
      throw new OidcException(
          Reason.UNAVAILABLE, "status " + answer.statusCode() + " at " + address);
    }
    Map<String, Json> members = object(answer.body());
    if (!new Json.Str(issuer).equals(members.get("issuer"))) {
      throw new OidcException(
          Reason.UNAVAILABLE,
          address + " is of the issuer " + members.get("issuer") + " and not of " + issuer);
    }
    boolean secretInBody =
        members.get("token_endpoint_auth_methods_supported") instanceof Json.Arr(List<Json> methods)
            && !methods.contains(new Json.Str("client_secret_basic"))
            && methods.contains(new Json.Str("client_secret_post"));
    URI keys = endpoint(members, "jwks_uri");
    boolean namesItself =
        new Json.Bool(true).equals(members.get("authorization_response_iss_parameter_supported"));
    return new Known(
        endpoint(members, "authorization_endpoint"),
        endpoint(members, "token_endpoint"),
        secretInBody,
        namesItself,
        keys,
        // The keys that were fetched are good as long as they are where they were.
        before != null && before.keys.equals(keys) ? before.tokens : tokens(keys),
        System.nanoTime());
  }

  /** Those of the provider, whose keys are fetched anew when one signs that is not known. */
  private IdTokens tokens(URI keys) throws OidcException {
    try {
      return new IdTokens(
          provider.issuer().toString(),
          provider.clientId(),
          JWKSourceBuilder.<SecurityContext>create(
                  keys.toURL(),
                  url -> {
                    try {
                      HttpResponse<byte[]> answer =
                          BoundedHttp.send(BoundedHttp.request(url.toURI()).build());
                      if (answer.statusCode() != 200) {
                        throw new IOException("status " + answer.statusCode() + " at " + url);
                      }
                      return new Resource(
                          new String(answer.body(), StandardCharsets.UTF_8), "application/json");
                    } catch (OidcException | URISyntaxException e) {
                      throw new IOException(e);
                    }
                  })
              .cache(KEYS_FRESH.toMillis(), 3 * BoundedHttp.TIME.toMillis())
              .rateLimited(true)
              .retrying(false)
              .build());
    } catch (MalformedURLException e) {
      throw new OidcException(Reason.UNAVAILABLE, keys + " is no address", e);
    }
  }

  private URI endpoint(Map<String, Json> members, String name) throws OidcException {
    String text = members.get(name) instanceof Json.Str(String value) ? value : "";
    try {
      URI uri = new URI(text);
      // Plain http only where the operator said so, and that is on loopback.
      boolean secure = "https".equals(uri.getScheme());
      boolean asIssuer =
          "http".equals(uri.getScheme())
              && "http".equals(provider.issuer().getScheme())
              && provider.issuer().getHost().equals(uri.getHost());
      if (uri.getHost() != null
          && uri.getRawUserInfo() == null
          && uri.getRawFragment() == null
          && (secure || asIssuer)) {
        return uri;
      }
    } catch (URISyntaxException e) {
      // Said below.
    }
    throw new OidcException(Reason.UNAVAILABLE, "its " + name + " is no https address: " + text);
  }

  private static Map<String, Json> object(byte[] body) throws OidcException {
    try {
      if (Json.parse(body) instanceof Json.Obj(Map<String, Json> members)) {
        return members;
      }
    } catch (InvalidInputException e) {
      throw new OidcException(Reason.UNAVAILABLE, "it does not answer in JSON", e);
    }
    throw new OidcException(Reason.UNAVAILABLE, "it does not answer with an object");
  }

  private static String form(Map<String, String> parameters) {
    StringBuilder form = new StringBuilder();
    parameters.forEach(
        (name, value) ->
            form.append(form.isEmpty() ? "" : "&").append(name).append('=').append(encode(value)));
    return form.toString();
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}
