package dev.meridian.account;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.account.AccountException.Reason;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.site.AccountSettings;
import dev.meridian.site.AccountSettings.AttemptLimit;
import dev.meridian.site.AccountSettings.HashCost;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.Write;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class AccountsTest {
  private static final String GOOD = "correct horse";
  private static final HashCost CHEAP = new HashCost(64, 1, 1);
  private static final AccountSettings SETTINGS =
      new AccountSettings(
          true, 8, CHEAP, Optional.of(new AttemptLimit(2, 60, List.of())), Map.of());

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private final AtomicLong wall = new AtomicLong(1_800_000_000_000L);
  private RocksStore store;
  private Accounts accounts;

  @BeforeEach
  void open() {
    store =
        RocksStore.open(
            temp.resolve("db"), new RocksStore.Options(engine, 7, wall::get, 64), List.of());
    accounts = new Accounts(store, () -> Instant.ofEpochMilli(wall.get()));
  }

  @AfterEach
  void close() {
    store.close();
    engine.close();
  }

  private User signUp(String name) {
    return accounts.signUp(name, GOOD, Set.of(), SETTINGS);
  }

  private User signIn(String name, String password) {
    return accounts.signIn(name, password, Optional.empty(), SETTINGS);
  }

  private static void refused(Reason reason, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            AccountException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  private List<Document> all(String collection) {
    return store
        .list(Query.of(CollectionPath.parse(collection), 100), ReadOptions.STRONG)
        .documents();
  }

  private static String text(Document document) {
    return new String(document.json(), StandardCharsets.UTF_8);
  }

  @Test
  void whoSignedUpSignsInByAnyFormOfTheName() {
    User made = signUp("Ada@Example.com");
    assertThat(made.name()).isEqualTo("ada@example.com");
    assertThat(made.provisional()).isFalse();
    User in = signIn(" ADA@example.COM", GOOD);
    assertThat(in.id()).isEqualTo(made.id());
    assertThat(accounts.find(made.id(), ReadOptions.STRONG).orElseThrow().provisional()).isFalse();
    wall.addAndGet(Duration.ofDays(400).toMillis());
    assertThat(signIn("ada@example.com", GOOD).id()).as("they stay").isEqualTo(made.id());
    refused(Reason.WRONG, () -> signIn("ada@example.com", GOOD + "x"));
    refused(Reason.WRONG, () -> signIn("bob", GOOD));
    refused(Reason.WRONG, () -> signIn("no name", GOOD));
    refused(Reason.WRONG, () -> signIn("ada@example.com", "x\u0000"));
  }

  @Test
  void theStoreHoldsNoPassword() {
    signUp("ada");
    assertThat(all("_users")).hasSize(1);
    assertThat(text(all("_users").getFirst()))
        .contains("\"$argon2id$v=19$m=64,t=1,p=1$")
        .doesNotContain(GOOD);
    assertThat(text(all("_logins").getFirst())).doesNotContain("ada");
    assertThat(signIn("ada", GOOD).toString()).doesNotContain("argon2");
  }

  @Test
  void aNameIsGivenOnce() throws Exception {
    List<Callable<User>> racers = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      racers.add(() -> signUp("Ada"));
    }
    int made = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<User> racer : threads.invokeAll(racers)) {
        try {
          racer.get();
          made++;
        } catch (ExecutionException e) {
          assertThat(e.getCause()).isInstanceOf(AccountException.class);
        }
      }
    }
    assertThat(made).isEqualTo(1);
    assertThat(all("_users")).as("the others left nothing").hasSize(1);
    refused(Reason.TAKEN, () -> signUp("ADA"));
  }

  @Test
  void aNameThatLeadsToNobodyIsFree() {
    User gone = signUp("ada");
    store.write(
        Batch.of(
            new Write.Delete(CollectionPath.parse("_users").document(gone.id()), Condition.NONE)));
    refused(Reason.WRONG, () -> signIn("ada", GOOD));
    User next = signUp("ada");
    assertThat(next.id()).isNotEqualTo(gone.id());
    assertThat(signIn("ada", GOOD).id()).isEqualTo(next.id());
    accounts.delete(next);
    assertThat(all("_users")).isEmpty();
    assertThat(all("_logins")).isEmpty();
  }

  @Test
  void easyPasswordsAndNoNamesAreRefused() {
    for (String[] pair :
        new String[][] {
          {"ada", "short"}, {"ada", "password1"}, {"ada.lovelace", "ada.lovelace"},
          {"ada.lovelace@example.com", "ada.lovelace"}, {"a b", GOOD}, {"id:ada", GOOD},
          {"ada", "everycity"}
        }) {
      assertThatThrownBy(() -> accounts.signUp(pair[0], pair[1], Set.of("everycity"), SETTINGS))
          .isInstanceOf(InvalidInputException.class);
    }
    assertThat(all("_users")).isEmpty();
  }

  @Test
  void wrongPasswordsAreLimitedByNameUntilTimePasses() {
    User ada = signUp("ada");
    signUp("bob");
    for (int i = 0; i < 2 * AttemptLimit.PER_NAME; i++) {
      refused(Reason.WRONG, () -> signIn("ada", "wrong one"));
    }
    refused(Reason.LIMITED, () -> signIn("ada", GOOD));
    refused(Reason.LIMITED, () -> signIn("ADA", GOOD));
    assertThat(signIn("bob", GOOD)).isNotNull();
    Optional<Accounts.Device> own = Optional.of(Accounts.Device.of(ada));
    assertThat(accounts.signIn("ada", GOOD, own, SETTINGS).id())
        .as("nobody keeps a user out of their own browser")
        .isEqualTo(ada.id());
    for (int i = 0; i < 2 * AttemptLimit.PER_NAME; i++) {
      refused(Reason.WRONG, () -> accounts.signIn("ada", "wrong one", own, SETTINGS));
    }
    refused(Reason.LIMITED, () -> accounts.signIn("ada", GOOD, own, SETTINGS));
    Optional<Accounts.Device> others = Optional.of(new Accounts.Device("0".repeat(32), 0, "D2"));
    refused(Reason.LIMITED, () -> accounts.signIn("ada", GOOD, others, SETTINGS));
    wall.addAndGet(Duration.ofMinutes(AttemptLimit.MINUTES).toMillis() / 6);
    assertThat(signIn("ada", GOOD).id()).isEqualTo(ada.id());
    wall.addAndGet(Duration.ofMinutes(AttemptLimit.MINUTES).toMillis() + 1);
    assertThat(all("_attempts")).isEmpty();
    // As those that do not exist.
    for (int i = 0; i < 2 * AttemptLimit.PER_NAME; i++) {
      refused(Reason.WRONG, () -> signIn("nobody", "wrong one"));
    }
    refused(Reason.LIMITED, () -> signIn("nobody", "wrong one"));
  }

  /** However many are under way: no more of them are told that they are wrong than may be. */
  @Test
  void guessesAtTheSameMomentAreNoMoreThanOthers() throws Exception {
    AccountSettings dear =
        new AccountSettings(
            true, 8, new HashCost(4 << 10, 2, 1), SETTINGS.rateLimit(), SETTINGS.providers());
    assertThat(guesses("nobody", 20, dear)).isEqualTo(2 * AttemptLimit.PER_NAME);
    wall.addAndGet(Duration.ofMinutes(AttemptLimit.MINUTES).toMillis() / 6);
    assertThat(guesses("nobody", 20, dear)).as("one slot is free again").isEqualTo(1);
  }

  /** How many of guesses at once are told that they are wrong. */
  private int guesses(String name, int many, AccountSettings settings) throws Exception {
    List<Callable<User>> racers = new ArrayList<>();
    for (int i = 0; i < many; i++) {
      racers.add(() -> accounts.signIn(name, "wrong one", Optional.empty(), settings));
    }
    int wrong = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<User> racer : threads.invokeAll(racers)) {
        try {
          racer.get();
        } catch (ExecutionException e) {
          assertThat(e.getCause()).hasMessageMatching("WRONG|LIMITED");
          wrong += "WRONG".equals(Objects.requireNonNull(e.getCause()).getMessage()) ? 1 : 0;
        }
      }
    }
    return wrong;
  }

  @Test
  void whoIsSignedInChangesTheirPasswordWhateverOthersTry() {
    User ada = signUp("ada");
    for (int i = 0; i < 2 * AttemptLimit.PER_NAME; i++) {
      refused(Reason.WRONG, () -> signIn("ada", "wrong one"));
    }
    refused(Reason.LIMITED, () -> signIn("ada", GOOD));
    User now = accounts.changePassword(ada, GOOD, "another horse", Set.of(), SETTINGS);
    assertThat(now.epoch()).isEqualTo(1);
    for (int i = 0; i < 2 * AttemptLimit.PER_NAME; i++) {
      refused(
          Reason.WRONG,
          () -> accounts.changePassword(now, "wrong one", "a third horse", Set.of(), SETTINGS));
    }
    refused(
        Reason.LIMITED,
        () -> accounts.changePassword(now, "another horse", "a third horse", Set.of(), SETTINGS));
  }

  @Test
  void aBrowserIsKnownUntilThePasswordIsAnother() {
    User ada = signUp("ada");
    Accounts.Device device = Accounts.Device.of(ada);
    Optional<Accounts.Device> own = Accounts.Device.parse(device.text());
    assertThat(own).contains(device);
    assertThat(Accounts.Device.parse(ada.id() + ".D1")).isEmpty();
    assertThat(accounts.own("ADA", own)).isEqualTo(own);
    signUp("bob");
    assertThat(accounts.own("bob", own)).as("of another's name").isEmpty();
    for (int i = 0; i < 2 * AttemptLimit.PER_NAME; i++) {
      refused(Reason.WRONG, () -> signIn("ada", "wrong one"));
    }
    assertThat(accounts.signIn("ada", GOOD, own, SETTINGS).id()).isEqualTo(ada.id());
    User now = accounts.setPassword(ada, "another horse", Set.of(), SETTINGS);
    assertThat(accounts.own("ada", own)).isEmpty();
    refused(Reason.LIMITED, () -> accounts.signIn("ada", "another horse", own, SETTINGS));
    User again = accounts.setDisabled(accounts.setDisabled(now, true), false);
    Optional<Accounts.Device> late = Optional.of(Accounts.Device.of(now));
    refused(Reason.LIMITED, () -> accounts.signIn("ada", "another horse", late, SETTINGS));
    Optional<Accounts.Device> good = Optional.of(Accounts.Device.of(again));
    assertThat(accounts.signIn("ada", "another horse", good, SETTINGS).id()).isEqualTo(ada.id());
  }

  /** Whoever points a provider at another issuer gives nobody the names of those before. */
  @Test
  void aNameOfAnotherIssuerIsRefused() {
    Json.Obj claims = new Json.Obj(Map.of());
    User ada =
        accounts.signedIn("id:1", new User.Identity("https://a.test", "1"), claims, SETTINGS);
    assertThat(ada.json().members().get("provider")).isEqualTo(new Json.Str("id"));
    User.Identity other = new User.Identity("https://b.test", "1");
    for (int i = 0; i < 2; i++) {
      refused(Reason.OTHER_ISSUER, () -> accounts.signedIn("id:1", other, claims, SETTINGS));
    }
    assertThat(all("_users")).hasSize(1);
    assertThat(accounts.findByIdOrName("id:1").orElseThrow().id()).isEqualTo(ada.id());
    assertThat(signUp("bob").json().members()).doesNotContainKey("provider");
    accounts.delete(ada);
    User next = accounts.signedIn("id:1", other, claims, SETTINGS);
    assertThat(next.id()).isNotEqualTo(ada.id());
    accounts.delete(next);
    assertThat(all("_logins")).as("bob's").hasSize(1);
  }

  @Test
  void aHashThatNoHeapHasRoomForIsRefusedAndSaid() {
    signUp("ada");
    AccountSettings huge =
        new AccountSettings(
            true, 8, new HashCost(1 << 30, 1, 1), SETTINGS.rateLimit(), SETTINGS.providers());
    assertThat(accounts.tooDear(huge).orElseThrow()).contains("accounts.argon2.memory");
    assertThat(accounts.tooDear(SETTINGS)).isEmpty();
    refused(Reason.BUSY, () -> accounts.signUp("bob", GOOD, Set.of(), huge));
    assertThat(accounts.signIn("ada", GOOD, Optional.empty(), huge).name())
        .as("an older hash is as cheap as it was")
        .isEqualTo("ada");
  }

  @Test
  void aHashIsMadeAnewAtWhatItCostsNow() {
    signUp("ada");
    AccountSettings dearer =
        new AccountSettings(true, 8, new HashCost(128, 2, 1), Optional.empty(), Map.of());
    long epoch = signIn("ada", GOOD).epoch();
    User in = accounts.signIn("ada", GOOD, Optional.empty(), dearer);
    assertThat(in.hash().orElseThrow()).startsWith("$argon2id$v=19$m=128,t=2,p=1$");
    assertThat(in.epoch()).as("sessions go on").isEqualTo(epoch);
    assertThat(text(all("_users").getFirst())).contains("m=128,t=2");
    assertThat(signIn("ada", GOOD).id()).isEqualTo(in.id());
  }

  @Test
  void aPasswordIsChangedByWhoKnowsTheOld() {
    User ada = signUp("ada");
    refused(
        Reason.WRONG,
        () -> accounts.changePassword(ada, "wrong one", "another horse", Set.of(), SETTINGS));
    User changed = accounts.changePassword(ada, GOOD, "another horse", Set.of(), SETTINGS);
    assertThat(changed.epoch()).isEqualTo(ada.epoch() + 1);
    refused(Reason.WRONG, () -> signIn("ada", GOOD));
    assertThat(signIn("ada", "another horse").epoch()).isEqualTo(changed.epoch());
    refused(
        Reason.CHANGED,
        () -> accounts.changePassword(ada, GOOD, "a third horse", Set.of(), SETTINGS));
  }

  @Test
  void theOperatorDecidesWhoIsWhat() {
    User ada = accounts.create("ada", GOOD, List.of("editor"), Set.of(), SETTINGS);
    assertThat(ada.roles()).containsExactly("editor");
    User now = accounts.setRoles(ada, List.of("author", "editor"));
    assertThat(signIn("ada", GOOD).roles()).containsExactly("author", "editor");
    assertThatThrownBy(() -> accounts.setRoles(now, List.of("Not one")))
        .isInstanceOf(InvalidInputException.class);
    User out = accounts.setDisabled(now, true);
    refused(Reason.DISABLED, () -> signIn("ada", GOOD));
    refused(Reason.WRONG, () -> signIn("ada", "wrong one"));
    User in = accounts.setDisabled(out, false);
    assertThat(in.epoch()).isEqualTo(ada.epoch() + 2);
    accounts.setPassword(in, "another horse", Set.of(), SETTINGS);
    assertThat(signIn("ada", "another horse").id()).isEqualTo(ada.id());
    refused(Reason.CHANGED, () -> accounts.setRoles(in, List.of()));
    assertThat(accounts.findByIdOrName("ADA").orElseThrow().id()).isEqualTo(ada.id());
    assertThat(accounts.findByIdOrName(ada.id())).isPresent();
    assertThat(accounts.findByIdOrName("../x")).isEmpty();
  }
}
