package dev.meridian.session;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Filter;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.document.TooLargeException;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.IdempotencyKey;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.Page;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sessions of visitors: each a document in {@code _sessions} that all nodes share, so a session
 * outlives the node that made it. The visitor's browser has a cookie of which the store keeps a
 * hash alone: who reads the store, or a backup of it, can use no session.
 *
 * <p>Changes are patches, applied where the document is: concurrent ones lose nothing. None makes a
 * session that has ended anew. The bounds of {@link Attributes} are judged by the session as it was
 * read, so changes under way at the same moment may pass them by what they bring; a document's own
 * bound holds in any case.
 *
 * <p>Methods block. All of them throw {@link StoreException} for what the store cannot do. Safe for
 * any thread.
 */
public final class Sessions {
  /** How long a cookie that was replaced is still taken, for requests under way. */
  public static final Duration GRACE = Duration.ofSeconds(30);

  /**
   * The same as long as nobody has used the new one, for the answer with it may have been lost; not
   * where the user is another since.
   */
  public static final Duration UNUSED_GRACE = Duration.ofMinutes(10);

  /** Most messages that wait to be shown; the oldest give way. */
  public static final int MAX_MESSAGES = 16;

  /** Longest message, in bytes of UTF-8. */
  public static final int MAX_MESSAGE_BYTES = 1_000;

  /** Longest name of a user, in characters. */
  public static final int MAX_USER_CHARS = 200;

  private static final Logger LOG = LoggerFactory.getLogger(Sessions.class);
  private static final CollectionPath COLLECTION = CollectionPath.parse("_sessions");

  /** What the collection needs, to find the sessions of a user. */
  public static final IndexDefinition INDEX =
      new IndexDefinition(COLLECTION.toString(), List.of(Sort.parse(Session.USER)));

  /** Most sessions that are being renewed at once; the others are, when they are next used. */
  private static final int MAX_RENEWALS = 100;

  /** How often what lost a race is tried again. */
  private static final int ATTEMPTS = 8;

  private final Store store;
  private final InstantSource clock;
  private final CookieCodec codec;
  private final SecureRandom random = new SecureRandom();
  private final Counts counts = new Counts();

  /** Ids of the sessions that this node is renewing. */
  private final Set<String> renewing = ConcurrentHashMap.newKeySet();

  /** Those in {@code store}, by the clock by which it judges expiry. */
  public Sessions(Store store, InstantSource clock) {
    this.store = store;
    this.clock = clock;
    this.codec = new CookieCodec(new SigningKeys(store, clock));
  }

  /**
   * A session and the cookie for it.
   *
   * @param cookie the secret; it must get into no log
   * @param commit the write that made it so
   */
  public record Issued(Session session, String cookie, Commit commit) {
    /** Without the cookie. */
    @Override
    public String toString() {
      return "Issued[" + session.id() + "]";
    }
  }

  /**
   * What came of a cookie of ours.
   *
   * @param refusal why there is no session, if there is none
   */
  public record Loaded(Optional<Session> session, Optional<Refusal> refusal) {}

  /** What happened on this node. */
  public Counts counts() {
    return counts;
  }

  // Cookies

  /** Reads a cookie without asking the store; empty, and counted, if it is not ours. */
  public Optional<Claim> claim(String cookie) {
    CookieCodec.Read read = codec.read(cookie);
    if (read.refusal() != null) {
      counts.count(read.refusal());
    }
    return Optional.ofNullable(read.claim());
  }

  /** The cookie of what the visitor has seen; empty when the token is too long for one. */
  public String seenCookie(String id, SessionToken token) {
    return codec.seen(id, token);
  }

  /** What the visitor of that session has seen; nothing when that cookie is not ours. */
  public SessionToken seen(String id, String cookie) {
    return codec.readSeen(id, cookie);
  }

  /**
   * A text for the visitor's browser to keep, of no session, signed.
   *
   * @param purpose a word of letters: what is signed for one is good for no other
   * @param text at most 512 characters
   */
  public String signed(String purpose, String text) {
    return codec.signed(purpose, text);
  }

  /** The text of {@link #signed}; empty if it is not ours, or was signed for something else. */
  public Optional<String> readSigned(String purpose, String signed) {
    return Optional.ofNullable(codec.readSigned(purpose, signed));
  }

  /** What forms and scripts of the session's pages send to show that they are the site's. */
  public String csrfToken(Session session) {
    return codec.csrf(session.id(), session.presented());
  }

