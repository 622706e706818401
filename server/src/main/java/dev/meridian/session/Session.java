package dev.meridian.session;

import dev.meridian.document.Document;
import dev.meridian.document.Json;
import dev.meridian.document.Version;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A session as it was when it was read. Immutable.
 *
 * @param id names it; no secret
 * @param version of its document
 * @param attributes what the visitor's pages keep in it
 * @param flash messages that no page has shown yet, the oldest first
 * @param user whose it is, once somebody signed in
 * @param epoch which of the user's epochs they signed in at: it counts only as long as that lasts
 * @param created when it was made
 * @param ends when it ends, whatever happens
 * @param expires when it ends if nobody uses it
 * @param verifier the hash of the cookie's secret part
 * @param previous the hash of that of the cookie before; empty if there was none
 * @param previousUntil until when the cookie before is taken, in milliseconds since 1970
 * @param access with which cookie it was asked for
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
public record Session(
    String id,
    Version version,
    Json.Obj attributes,
    List<Json> flash,
    Optional<String> user,
    long epoch,
    Instant created,
    Instant ends,
    Instant expires,
    byte[] verifier,
    byte[] previous,
    long previousUntil,
    Access access) {
  /** The members of a session's document. */
  static final String ATTRIBUTES = "attributes";

  static final String FLASH = "flash";
  static final String USER = "user";
  static final String EPOCH = "epoch";
  static final String CREATED = "created";
  static final String ENDS = "ends";
  static final String VERIFIER = "verifier";
  static final String PREVIOUS = "previous";
  static final String PREVIOUS_UNTIL = "previousUntil";
  static final String PREVIOUS_USER = "previousUser";

  /** With which cookie a session was asked for. */
  public enum Access {
    /** The one that it has. */
    CURRENT,
    /** The one before, within the grace. */
    REPLACED,
    /**
     * The one before, and the user is another since: who has it sees the user, and no message, from
     * before, and changes nothing.
     */
    OUTDATED
  }

  /** Copies. */
  public Session {
    flash = List.copyOf(flash);
  }

  /** What the operator may know of it: not what is in it. */
  public Json.Obj about() {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("id", new Json.Str(id));
    members.put(USER, user.<Json>map(Json.Str::new).orElse(Json.NULL));
    members.put(CREATED, new Json.Str(created.toString()));
    members.put("expires", new Json.Str(expires.toString()));
    members.put(ENDS, new Json.Str(ends.toString()));
    members.put("attributes", Json.Num.of(attributes.members().size()));
    members.put("bytes", Json.Num.of(attributes.toBytes().length));
    return new Json.Obj(members);
  }

  static Session of(Document document) {
    Map<String, Json> members = members(document);
    return new Session(
        document.path().id(),
        document.version(),
        members.get(ATTRIBUTES) instanceof Json.Obj attributes
            ? attributes
            : new Json.Obj(Map.of()),
        members.get(FLASH) instanceof Json.Arr(List<Json> flash) ? flash : List.of(),
        text(members, USER),
        number(members, EPOCH),
        Instant.ofEpochMilli(number(members, CREATED)),
        Instant.ofEpochMilli(number(members, ENDS)),
        Instant.ofEpochMilli(document.expiresAtMillis()),
        hash(members, VERIFIER),
        hash(members, PREVIOUS),
        number(members, PREVIOUS_UNTIL),
        Access.CURRENT);
  }

  /** The same for who has the cookie from before. */
  static Session replaced(Document document) {
    Session now = of(document);
    Optional<String> before = text(members(document), PREVIOUS_USER);
    boolean same = before.equals(now.user);
    return now.with(same ? now.flash : List.of(), before, same ? Access.REPLACED : Access.OUTDATED);
  }

  /** The same as nobody's. */
  public Session withoutUser() {
    return with(flash, Optional.empty(), access);
  }

  /** Whether it was asked for with the cookie before. */
  public boolean replaced() {
    return access != Access.CURRENT;
  }

  /** The hash of the secret part of the cookie that it was asked for with. */
  byte[] presented() {
    return replaced() ? previous : verifier;
  }

  private Session with(List<Json> messages, Optional<String> seenUser, Access by) {
    return new Session(
        id,
        version,
        attributes,
        messages,
        seenUser,
        epoch,
        created,
        ends,
        expires,
        verifier,
        previous,
        previousUntil,
        by);
  }

  static Map<String, Json> members(Document document) {
    return Json.parse(document.json()) instanceof Json.Obj(Map<String, Json> members)
        ? members
        : Map.of();
  }

  static long number(Map<String, Json> members, String name) {
    return members.get(name) instanceof Json.Num number ? number.decimal().longValue() : 0;
  }

  /** Empty when there is none, which is the hash of nothing. */
  static byte[] hash(Map<String, Json> members, String name) {
    return text(members, name).map(HexFormat.of()::parseHex).orElse(new byte[0]);
  }

  private static Optional<String> text(Map<String, Json> members, String name) {
    return members.get(name) instanceof Json.Str(String value)
        ? Optional.of(value)
        : Optional.empty();
  }
}
