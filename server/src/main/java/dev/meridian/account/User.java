package dev.meridian.account;

import dev.meridian.document.Document;
import dev.meridian.document.Json;
import dev.meridian.document.Version;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A user as they were when they were read. Immutable.
 *
 * @param id names them for good; random, and no secret
 * @param name what they sign in with; of those who come from a provider, its name, a colon, and
 *     what it calls them. No two users have the same
 * @param roles what the operator says that they are
 * @param claims what the provider said of them when they last signed in; empty without one
 * @param identity who they are at the provider, if they come from one
 * @param disabled whether the operator lets them in no more
 * @param epoch counts what ends all their sessions: a new password, for one
 * @param created when the account was made
 * @param version of the document
 * @param hash of the password; empty for those who come from a provider
 * @param provisional whether the account was begun and not finished
 */
public record User(
    String id,
    String name,
    List<String> roles,
    Json.Obj claims,
    Optional<Identity> identity,
    boolean disabled,
    long epoch,
    Instant created,
    Version version,
    Optional<String> hash,
    boolean provisional) {
  static final String NAME = "name";
  static final String ROLES = "roles";
  static final String CLAIMS = "claims";
  static final String IDENTITY = "identity";
  static final String ISSUER = "issuer";
  static final String SUBJECT = "subject";
  static final String PROVIDER = "provider";
  static final String DISABLED = "disabled";
  static final String EPOCH = "epoch";
  static final String CREATED = "created";
  static final String PASSWORD = "password";

  /**
   * Who somebody is at a provider: the one thing that says it for good (OpenID Connect Core 1.0,
   * section 5.7).
   *
   * @param issuer the provider
   * @param subject what it calls them
   */
  public record Identity(String issuer, String subject) {}

  /** Copies. */
  public User {
    roles = List.copyOf(roles);
  }

  /** Without the hash. */
  @Override
  public String toString() {
    return "User[" + id + " " + name + "]";
  }

  /**
   * By which of the site's providers they come, if by one: what their name has before the colon.
   */
  public Optional<String> provider() {
    return identity.map(_ -> name.substring(0, Math.max(0, name.indexOf(':'))));
  }

  /** What they themselves, rules and templates see. */
  public Json.Obj json() {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("id", new Json.Str(id));
    members.put(NAME, new Json.Str(name));
    members.put(ROLES, roles(roles));
    members.put(CLAIMS, claims);
    provider().ifPresent(by -> members.put(PROVIDER, new Json.Str(by)));
    return new Json.Obj(members);
  }

  /** What the operator sees. */
  public Json.Obj about() {
    Map<String, Json> members = new LinkedHashMap<>(json().members());
    members.put(DISABLED, new Json.Bool(disabled));
    members.put(PASSWORD, new Json.Bool(hash.isPresent()));
    identity.ifPresent(
        known -> {
          members.put(ISSUER, new Json.Str(known.issuer()));
          members.put(SUBJECT, new Json.Str(known.subject()));
        });
    members.put(CREATED, new Json.Str(created.toString()));
    return new Json.Obj(members);
  }

  static Json roles(List<String> roles) {
    return new Json.Arr(roles.stream().map(role -> (Json) new Json.Str(role)).toList());
  }

  static User of(Document document) {
    Map<String, Json> members =
        Json.parse(document.json()) instanceof Json.Obj(Map<String, Json> all) ? all : Map.of();
    Optional<Identity> identity =
        members.get(IDENTITY) instanceof Json.Obj(Map<String, Json> who)
                && who.get(ISSUER) instanceof Json.Str(String issuer)
                && who.get(SUBJECT) instanceof Json.Str(String subject)
            ? Optional.of(new Identity(issuer, subject))
            : Optional.empty();
    return new User(
        document.path().id(),
        members.get(NAME) instanceof Json.Str(String name) ? name : "",
        members.get(ROLES) instanceof Json.Arr(List<Json> items)
            ? items.stream()
                .flatMap(
                    item ->
                        item instanceof Json.Str(String role)
                            ? Optional.of(role).stream()
                            : Optional.<String>empty().stream())
                .toList()
            : List.of(),
        members.get(CLAIMS) instanceof Json.Obj claims ? claims : new Json.Obj(Map.of()),
        identity,
        new Json.Bool(true).equals(members.get(DISABLED)),
        members.get(EPOCH) instanceof Json.Num epoch ? epoch.decimal().longValue() : 0,
        Instant.ofEpochMilli(
            members.get(CREATED) instanceof Json.Num created ? created.decimal().longValue() : 0),
        document.version(),
        members.get(PASSWORD) instanceof Json.Str(String hash)
            ? Optional.of(hash)
            : Optional.empty(),
        document.expiresAtMillis() != Document.NEVER);
  }
}
