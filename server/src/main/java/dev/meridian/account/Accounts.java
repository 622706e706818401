package dev.meridian.account;

import dev.meridian.account.AccountCounts.Result;
import dev.meridian.account.AccountException.Reason;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Ids;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.AccountSettings.AttemptLimit;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.IdempotencyKey;
import dev.meridian.store.Page;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The accounts of users: each a document in {@code _users} under an id of its own, and one in
 * {@code _logins} that leads to it, under the hash of the name that they sign in with, or of who
 * they are at a provider. That document is made where there is none, so no two users have one name.
 *
 * <p>The two are in different trees, so they are not written at once. A new user expires, then the
 * name is made to lead to it, then it stays. Where that breaks off, a name may be left that leads
 * to nobody: the next who wants it gets it.
 *
 * <p>Methods block. All of them throw {@link StoreException} for what the store cannot do, and
 * {@link AccountException} for why somebody is not let in. Safe for any thread.
 */
public final class Accounts {
  /** Most roles of a user. */
  public static final int MAX_ROLES = 50;

  private static final Logger LOG = LoggerFactory.getLogger(Accounts.class);
  private static final CollectionPath USERS = CollectionPath.parse("_users");
  private static final CollectionPath LOGINS = CollectionPath.parse("_logins");
  private static final String USER = "user";
  private static final Pattern ROLE = Pattern.compile("[a-z][a-z0-9-]{0,31}");
  private static final int ID_BYTES = 16;
  private static final String WRITER = "account";

  /** How long an account may take to be made. */
  private static final Duration PROVISIONAL = Duration.ofMinutes(15);

  /** How often what lost a race is tried again. */
  private static final int RACES = 4;

  private final Store store;
  private final InstantSource clock;
  private final SecureRandom random = new SecureRandom();
  private final PasswordHasher hasher;
  private final Attempts attempts;
  private final AccountCounts counts;

  /**
   * A browser by which a user has signed in; it counts as long as the user's epoch lasts, so a new
   * password makes strangers of all browsers.
   *
   * @param user their id
   * @param epoch theirs when they signed in
   * @param id names the browser; random
   */
  public record Device(String user, long epoch, String id) {
    private static final Pattern TEXT =
        Pattern.compile("([0-9a-f]{32})\\.([0-9]{1,18})\\.([0-9A-Z]{1,40})");

    /** A browser that has just become one of this user's. */
    public static Device of(User user) {
      return new Device(user.id(), user.epoch(), new Ids().next());
    }

    /** What {@link #text} gave; empty if that is none. */
    public static Optional<Device> parse(String text) {
      Matcher matcher = TEXT.matcher(text);
      return matcher.matches()
          ? Optional.of(
              new Device(matcher.group(1), Long.parseLong(matcher.group(2)), matcher.group(3)))
          : Optional.empty();
    }

    /** For the browser to keep, signed. */
    public String text() {
      return user + '.' + epoch + '.' + id;
    }

    /** Whether it is one of this user's, as they are now. */
    public boolean isOf(User known) {
      return user.equals(known.id()) && epoch == known.epoch();
    }
  }

  /** Those in {@code store}, by the clock by which it judges expiry. */
  public Accounts(Store store, InstantSource clock) {
    this(store, clock, new PasswordHasher());
  }

  Accounts(Store store, InstantSource clock, PasswordHasher hasher) {
    this.store = store;
    this.clock = clock;
    this.hasher = hasher;
    this.attempts = new Attempts(store, clock);
    this.counts = new AccountCounts(hasher::waiting);
  }

  /**
   * Why passwords cannot be hashed on this node at what the site wants that to cost, if they
   * cannot; until that is mended, all of them are {@link Reason#BUSY}.
   */
  public Optional<String> tooDear(AccountSettings settings) {
    return hasher.tooDear(settings.hashCost());
  }

  /** What happened on this node. */
  public AccountCounts counts() {
    return counts;
  }

  // Reading

  /** The user of this id; any text may be asked for. */
  public Optional<User> find(String id, ReadOptions options) {
    return LoginName.ID.matcher(id).matches()
        ? store.get(user(id), options).map(User::of)
        : Optional.empty();
  }

  /** The user of this id or, if there is none, of this name. */
  public Optional<User> findByIdOrName(String text) {
    return find(text, ReadOptions.STRONG)
        // What no name can be, those who come from a provider have.
        .or(() -> byLogin(nameKey(LoginName.parse(text).orElse(text))));
  }

  private Optional<User> byLogin(String key) {
    return byLogin(key, ReadOptions.STRONG);
  }

