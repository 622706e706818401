package dev.meridian.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.document.TooLargeException;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException;
import dev.meridian.store.Write;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SessionsTest {
  private static final long START = 1_800_000_000_000L;
  private static final Lifetimes LIVES = new Lifetimes(Duration.ofDays(7), Duration.ofDays(30));
  private static final Optional<Refusal> ENDED = Optional.of(Refusal.ENDED);
  private static final Optional<Refusal> REPLAYED = Optional.of(Refusal.REPLAYED);

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private final AtomicLong wall = new AtomicLong(START);
  private final InstantSource clock = () -> Instant.ofEpochMilli(wall.get());
  private RocksStore store;
  private Sessions sessions;

  @BeforeEach
  void open() {
    store =
        RocksStore.open(
            temp.resolve("db"),
            new RocksStore.Options(engine, 7, wall::get, 64),
            List.of(Sessions.INDEX));
    sessions = new Sessions(store, clock);
  }

  @AfterEach
  void close() {
    store.close();
    engine.close();
  }

  private static Patch merge(String json) {
    return patch(Patch.Kind.MERGE, json);
  }

  private static Patch patch(Patch.Kind kind, String json) {
    return new Patch(kind, json.getBytes(StandardCharsets.UTF_8), false);
  }

  private Sessions.Issued create(String json) {
    return sessions.create(merge(json), LIVES).orElseThrow();
  }

  private Sessions.Loaded load(String cookie) {
    return sessions.load(sessions.claim(cookie).orElseThrow(), SessionToken.NONE, LIVES, false);
  }

  private Session live(String cookie) {
    return load(cookie).session().orElseThrow();
  }

  private static String attributes(Session session) {
    return new String(session.attributes().toBytes(), StandardCharsets.UTF_8);
  }

  private void pass(Duration time) {
    wall.addAndGet(time.toMillis());
  }

  /** Waits for what another thread does. */
  private static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + 30_000_000_000L;
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited too long").isLessThan(end);
      Thread.sleep(5);
    }
  }

  @Test
  void whatIsPutIntoASessionIsThereForItsCookie() {
    Sessions.Issued made = create("{\"cart\":{\"a\":1},\"theme\":\"dark\"}");
    assertThat(attributes(live(made.cookie())))
        .isEqualTo("{\"cart\":{\"a\":1},\"theme\":\"dark\"}");
    assertThat(sessions.create(merge("{}"), LIVES)).as("nothing needs no session").isEmpty();
  }

  @Test
  void theStoreHoldsNothingThatWouldMakeACookie() {
    Sessions.Issued made = create("{\"a\":1}");
    Document document =
        store
            .list(Query.of(CollectionPath.parse("_sessions"), 10), ReadOptions.STRONG)
            .documents()
            .getFirst();
    String stored = new String(document.json(), StandardCharsets.UTF_8) + document.path();
    String[] parts = made.cookie().split("\\.");
    assertThat(stored).doesNotContain(parts[3]).doesNotContain(parts[4]);
    assertThat(made.toString() + sessions.claim(made.cookie())).doesNotContain(parts[3]);
  }

  @Test
  void concurrentChangesOfDifferentAttributesLoseNothing() throws Exception {
    Session session = create("{\"n\":0}").session();
    int each = 200;
    List<Callable<Void>> tabs =
        List.of(
            () -> {
              for (int i = 0; i < each; i++) {
                sessions.change(session, Attributes.set("left", Json.Num.of(i)), null, LIVES);
              }
              return null;
            },
            () -> {
              for (int i = 0; i < each; i++) {
                sessions.change(session, merge("{\"right\":{\"r" + i + "\":1}}"), null, LIVES);
              }
              return null;
            },
            () -> increments(session, each),
            () -> increments(session, each),
            () -> appends(session, each),
            () -> appends(session, each));
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Void> tab : pool.invokeAll(tabs)) {
        tab.get();
      }
    }
    Map<String, Json> now = sessions.current(session).orElseThrow().attributes().members();
    assertThat(now.get("left")).isEqualTo(Json.Num.of(each - 1));
    assertThat(members(now.get("right"))).hasSize(each);
    assertThat(now.get("n")).isEqualTo(Json.Num.of(2 * each));
    assertThat(items(now.get("list"))).hasSize(2 * each);
  }

  private static Map<String, Json> members(@Nullable Json json) {
    return json instanceof Json.Obj(Map<String, Json> members) ? members : Map.of();
  }

  private static List<Json> items(@Nullable Json json) {
    return json instanceof Json.Arr(List<Json> items) ? items : List.of();
  }

  private Void increments(Session session, int times) {
    for (int i = 0; i < times; i++) {
      sessions.change(session, patch(Patch.Kind.INCREMENT, "{\"n\":1}"), null, LIVES);
    }
    return null;
  }

  private Void appends(Session session, int times) {
    for (int i = 0; i < times; i++) {
      sessions.append(session, "list", Json.Num.of(i), LIVES);
    }
    return null;
  }

  /** Whoever takes no cookies makes as many as they ask for. */
  @Test
  void aSessionWhoseCookieNeverComesBackEndsSoon() throws Exception {
    Sessions.Issued made = create("{\"a\":1}");
    sessions.change(made.session(), merge("{\"b\":1}"), null, LIVES.first());
    pass(Lifetimes.FIRST.minusMillis(1));
    assertThat(load(made.cookie()).session()).isPresent();
    awaitExpiry(made.session(), clock.instant().plus(LIVES.idle()));
    Sessions.Issued other = create("{\"a\":1}");
    pass(Lifetimes.FIRST);
    assertThat(load(other.cookie()).refusal()).isEqualTo(ENDED);
    assertThat(load(made.cookie()).session()).isPresent();
    Lifetimes shorter = new Lifetimes(Duration.ofMinutes(5), Duration.ofDays(1));
    assertThat(shorter.first()).isEqualTo(shorter);
  }

  @Test
  void aSessionThatNobodyUsesEnds() throws Exception {
    Sessions.Issued made = create("{\"a\":1}");
    live(made.cookie());
    awaitExpiry(made.session(), clock.instant().plus(LIVES.idle()));
    pass(LIVES.idle().minusMillis(1));
    assertThat(load(made.cookie()).session()).isPresent();
    pass(LIVES.idle().plusMillis(1));
    assertThat(load(made.cookie()).refusal()).isEqualTo(ENDED);
  }

  private void awaitExpiry(Session session, Instant expires) throws InterruptedException {
    await(() -> sessions.current(session).map(Session::expires).equals(Optional.of(expires)));
  }

  @Test
  void usingItProlongsASessionButNotForEverAndNotByAWriteEachTime() throws Exception {
    Sessions.Issued made = create("{\"a\":1}");
    live(made.cookie());
    awaitExpiry(made.session(), clock.instant().plus(LIVES.idle()));
    Version before = live(made.cookie()).version();
    pass(LIVES.idle().dividedBy(10).minusMillis(1));
    assertThat(live(made.cookie()).version()).as("too early to write").isEqualTo(before);
    pass(Duration.ofDays(1));
    for (int day = 1; load(made.cookie()).session().isPresent(); day++) {
      assertThat(day).isLessThan(40);
      Instant most = clock.instant().plus(LIVES.idle());
      Instant ends = made.session().ends();
      Instant expires = most.isBefore(ends) ? most : ends;
      // The renewal before may be under way still, as it is until a moment after it can be seen.
      await(() -> live(made.cookie()).expires().equals(expires));
      pass(Duration.ofDays(1));
    }
    assertThat(sessions.counts().of(Counts.Event.RENEWED)).isBetween(20L, 31L);
    assertThat(Duration.between(made.session().created(), clock.instant()))
        .isBetween(LIVES.absolute(), LIVES.absolute().plusDays(1));
  }

  @Test
  void aChangeDoesNotBringAnEndedSessionBack() {
    Session session = create("{\"a\":1}").session();
    sessions.end(session);
    assertThatThrownBy(() -> sessions.change(session, merge("{\"a\":2}"), null, LIVES))
        .isInstanceOf(StoreException.Rejected.class);
    assertThatThrownBy(() -> sessions.append(session, "b", Json.NULL, LIVES))
        .isInstanceOf(StoreException.Rejected.class);
    assertThatThrownBy(() -> sessions.message(session, "hello", LIVES))
        .isInstanceOf(StoreException.Rejected.class);
    assertThatThrownBy(() -> sessions.rotate(session, Optional.empty(), LIVES))
        .isInstanceOf(StoreException.Rejected.class);
    assertThat(sessions.current(session)).isEmpty();
  }

  @Test
  void theCookieBeforeIsTakenForTheGraceAndSeesNoNewPrivilege() {
    Sessions.Issued made = create("{\"a\":1}");
    Sessions.Issued in =
        sessions.rotate(live(made.cookie()), Optional.of("ada"), LIVES).orElseThrow();
    assertThat(in.cookie()).isNotEqualTo(made.cookie());
    assertThat(live(in.cookie()).user()).contains("ada");
    pass(Sessions.GRACE.minusMillis(1));
    Session late = live(made.cookie());
    assertThat(late.user()).as("who has the cookie from before has not signed in").isEmpty();
    assertThat(attributes(late)).isEqualTo("{\"a\":1}");
    assertThat(sessions.rotate(late, Optional.empty(), LIVES)).isEmpty();
    pass(Duration.ofMillis(1));
    assertThat(load(made.cookie()).refusal()).isEqualTo(REPLAYED);
    assertThat(live(in.cookie()).user()).as("a replay ends nothing").contains("ada");
    assertThat(sessions.counts().of(Refusal.REPLAYED)).isEqualTo(1);
  }

  @Test
  void theCookieFromBeforeASignInIsWorthNothingWhateverTheClock() {
    Sessions.Issued made = create("{\"a\":1}");
    Sessions.Issued in = sessions.signIn(live(made.cookie()), "ada", 3, LIVES).orElseThrow();
    assertThat(live(in.cookie()).user()).contains("ada");
    Sessions behind = new Sessions(store, () -> clock.instant().minus(Duration.ofHours(1)));
    assertThat(
            behind
                .load(behind.claim(made.cookie()).orElseThrow(), SessionToken.NONE, LIVES, true)
                .refusal())
        .isEqualTo(REPLAYED);
    assertThat(in.session().previous()).isEmpty();
    assertThat(live(in.cookie()).previous()).isEmpty();
  }

  @Test
  void whoHasTheCookieFromBeforeSigningInSeesNoMessageOfAfter() {
    Sessions.Issued made = create("{\"a\":1}");
    Sessions.Issued in =
        sessions.rotate(live(made.cookie()), Optional.of("ada"), LIVES).orElseThrow();
    sessions.message(live(in.cookie()), "Welcome", LIVES);
    assertThat(live(in.cookie()).flash()).hasSize(1);
    Session late = live(made.cookie());
    assertThat(late.access()).isEqualTo(Session.Access.OUTDATED);
    assertThat(late.flash()).isEmpty();
    // A rotation that signs nobody in or out takes nothing away.
    assertThat(sessions.rotate(live(in.cookie()), Optional.of("ada"), LIVES)).isPresent();
    Session same = live(in.cookie());
    assertThat(same.access()).isEqualTo(Session.Access.REPLACED);
    assertThat(same.user()).contains("ada");
    assertThat(same.flash()).hasSize(1);
  }

  @Test
  void theCookieBeforeIsGoodUntilTheNewOneArrived() throws Exception {
    Sessions.Issued made = create("{\"a\":1}");
    Sessions.Issued lost =
        sessions.rotate(live(made.cookie()), Optional.empty(), LIVES).orElseThrow();
    pass(Sessions.UNUSED_GRACE.minusMillis(1));
    assertThat(live(made.cookie()).access()).isEqualTo(Session.Access.REPLACED);
    pass(Duration.ofMillis(1));
    assertThat(load(made.cookie()).refusal()).as("bounded").isEqualTo(REPLAYED);

    Sessions.Issued next =
        sessions.rotate(live(lost.cookie()), Optional.empty(), LIVES).orElseThrow();
    assertThat(live(next.cookie()).replaced()).isFalse();
    long until = wall.get() + Sessions.GRACE.toMillis();
    await(() -> live(next.cookie()).previousUntil() == until);
    pass(Sessions.GRACE.minusMillis(1));
    assertThat(load(lost.cookie()).session()).isPresent();
    pass(Duration.ofMillis(1));
    assertThat(load(lost.cookie()).refusal()).isEqualTo(REPLAYED);
  }

  @Test
  void aRotationReplacesTheTokenToo() {
    Sessions.Issued made = create("{\"a\":1}");
    String token = sessions.csrfToken(live(made.cookie()));
    Sessions.Issued in =
        sessions.rotate(live(made.cookie()), Optional.of("ada"), LIVES).orElseThrow();
    String now = sessions.csrfToken(live(in.cookie()));
    assertThat(now).isNotEqualTo(token);
    assertThat(sessions.isCsrfToken(live(in.cookie()), now)).isTrue();
    assertThat(sessions.isCsrfToken(live(in.cookie()), token)).as("a page of before").isTrue();
    assertThat(sessions.csrfToken(live(made.cookie()))).isEqualTo(token);
    assertThat(sessions.isCsrfToken(live(made.cookie()), now)).isFalse();
    pass(Sessions.GRACE);
    assertThat(sessions.isCsrfToken(live(in.cookie()), token)).as("after the grace").isFalse();
    assertThat(sessions.isCsrfToken(live(in.cookie()), now)).isTrue();
  }

  @Test
  void ofTwoRotationsAtOnceOneWins() throws Exception {
    Sessions.Issued made = create("{\"a\":1}");
    Session session = live(made.cookie());
    for (int round = 0; round < 20; round++) {
      Session now = session;
      List<Callable<Optional<Sessions.Issued>>> two =
          List.of(
              () -> sessions.rotate(now, Optional.empty(), LIVES),
              () -> sessions.rotate(now, Optional.empty(), LIVES));
      Sessions.Issued won = null;
      try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
        for (Future<Optional<Sessions.Issued>> one : pool.invokeAll(two)) {
          if (one.get().isPresent()) {
            assertThat(won).as("round " + round).isNull();
            won = one.get().get();
          }
        }
      }
      session = live(Objects.requireNonNull(won).cookie());
      assertThat(session.replaced()).isFalse();
    }
  }

  @Test
  void messagesAreTakenOnceAndNoneIsLost() throws Exception {
    Sessions.Issued made = sessions.createWithMessage("0", LIVES);
    int all = 60;
    Set<String> shown = new HashSet<>();
    List<Callable<Void>> work =
        List.of(
            () -> {
              for (int i = 1; i < all; i++) {
                // Full ones drop the oldest, which is another promise.
                await(() -> live(made.cookie()).flash().size() < Sessions.MAX_MESSAGES - 1);
                sessions.message(live(made.cookie()), Integer.toString(i), LIVES);
              }
              return null;
            },
            () -> show(made.cookie(), shown, all),
            () -> show(made.cookie(), shown, all));
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Void> one : pool.invokeAll(work)) {
        one.get();
      }
    }
    assertThat(shown).hasSize(all);
    assertThat(live(made.cookie()).flash()).isEmpty();
  }

  private Void show(String cookie, Set<String> shown, int all) {
    long end = System.nanoTime() + 60_000_000_000L;
    while (true) {
      synchronized (shown) {
        if (shown.size() == all) {
          return null;
        }
      }
      assertThat(System.nanoTime()).as("some are lost").isLessThan(end);
      Session session = live(cookie);
      if (!session.flash().isEmpty() && sessions.takeMessages(session, LIVES).isPresent()) {
        synchronized (shown) {
          for (Json message : session.flash()) {
            assertThat(shown.add(((Json.Str) message).value())).as("once").isTrue();
          }
        }
      }
    }
  }

  @Test
  void messagesAreBounded() {
    Session session = sessions.createWithMessage("first", LIVES).session();
    for (int i = 0; i < Sessions.MAX_MESSAGES; i++) {
      sessions.message(sessions.current(session).orElseThrow(), "m" + i, LIVES);
    }
    assertThat(sessions.current(session).orElseThrow().flash())
        .hasSize(Sessions.MAX_MESSAGES)
        .doesNotContain(new Json.Str("first"))
        .contains(new Json.Str("m0"));
    // As it was read; then a page took them all.
    Session full = sessions.current(session).orElseThrow();
    assertThat(sessions.takeMessages(full, LIVES)).isPresent();
    sessions.message(full, "after", LIVES);
    assertThat(sessions.current(session).orElseThrow().flash())
        .containsExactly(new Json.Str("after"));
    assertThatThrownBy(() -> sessions.message(session, "x".repeat(1001), LIVES))
        .isInstanceOf(TooLargeException.class);
  }

  @Test
  void whatIsTooMuchForASessionIsRefused() {
    Session session = create("{\"a\":1}").session();
    assertThatThrownBy(
            () ->
                sessions.change(
                    session, Attributes.set("b", new Json.Str("x".repeat(70_000))), null, LIVES))
        .isInstanceOf(TooLargeException.class);
    sessions.change(session, Attributes.set("b", new Json.Str("x".repeat(60_000))), null, LIVES);
    Session now = sessions.current(session).orElseThrow();
    assertThatThrownBy(
            () ->
                sessions.change(
                    now, Attributes.set("c", new Json.Str("x".repeat(6_000))), null, LIVES))
        .isInstanceOf(TooLargeException.class);
    sessions.change(now, Attributes.remove("b"), null, LIVES);
    StringBuilder many = new StringBuilder("{\"x\":0");
    for (int i = 1; i < Attributes.MAX_COUNT; i++) {
      many.append(",\"x").append(i).append("\":0");
    }
    Session other = create(many + "}").session();
    assertThatThrownBy(() -> sessions.change(other, merge("{\"y\":1}"), null, LIVES))
        .isInstanceOf(TooLargeException.class);
    sessions.change(other, merge("{\"x\":1}"), null, LIVES);
  }

  @Test
  void namesThatAreTheServersCannotBeSet() {
    Session session = create("{\"a\":1}").session();
    for (Patch patch :
        List.of(
            merge("{\"user\":\"root\"}"),
            merge("{\"_role\":1}"),
            merge("{\"a b\":1}"),
            merge("{\"\":1}"),
            merge("[]"),
            patch(Patch.Kind.INCREMENT, "{\"user\":1}"),
            patch(Patch.Kind.INCREMENT, "{\"_n.x\":1}"),
            patch(Patch.Kind.JSON_PATCH, "[{\"op\":\"add\",\"path\":\"/user\",\"value\":1}]"),
            patch(Patch.Kind.JSON_PATCH, "[{\"op\":\"add\",\"path\":\"\",\"value\":{}}]"),
            patch(Patch.Kind.JSON_PATCH, "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/_b\"}]"),
            patch(Patch.Kind.JSON_PATCH, "[{\"op\":\"move\",\"from\":\"/user\",\"path\":\"/b\"}]"),
            patch(Patch.Kind.JSON_PATCH, "[{\"op\":\"add\",\"path\":\"/~1x\",\"value\":1}]"))) {
      assertThatThrownBy(() -> sessions.change(session, patch, null, LIVES))
          .as(new String(patch.json(), StandardCharsets.UTF_8))
          .isInstanceOf(InvalidInputException.class);
    }
    assertThat(attributes(sessions.current(session).orElseThrow())).isEqualTo("{\"a\":1}");
  }

  @Test
  void theSessionsOfAUserAreListedAndRevoked() {
    Sessions.Issued first = create("{\"a\":1}");
    Sessions.Issued second = create("{\"a\":2}");
    create("{\"a\":3}");
    Optional<String> ada = Optional.of("a\"d\\a' || true");
    String one = sessions.rotate(first.session(), ada, LIVES).orElseThrow().cookie();
    String two = sessions.rotate(second.session(), ada, LIVES).orElseThrow().cookie();
    assertThat(sessions.list(ada, 10, null).documents()).hasSize(2);
    assertThat(sessions.list(Optional.of("bob"), 10, null).documents()).isEmpty();
    assertThat(sessions.list(Optional.empty(), 10, null).documents()).hasSize(3);
    assertThat(sessions.revoke(first.session().id())).isTrue();
    assertThat(sessions.revoke(first.session().id())).isFalse();
    assertThat(sessions.revoke("../_keys/x")).isFalse();
    assertThat(load(one).refusal()).isEqualTo(ENDED);
    assertThat(sessions.revokeAll(ada.get())).isEqualTo(1);
    assertThat(load(two).refusal()).isEqualTo(ENDED);
    assertThat(sessions.list(Optional.empty(), 10, null).documents()).hasSize(1);
  }

  @Test
  void anotherNodeAndALaterStartTakeTheSameCookies() {
    String cookie = create("{\"a\":1}").cookie();
    Sessions other = new Sessions(store, clock);
    assertThat(other.claim(cookie)).isPresent();
    assertThat(sessions.claim(other.create(merge("{\"b\":1}"), LIVES).orElseThrow().cookie()))
        .isPresent();
    store.close();
    open();
    assertThat(live(cookie).id()).isNotEmpty();
  }

  @Test
  void nodesThatStartAtOnceAgreeOnAKey() throws Exception {
    List<Callable<String>> starts =
        java.util.stream.IntStream.range(0, 8)
            .<Callable<String>>mapToObj(
                i ->
                    () ->
                        new Sessions(store, clock)
                            .create(merge("{\"a\":1}"), LIVES)
                            .orElseThrow()
                            .cookie())
            .toList();
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<String> start : pool.invokeAll(starts)) {
        assertThat(sessions.claim(start.get())).isPresent();
      }
    }
  }

  @Test
  void keysAreReplacedAndCookiesOfOldOnesStayGood() {
    Lifetimes year = new Lifetimes(Duration.ofDays(365), Duration.ofDays(365));
    Sessions.Issued made = sessions.create(merge("{\"a\":1}"), year).orElseThrow();
    String other = key(made.cookie());
    for (int month = 0; month < 11; month++) {
      Sessions now = afterAMonth(made.session());
      String next = now.create(merge("{\"a\":1}"), year).orElseThrow().cookie();
      assertThat(key(next)).isNotEqualTo(key(made.cookie())).isNotEqualTo(other);
      other = key(next);
      assertThat(now.claim(made.cookie())).isPresent();
      // What the other nodes know by then, they take.
      assertThat(new Sessions(store, clock).claim(next)).isPresent();
    }
    for (int month = 0; month < 4; month++) {
      afterAMonth(made.session());
    }
    assertThat(new Sessions(store, clock).claim(made.cookie()))
        .as("a session cannot live so long")
        .isEmpty();
  }

  private static String key(String cookie) {
    return cookie.split("\\.")[1];
  }

  /** A node that starts, looks at the keys anew and signs. */
  private Sessions afterAMonth(Session any) {
    pass(SigningKeys.ROTATION.plusHours(1));
    // Somebody writes.
    store.write(
        Batch.of(
            new Write.Put(
                DocumentPath.parse("things/a"), new byte[] {'1'}, Condition.NONE, Expiry.NEVER)));
    Sessions now = new Sessions(store, clock);
    now.csrfToken(any);
    pass(SigningKeys.NOTICE);
    return now;
  }

  @Test
  void aClockFarAheadEndsNoSessions() {
    Sessions.Issued made = create("{\"a\":1}");
    for (int month = 0; month < 3; month++) {
      afterAMonth(made.session());
    }
    for (int start = 1; start <= 3; start++) {
      Duration ahead = Duration.ofDays(800L * start);
      new Sessions(store, () -> clock.instant().plus(ahead)).csrfToken(made.session());
    }
    assertThat(new Sessions(store, clock).claim(made.cookie())).isPresent();
  }

  @Test
  void whoDeletesTheKeysEndsAllSessions() {
    String cookie = create("{\"a\":1}").cookie();
    store.write(
        Batch.of(new Write.Delete(DocumentPath.parse("_secrets/sessions"), Condition.NONE)));
    assertThat(new Sessions(store, clock).claim(cookie)).isEmpty();
  }

  @Test
  void whatAVisitorHasSeenIsTheirsAlone() {
    Session session = create("{\"a\":1}").session();
    Session other = create("{\"a\":1}").session();
    SessionToken token = SessionToken.NONE.seen(new Version(12345, 3));
    String cookie = sessions.seenCookie(session.id(), token);
    assertThat(sessions.seen(session.id(), cookie)).isEqualTo(token);
    assertThat(sessions.seen(other.id(), cookie)).isEqualTo(SessionToken.NONE);
    assertThat(sessions.seen(session.id(), cookie.replace("3-", "4-")))
        .isEqualTo(SessionToken.NONE);
    assertThat(sessions.seen(session.id(), "3-ffffffffffff")).isEqualTo(SessionToken.NONE);
    assertThat(sessions.isCsrfToken(session, sessions.csrfToken(session))).isTrue();
    assertThat(sessions.isCsrfToken(other, sessions.csrfToken(session))).isFalse();
    assertThat(sessions.isCsrfToken(session, "")).isFalse();
  }
}