  /** Whether {@code token} is one of that session's: of its cookie, or the one before in time. */
  public boolean isCsrfToken(Session session, String token) {
    return codec.isCsrf(session.id(), session.presented(), token)
        || (session.previous().length > 0
            && clock.millis() < session.previousUntil()
            && codec.isCsrf(session.id(), session.previous(), token));
  }

  // Reading

  /**
   * The session of a cookie; none, and counted, when it has ended or the cookie was replaced.
   * Prolongs its life by a write of its own, now and then, which nobody waits for.
   *
   * @param seen what the visitor has seen
   * @param write whether the request writes: then the session is asked of the primary. Otherwise a
   *     replica that has not heard from it for {@link Store#MAX_AGE} shows it as nobody's, since it
   *     may have ended
   */
  public Loaded load(Claim claim, SessionToken seen, Lifetimes lifetimes, boolean write) {
    DocumentPath path = path(claim.id());
    Optional<Document> document = Optional.empty();
    Optional<Session> session = Optional.empty();
    if (!write) {
      document = store.get(path, ReadOptions.session(seen));
      session = document.flatMap(found -> admit(found, claim));
      if (session.isPresent() && store.stale().isPresent()) {
        session = session.map(Session::withoutUser);
      }
    }
    if (session.isEmpty()) {
      // A replica that lags behind must not end a session.
      document = store.get(path, ReadOptions.STRONG);
      session = document.flatMap(found -> admit(found, claim));
    }
    if (session.isEmpty()) {
      Refusal refusal = document.isPresent() ? Refusal.REPLAYED : Refusal.ENDED;
      counts.count(refusal);
      return new Loaded(Optional.empty(), Optional.of(refusal));
    }
    counts.count(Counts.Event.LOADED);
    renew(session.get(), lifetimes);
    return new Loaded(session, Optional.empty());
  }

  private Optional<Session> admit(Document document, Claim claim) {
    Map<String, Json> members = Session.members(document);
    if (MessageDigest.isEqual(Session.hash(members, Session.VERIFIER), claim.verifier())) {
      return Optional.of(Session.of(document));
    }
    return MessageDigest.isEqual(Session.hash(members, Session.PREVIOUS), claim.verifier())
            && clock.millis() < Session.number(members, Session.PREVIOUS_UNTIL)
        ? Optional.of(Session.replaced(document))
        : Optional.empty();
  }

  /** The session as the primary has it now; empty when it has ended. */
  public Optional<Session> current(Session session) {
    return store.get(path(session.id()), ReadOptions.STRONG).map(Session::of);
  }

  /** Makes the session live on, and ends the longer grace of the cookie before, where it is due. */
  private void renew(Session session, Lifetimes lifetimes) {
    long now = clock.millis();
    boolean due =
        lifetimes.isRenewalDue(
            now, session.expires().toEpochMilli(), session.ends().toEpochMilli());
    boolean arrived = !session.replaced() && session.previousUntil() > now + GRACE.toMillis();
    if (!(due || arrived) || renewing.size() >= MAX_RENEWALS || !renewing.add(session.id())) {
      return;
    }
    Patch patch =
        arrived
            ? Attributes.operations(
                Attributes.operation(
                    "add", "/" + Session.PREVIOUS_UNTIL, Json.Num.of(now + GRACE.toMillis())))
            : new Patch(Patch.Kind.MERGE, new byte[] {'{', '}'}, false);
    Thread.ofVirtual()
        .name("session-renewal")
        .start(
            () -> {
              try {
                // Of this state of it: another node, or a change, may have done it meanwhile.
                write(session, patch, Condition.ifMatch(session.version().etag()), null, lifetimes);
                counts.count(Counts.Event.RENEWED);
              } catch (StoreException e) {
                LOG.debug("A session is not renewed this time", e);
              } finally {
                renewing.remove(session.id());
              }
            });
  }

  // Changes

  /**
   * Makes a session, which ends within {@link Lifetimes#FIRST} unless it is loaded before.
   *
   * @param patch what is in it, as a change of one that is empty
   * @return empty when nothing would be in it: then there is none
   * @throws dev.meridian.document.InvalidInputException as by {@link #change}; {@code
   *     PatchException} if the patch does not fit an empty session
   */
  public Optional<Issued> create(Patch patch, Lifetimes lifetimes) {
    Json.Obj attributes = Attributes.exactlyAfter(new Json.Obj(Map.of()), patch);
    return attributes.members().isEmpty()
        ? Optional.empty()
        : Optional.of(create(attributes, List.of(), lifetimes));
  }