  private Optional<User> byLogin(String key, ReadOptions options) {
    return store
        .get(LOGINS.document(key), options)
        .flatMap(Accounts::leadsTo)
        .flatMap(id -> find(id, options));
  }

  /** The browser, if it is one of the user's of that name, as far as this node's replica knows. */
  public Optional<Device> own(String text, Optional<Device> device) {
    return device.filter(
        one ->
            LoginName.parse(text)
                .flatMap(name -> byLogin(nameKey(name), ReadOptions.SESSION))
                .filter(one::isOf)
                .isPresent());
  }

  private static Optional<String> leadsTo(Document login) {
    return Json.parse(login.json()) instanceof Json.Obj(Map<String, Json> members)
            && members.get(USER) instanceof Json.Str(String id)
        ? Optional.of(id)
        : Optional.empty();
  }

  /**
   * A page of users, by their ids.
   *
   * @param after {@link Page#next} of the page before; null for the first
   */
  public Page list(int limit, @Nullable String after) {
    return store.list(new Query(USERS, null, null, limit, after, 0), ReadOptions.STRONG);
  }

  /** What may be told the operator of each user of a page. */
  public static List<Json> about(Page page) {
    List<Json> about = new ArrayList<>();
    page.documents().forEach(document -> about.add(User.of(document).about()));
    return about;
  }

  // Passwords

  /**
   * The user of that name, if the password is theirs. Takes the same time whether there is such a
   * user or not, and counts what is wrong: for the browser, if the user signed in by it before and
   * has the same password since, or else for the name. So others can keep a user out of browsers
   * that are new to them, and of no other. Where wrong ones used all attempts up meanwhile, the
   * right one is {@code LIMITED} as well.
   *
   * @param device what the browser has from a sign-in before, if it has
   * @throws AccountException of {@link Reason#WRONG}, {@code DISABLED}, {@code LIMITED} or {@code
   *     BUSY}
   */
  public User signIn(
      String text, String password, Optional<Device> device, AccountSettings settings) {
    String prepared = forChecking(password);
    Optional<String> login = LoginName.parse(text);
    // What is nobody's name is counted as well, for it is answered as well.
    String name = nameKey(login.orElse(""));
    Optional<User> found = login.isEmpty() ? Optional.empty() : byLogin(name);
    if (found.isEmpty()) {
      // As if there were one.
      find("0".repeat(2 * ID_BYTES), ReadOptions.STRONG);
    }
    Optional<Device> own = device.filter(one -> found.filter(one::isOf).isPresent());
    String key = own.map(one -> key("device:" + one.id())).orElse(name);
    checkLimit(key, settings, ReadOptions.SESSION);
    Optional<String> known = found.flatMap(User::hash);
    boolean right = verify(prepared, known.orElseGet(() -> nobodys(settings)), own.isPresent());
    if (!right || known.isEmpty() || prepared.isEmpty()) {
      throw wrong(key, settings);
    }
    // Those that were under way beside it count before it, or it would be one guess too many.
    checkLimit(key, settings, ReadOptions.STRONG);
    User user = found.get();
    if (user.disabled()) {
      throw refused(Result.DISABLED, Reason.DISABLED);
    }
    counts.count(Result.OK);
    if (user.provisional()) {
      user = stay(user);
    }
    return PasswordHasher.isOutdated(known.get(), settings.hashCost())
        ? rehash(user, prepared, known.get(), settings)
        : user;
  }

  /** What can be no password is a wrong one here. */
  private static String forChecking(String password) {
    try {
      return Passwords.prepare(password);
    } catch (InvalidInputException e) {
      return "";
    }
  }

  private void checkLimit(String key, AccountSettings settings, ReadOptions options) {
    if (settings.rateLimit().isPresent()) {
      Duration wait = attempts.left(key, settings.rateLimit().get(), options);
      if (wait.isPositive()) {
        throw limited(wait);
      }
    }
  }

  private AccountException limited(Duration wait) {
    counts.count(Result.LIMITED);
    return new AccountException(Reason.LIMITED, wait);
  }

  private AccountException wrong(String key, AccountSettings settings) {
    Duration wait =
        settings
            .rateLimit()
            .map((AttemptLimit limit) -> attempts.wrong(key, limit))
            .orElse(Duration.ZERO);
    return wait.isPositive() ? limited(wait) : refused(Result.WRONG, Reason.WRONG);
  }

  private AccountException refused(Result result, Reason reason) {
    counts.count(result);
    return new AccountException(reason);
  }

  /** A hash of no password that costs as much as a true one. */
  private String nobodys(AccountSettings settings) {
    Base64.Encoder encoder = Base64.getEncoder().withoutPadding();
    var cost = settings.hashCost();
    return "$argon2id$v=19$m="
        + cost.memoryKiB()
        + ",t="
        + cost.iterations()
        + ",p="
        + cost.parallelism()
        + "$"
        + encoder.encodeToString(random(16))
        + "$"
        + encoder.encodeToString(random(32));
  }

  private boolean verify(String password, String hash, boolean known) {
    return timed(() -> hasher.verify(password, hash, known));
  }

  private String hash(String password, AccountSettings settings, boolean known) {
    return timed(() -> hasher.hash(password, settings.hashCost(), known));
  }

  private <T> T timed(Supplier<T> hashing) {
    long start = System.nanoTime();
    try {
      T result = hashing.get();
      counts.hashed(System.nanoTime() - start);
      return result;
    } catch (PasswordHasher.BusyException e) {
      throw refused(Result.BUSY, Reason.BUSY);
    }
  }

  /** The same password at what hashes cost now. What cannot be done now is done next time. */
  private User rehash(User user, String password, String old, AccountSettings settings) {
    try {
      String hash = hasher.hash(password, settings.hashCost(), false);
      return change(
          user,
          operation("test", User.PASSWORD, new Json.Str(old)),
          operation("add", User.PASSWORD, new Json.Str(hash)));
    } catch (PasswordHasher.BusyException | AccountException | StoreException.Unavailable e) {
      LOG.debug("A password is not hashed anew this time", e);
      return user;
    }
  }

  /**
   * Makes an account.
   *
   * @param site words that a password may not be: the site's names
   * @throws InvalidInputException if the name or the password is none, or the password too easy
   * @throws AccountException of {@link Reason#TAKEN} or {@code BUSY}
   */
  public User signUp(String name, String password, Set<String> site, AccountSettings settings) {
    return create(name, password, List.of(), site, settings, false);
  }

  /** The same with roles, for the operator. */
  public User create(
      String name,
      String password,
      List<String> roles,
      Set<String> site,
      AccountSettings settings) {
    return create(name, password, roles, site, settings, true);
  }

  private User create(
      String name,
      String password,
      List<String> roles,
      Set<String> site,
      AccountSettings settings,
      boolean operator) {
    String login = LoginName.of(name);
    String prepared = checkNew(login, password, site, settings);
    checkRoles(roles);
    // Before it is looked whether the name is taken: either takes the same time.
    String hash = hash(prepared, settings, operator);
    Map<String, Json> members = new LinkedHashMap<>();
    members.put(User.NAME, new Json.Str(login));
    members.put(User.PASSWORD, new Json.Str(hash));
    members.put(User.ROLES, User.roles(roles));
    return create(List.of(nameKey(login)), members)
        .orElseThrow(() -> new AccountException(Reason.TAKEN));
  }

  private static String checkNew(
      String login, String password, Set<String> site, AccountSettings settings) {
    Set<String> own = new HashSet<>(site);
    own.add(login);
    own.add(login.substring(0, (login + "@").indexOf('@')));
    return Passwords.checkNew(password, settings.passwordLength(), own);
  }

  /**
   * Gives the user another password and ends all their sessions: the epoch is another. What is
   * wrong is counted for the user who is signed in, apart from sign-ins: who knows a name alone
   * keeps nobody from this.
   *
   * @param user who is signed in
   * @param old the one that they have
   * @return the user as they are now
   * @throws InvalidInputException if the new one is none, or too easy
   * @throws AccountException of {@link Reason#WRONG}, {@code LIMITED}, {@code BUSY} or {@code
   *     CHANGED}
   */
  public User changePassword(
      User user, String old, String password, Set<String> site, AccountSettings settings) {
    String prepared = checkNew(user.name(), password, site, settings);
    String key = key("user:" + user.id());
    checkLimit(key, settings, ReadOptions.SESSION);
    String known = user.hash().orElseGet(() -> nobodys(settings));
    String given = forChecking(old);
    if (!verify(given, known, true) || user.hash().isEmpty() || given.isEmpty()) {
      throw wrong(key, settings);
    }
    checkLimit(key, settings, ReadOptions.STRONG);
    counts.count(Result.OK);
    return change(
        user,
        operation("test", User.PASSWORD, new Json.Str(known)),
        operation("add", User.PASSWORD, new Json.Str(hash(prepared, settings, true))),
        operation("add", User.EPOCH, Json.Num.of(user.epoch() + 1)));
  }

  // Providers