  /**
   * Makes a session that holds a message and nothing else.
   *
   * @throws TooLargeException if it is too long
   */
  public Issued createWithMessage(String message, Lifetimes lifetimes) {
    return create(new Json.Obj(Map.of()), List.of(new Json.Str(checkMessage(message))), lifetimes);
  }

  /**
   * The message, as it is.
   *
   * @throws TooLargeException if it is too long
   */
  public static String checkMessage(String message) {
    int bytes = message.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > MAX_MESSAGE_BYTES) {
      throw new TooLargeException(
          "A message has at most " + MAX_MESSAGE_BYTES + " bytes; this one has " + bytes + ".");
    }
    return message;
  }

  /**
   * Makes an empty session of a user.
   *
   * @param epoch the user's now
   */
  public Issued createFor(String user, long epoch, Lifetimes lifetimes) {
    return create(
        new Json.Obj(Map.of()), List.of(), Optional.of(checkUser(user)), epoch, lifetimes);
  }

  private static String checkUser(String user) {
    if (user.isEmpty() || user.length() > MAX_USER_CHARS) {
      throw new IllegalArgumentException("a user's name has 1 to " + MAX_USER_CHARS);
    }
    return user;
  }

  private Issued create(Json.Obj attributes, List<Json> flash, Lifetimes lifetimes) {
    return create(attributes, flash, Optional.empty(), 0, lifetimes);
  }

  private Issued create(
      Json.Obj attributes,
      List<Json> flash,
      Optional<String> user,
      long epoch,
      Lifetimes lifetimes) {
    byte[] selector = random();
    byte[] verifier = random();
    long now = clock.millis();
    long ends = now + lifetimes.absolute().toMillis();
    String id = HexFormat.of().formatHex(selector);
    // First, for without a key there is no session either.
    String cookie = codec.cookie(id, verifier);
    Map<String, Json> members = new LinkedHashMap<>();
    members.put(Session.VERIFIER, hex(CookieCodec.hash(verifier)));
    members.put(Session.CREATED, Json.Num.of(now));
    members.put(Session.ENDS, Json.Num.of(ends));
    members.put(Session.USER, user(user));
    if (user.isPresent()) {
      members.put(Session.EPOCH, Json.Num.of(epoch));
    }
    members.put(Session.ATTRIBUTES, attributes);
    members.put(Session.FLASH, new Json.Arr(flash));
    byte[] json = new Json.Obj(members).toBytes();
    Expiry.At expiry = new Expiry.At(lifetimes.first().expiry(now, ends));
    Commit commit = store.write(Batch.of(new Write.Put(path(id), json, Condition.ABSENT, expiry)));
    counts.count(Counts.Event.CREATED);
    Document made = new Document(path(id), commit.version(), expiry.millis(), json);
    return new Issued(Session.of(made), cookie, commit);
  }

  /**
   * Changes attributes.
   *
   * @param patch of the attributes
   * @param key makes trying again safe
   * @throws dev.meridian.document.InvalidInputException if the patch is none, or of names that
   *     attributes cannot have; {@code TooLargeException} if the session would hold too much
   * @throws StoreException.Rejected if the session has ended, or the patch does not fit
   */
  public Commit change(
      Session session, Patch patch, @Nullable IdempotencyKey key, Lifetimes lifetimes) {
    Attributes.check(session.attributes(), patch);
    Commit commit = write(session, Attributes.within(patch), Condition.NONE, key, lifetimes);
    counts.count(Counts.Event.CHANGED);
    return commit;
  }

  /**
   * Appends to an attribute that is a list, and makes the list if there is none.
   *
   * @throws StoreException.Rejected if the session has ended, or the attribute is something else
   */
  public Commit append(Session session, String name, Json value, Lifetimes lifetimes) {
    Patch append = Attributes.append(name, value);
    Patch make = Attributes.set(name, new Json.Arr(List.of(value)));
    for (int attempt = 1; ; attempt++) {
      Session now = attempt == 1 ? session : current(session).orElseThrow(() -> ended(session));
      boolean absent = !now.attributes().members().containsKey(name);
      Patch patch = absent ? make : append;
      Attributes.check(now.attributes(), patch);
      try {
        Commit commit =
            write(
                now,
                Attributes.within(patch),
                absent ? Condition.ifMatch(now.version().etag()) : Condition.NONE,
                null,
                lifetimes);
        counts.count(Counts.Event.CHANGED);
        return commit;
      } catch (StoreException.PreconditionFailed e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
      } catch (StoreException.Rejected e) {
        if (attempt == ATTEMPTS || e.reason() != StoreException.Rejected.Reason.PATCH_FAILED) {
          throw e;
        }
        if (current(session).map(s -> s.attributes().members().containsKey(name)).orElse(false)) {
          throw e;
        }
      }
    }
  }

  /**
   * Leaves a message for the next page that shows messages.
   *
   * @throws TooLargeException if it is too long
   * @throws StoreException.Rejected if the session has ended
   */
  public Commit message(Session session, String message, Lifetimes lifetimes) {
    Json add =
        Attributes.operation(
            "add", "/" + Session.FLASH + "/-", new Json.Str(checkMessage(message)));
    Json drop =
        new Json.Obj(
            Map.of("op", new Json.Str("remove"), "path", new Json.Str("/" + Session.FLASH + "/0")));
    for (int attempt = 1; ; attempt++) {
      Session now = attempt == 1 ? session : current(session).orElseThrow(() -> ended(session));
      Patch patch =
          now.flash().size() < MAX_MESSAGES
              ? Attributes.operations(add)
              : Attributes.operations(drop, add);
      try {
        return write(now, patch, Condition.NONE, null, lifetimes);
      } catch (StoreException.Rejected e) {
        // A page took them all: there is none to drop.
        if (attempt == ATTEMPTS || e.reason() != StoreException.Rejected.Reason.PATCH_FAILED) {
          throw e;
        }
      }
    }
  }

  /**
   * Takes the session's messages out of it.
   *
   * @return what did it, or empty when the session has others by now, or none: another page took
   *     them, or more were left
   */
  public Optional<Commit> takeMessages(Session session, Lifetimes lifetimes) {
    Patch patch =
        Attributes.operations(
            Attributes.operation("test", "/" + Session.FLASH, new Json.Arr(session.flash())),
            Attributes.operation("replace", "/" + Session.FLASH, new Json.Arr(List.of())));
    try {
      return Optional.of(
          write(session, patch, Condition.NONE, IdempotencyKey.unique("session"), lifetimes));
    } catch (StoreException.Rejected e) {
      return Optional.empty();
    }
  }

  /**
   * Gives the session another cookie and says whose it is from now on. The cookie before is taken
   * for {@link #GRACE} still, by which the session is seen as its former user's; where the user is
   * the same, until the new one is used and so long after, but no longer than {@link
   * #UNUSED_GRACE}.
   *
   * @param user who signed in; empty: nobody
   * @return empty when another request was first, or had been: its answer brought the new cookie
   * @throws StoreException.Rejected if the session has ended
   */
  public Optional<Issued> rotate(Session session, Optional<String> user, Lifetimes lifetimes) {
    user.ifPresent(Sessions::checkUser);
    Duration grace = user.equals(session.user()) ? UNUSED_GRACE : GRACE;
    return rotate(session, user, session.epoch(), session.user(), grace, lifetimes);
  }

  /**
   * Gives the session another cookie and says that {@code user} signed in, or proved again who they
   * are. The cookie before leads to nothing from now on: it may be known to others.
   *
   * @param epoch the user's now
   * @return empty when another request was first, or had been: its answer brought the new cookie
   * @throws StoreException.Rejected if the session has ended
   */
  public Optional<Issued> signIn(Session session, String user, long epoch, Lifetimes lifetimes) {
    Optional<String> now = Optional.of(checkUser(user));
    return rotate(session, now, epoch, Optional.empty(), Duration.ZERO, lifetimes);
  }

  /**
   * Rotates.
   *
   * @param before as whose the session is seen by the cookie before
   */
  private Optional<Issued> rotate(
      Session session,
      Optional<String> user,
      long epoch,
      Optional<String> before,
      Duration grace,
      Lifetimes lifetimes) {
    if (session.replaced()) {
      return Optional.empty();
    }
    byte[] verifier = random();
    String cookie = codec.cookie(session.id(), verifier);
    // Without a grace the cookie before is forgotten: by another node's clock it may be in time.
    byte[] previous = grace.isZero() ? new byte[0] : session.verifier();
    long until = grace.isZero() ? 0 : clock.millis() + grace.toMillis();
    Patch patch =
        Attributes.operations(
            Attributes.operation("test", "/" + Session.VERIFIER, hex(session.verifier())),
            Attributes.operation("add", "/" + Session.VERIFIER, hex(CookieCodec.hash(verifier))),
            Attributes.operation("add", "/" + Session.PREVIOUS, hex(previous)),
            Attributes.operation("add", "/" + Session.PREVIOUS_UNTIL, Json.Num.of(until)),
            Attributes.operation("add", "/" + Session.PREVIOUS_USER, user(before)),
            Attributes.operation("add", "/" + Session.EPOCH, Json.Num.of(epoch)),
            Attributes.operation("add", "/" + Session.USER, user(user)));
    Commit commit;
    try {
      commit = write(session, patch, Condition.NONE, IdempotencyKey.unique("session"), lifetimes);
    } catch (StoreException.Rejected e) {
      if (e.reason() == StoreException.Rejected.Reason.PATCH_FAILED) {
        return Optional.empty();
      }
      throw e;
    }
    counts.count(Counts.Event.ROTATED);
    Session now =
        new Session(
            session.id(),
            commit.version(),
            session.attributes(),
            session.flash(),
            user,
            epoch,
            session.created(),
            session.ends(),
            session.expires(),
            CookieCodec.hash(verifier),
            previous,
            until,
            Session.Access.CURRENT);
    return Optional.of(new Issued(now, cookie, commit));
  }

  private static Json user(Optional<String> user) {
    return user.<Json>map(Json.Str::new).orElse(Json.NULL);
  }

  /** Ends the session. One that has ended already is no error. */
  public Commit end(Session session) {
    return end(path(session.id()));
  }

  private Commit end(DocumentPath path) {
    Commit commit = store.write(Batch.of(new Write.Delete(path, Condition.NONE)));
    if (commit.results().getFirst().existed()) {
      counts.count(Counts.Event.ENDED);
    }
    return commit;
  }

  // For operators

  /**
   * A page of sessions.
   *
   * @param user whose; empty: all, by their ids
   * @param after {@link Page#next} of the page before; null for the first
   */
  public Page list(Optional<String> user, int limit, @Nullable String after) {
    Filter whose =
        user.map(name -> Filter.compile(Session.USER + " == " + literal(name))).orElse(null);
    return store.list(new Query(COLLECTION, whose, null, limit, after, 0), ReadOptions.STRONG);
  }

  /** What may be told of each session of a page. */
  public static List<Json> about(Page page) {
    List<Json> about = new ArrayList<>();
    page.documents().forEach(document -> about.add(Session.of(document).about()));
    return about;
  }

  /**
   * Ends one session.
   *
   * @param id its id; any text may be asked for
   * @return whether there was one
   */
  public boolean revoke(String id) {
    return id.matches("[0-9a-f]{32}") && end(path(id)).results().getFirst().existed();
  }

  /**
   * Ends all sessions of a user that there are when it is called.
   *
   * @return how many
   */
  public int revokeAll(String user) {
    return revokeAll(user, "");
  }

  /**
   * The same but for one.
   *
   * @param kept the id of a session that goes on
   */
  public int revokeAll(String user, String kept) {
    int ended = 0;
    String after = null;
    do {
      Page page = list(Optional.of(user), Query.MAX_LIMIT, after);
      for (Document document : page.documents()) {
        if (!document.path().id().equals(kept)) {
          ended += end(document.path()).results().getFirst().existed() ? 1 : 0;
        }
      }
      after = page.next();
    } while (after != null);
    return ended;
  }

  /** A text of CEL. JSON's escapes are among CEL's. */
  private static String literal(String text) {
    return new String(new Json.Str(text).toBytes(), StandardCharsets.UTF_8);
  }

  private Commit write(
      Session session,
      Patch patch,
      Condition condition,
      @Nullable IdempotencyKey key,
      Lifetimes lifetimes) {
    Expiry expiry = new Expiry.At(lifetimes.expiry(clock.millis(), session.ends().toEpochMilli()));
    return store.write(
        new Batch(
            List.of(new Write.Patch(path(session.id()), patch, condition, expiry)), key, false));
  }

  private static StoreException.Rejected ended(Session session) {
    return new StoreException.Rejected(
        StoreException.Rejected.Reason.NOT_FOUND, "The session " + session.id() + " has ended.");
  }

  private byte[] random() {
    byte[] bytes = new byte[CookieCodec.PART_BYTES];
    random.nextBytes(bytes);
    return bytes;
  }

  private static Json hex(byte[] bytes) {
    return new Json.Str(HexFormat.of().formatHex(bytes));
  }

  private static DocumentPath path(String id) {
    return COLLECTION.document(id);
  }
}