  /**
   * The user who is {@code identity} at a provider, made if there is none.
   *
   * @param name what they are called here
   * @param claims what the provider says of them now
   * @throws AccountException of {@link Reason#DISABLED}, {@code CLOSED} where nobody may sign up,
   *     or {@code OTHER_ISSUER} where that name is another's: two people must not have one
   */
  User signedIn(String name, User.Identity identity, Json.Obj claims, AccountSettings settings) {
    String key = identityKey(identity);
    Optional<User> found = byLogin(key);
    if (found.isEmpty()) {
      if (!settings.signUp()) {
        throw refused(Result.WRONG, Reason.CLOSED);
      }
      Map<String, Json> members = new LinkedHashMap<>();
      members.put(User.NAME, new Json.Str(name));
      members.put(User.ROLES, User.roles(List.of()));
      members.put(User.CLAIMS, claims);
      members.put(
          User.IDENTITY,
          new Json.Obj(
              Map.of(
                  User.ISSUER,
                  new Json.Str(identity.issuer()),
                  User.SUBJECT,
                  new Json.Str(identity.subject()))));
      // Or another request of theirs was first.
      found = create(keys(name, Optional.of(identity)), members).or(() -> byLogin(key));
      if (found.isEmpty()
          && byLogin(nameKey(name))
              .filter(other -> !other.identity().equals(Optional.of(identity)))
              .isPresent()) {
        LOG.warn("'{}' at {} is another's name here, of another issuer", name, identity.issuer());
        throw refused(Result.WRONG, Reason.OTHER_ISSUER);
      }
    }
    User user = found.orElseThrow(() -> new AccountException(Reason.CHANGED));
    if (user.disabled()) {
      throw refused(Result.DISABLED, Reason.DISABLED);
    }
    counts.count(Result.OK);
    if (user.provisional()) {
      user = stay(user);
    }
    if (user.claims().equals(claims)) {
      return user;
    }
    try {
      return change(user, operation("add", User.CLAIMS, claims));
    } catch (AccountException e) {
      LOG.debug("The claims of {} are taken over next time", user, e);
      return user;
    }
  }

  // For operators

  /**
   * Gives the user a password, and ends all their sessions.
   *
   * @throws InvalidInputException as by {@link #create}, and for users of a provider
   */
  public User setPassword(User user, String password, Set<String> site, AccountSettings settings) {
    if (user.identity().isPresent()) {
      throw new InvalidInputException(
          "'" + user.name() + "' signs in at a provider, and has no password here.");
    }
    String prepared = checkNew(user.name(), password, site, settings);
    return change(
        user,
        operation("add", User.PASSWORD, new Json.Str(hash(prepared, settings, true))),
        operation("add", User.EPOCH, Json.Num.of(user.epoch() + 1)));
  }

  /**
   * Says what the user is; rules see it at once.
   *
   * @throws InvalidInputException if a role is none, or there are too many
   */
  public User setRoles(User user, List<String> roles) {
    checkRoles(roles);
    return change(user, operation("add", User.ROLES, User.roles(roles)));
  }

  private static void checkRoles(List<String> roles) {
    if (roles.size() > MAX_ROLES) {
      throw new InvalidInputException("A user has at most " + MAX_ROLES + " roles.");
    }
    for (String role : roles) {
      if (!ROLE.matcher(role).matches()) {
        throw new InvalidInputException(
            "A role is a word of 1 to 32 characters of a-z, 0-9 and '-' that begins with a letter,"
                + " such as editor.");
      }
    }
  }

  /** Lets the user in no more, or again; their sessions end in either case. */
  public User setDisabled(User user, boolean disabled) {
    return change(
        user,
        operation("add", User.DISABLED, new Json.Bool(disabled)),
        operation("add", User.EPOCH, Json.Num.of(user.epoch() + 1)));
  }

  /** Deletes the account; the name is free again, and leads to another id. */
  public void delete(User user) {
    store.write(once(new Write.Delete(user(user.id()), Condition.NONE)));
    for (String key : keys(user.name(), user.identity())) {
      DocumentPath path = LOGINS.document(key);
      Optional<Document> login = store.get(path, ReadOptions.STRONG);
      if (login.flatMap(Accounts::leadsTo).equals(Optional.of(user.id()))) {
        try {
          store.write(
              once(new Write.Delete(path, Condition.ifMatch(login.get().version().etag()))));
        } catch (StoreException.PreconditionFailed e) {
          // Somebody took the name, which led to nobody.
        }
      }
    }
  }

  // Writing

  /** A write that the store may repeat when it lost the answer. */
  private static Batch once(Write write) {
    return Batch.once(WRITER, write);
  }

  /**
   * Makes a user to whom names lead.
   *
   * @param keys of the names
   * @param about the members of their document that are theirs
   * @return empty if one of the names leads to somebody else
   */
  private Optional<User> create(List<String> keys, Map<String, Json> about) {
    String id = HexFormat.of().formatHex(random(ID_BYTES));
    Map<String, Json> members = new LinkedHashMap<>(about);
    members.put(User.EPOCH, Json.Num.of(0));
    members.put(User.CREATED, Json.Num.of(clock.millis()));
    byte[] json = new Json.Obj(members).toBytes();
    Expiry soon = new Expiry.At(clock.millis() + PROVISIONAL.toMillis());
    Commit made = store.write(once(new Write.Put(user(id), json, Condition.ABSENT, soon)));
    if (!keys.stream().allMatch(key -> lead(key, id))) {
      // What leads to them by now leads to nobody then.
      store.write(once(new Write.Delete(user(id), Condition.NONE)));
      return Optional.empty();
    }
    User user = User.of(new Document(user(id), made.version(), clock.millis(), json));
    user = stay(user);
    counts.signedUp();
    return Optional.of(user);
  }

  /** Makes a name lead to a user; false if it leads to another. */
  private boolean lead(String key, String id) {
    DocumentPath path = LOGINS.document(key);
    byte[] json = new Json.Obj(Map.of(USER, new Json.Str(id))).toBytes();
    Condition condition = Condition.ABSENT;
    for (int race = 0; race < RACES; race++) {
      try {
        store.write(once(new Write.Put(path, json, condition, Expiry.NEVER)));
        return true;
      } catch (StoreException.PreconditionFailed e) {
        Optional<Document> known = store.get(path, ReadOptions.STRONG);
        Optional<String> other = known.flatMap(Accounts::leadsTo);
        if (other.isPresent() && find(other.get(), ReadOptions.STRONG).isPresent()) {
          return other.get().equals(id);
        }
        // It leads to nobody, or is gone again. A user who is not there never comes to be.
        condition =
            known
                .map(document -> Condition.ifMatch(document.version().etag()))
                .orElse(Condition.ABSENT);
      }
    }
    return false;
  }

  /** Makes a new user stay, to whom a name leads by now. */
  private User stay(User user) {
    Patch nothing = new Patch(Patch.Kind.MERGE, new byte[] {'{', '}'}, false);
    return patch(user, nothing, Condition.NONE, Expiry.NEVER);
  }

  /** Changes the user as they were read. */
  private User change(User user, Json... operations) {
    Patch patch =
        new Patch(Patch.Kind.JSON_PATCH, new Json.Arr(List.of(operations)).toBytes(), false);
    return patch(user, patch, Condition.ifMatch(user.version().etag()), Expiry.KEEP);
  }

  /**
   * The user as this change made them: what came after it is not in it.
   *
   * @throws AccountException of {@link Reason#CHANGED} if they are not as the change needs them
   */
  private User patch(User user, Patch patch, Condition condition, Expiry expiry) {
    DocumentPath path = user(user.id());
    try {
      Commit commit =
          store.write(
              new Batch(
                  List.of(new Write.Patch(path, patch, condition, expiry)),
                  IdempotencyKey.unique(WRITER),
                  true));
      byte[] json = commit.results().getFirst().json();
      if (json == null) {
        return find(user.id(), ReadOptions.STRONG)
            .filter(now -> now.version().equals(commit.version()))
            .orElseThrow(() -> new AccountException(Reason.CHANGED));
      }
      long expires = expiry == Expiry.NEVER || !user.provisional() ? Document.NEVER : 1;
      return User.of(new Document(path, commit.version(), expires, json));
    } catch (StoreException.PreconditionFailed | StoreException.Rejected e) {
      throw new AccountException(Reason.CHANGED);
    }
  }

  private static Json operation(String op, String member, Json value) {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("op", new Json.Str(op));
    members.put("path", new Json.Str("/" + member));
    members.put("value", value);
    return new Json.Obj(members);
  }

  // Keys

  /** Of all that leads to a user: who they are goes before what they are called. */
  private static List<String> keys(String name, Optional<User.Identity> identity) {
    return identity
        .map(known -> List.of(identityKey(known), nameKey(name)))
        .orElseGet(() -> List.of(nameKey(name)));
  }

  private static String nameKey(String name) {
    return key("name:" + name);
  }

  private static String identityKey(User.Identity identity) {
    // A URL has no line break.
    return key("oidc:" + identity.issuer() + "\n" + identity.subject());
  }

  private static String key(String text) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  private byte[] random(int bytes) {
    byte[] made = new byte[bytes];
    random.nextBytes(made);
    return made;
  }

  private static DocumentPath user(String id) {
    return USERS.document(id);
  }
}
