package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.dns.ZoneKeys.Stage;
import dev.meridian.document.InvalidInputException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.EDNSOption;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.RRSIGRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Resolver;
import org.xbill.DNS.Section;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;
import org.xbill.DNS.dnssec.ValidatingResolver;

/** Keys through their whole life, by a clock that the test sets. */
class RolloverTest {
  private static final Duration HOUR = Duration.ofHours(1);

  private final Signatures.TestClock clock = new Signatures.TestClock();
  private long skipped;
  @TempDir Path folder;
  private final Parent parent = new Parent();
  private Signing signing;
  private Zones zones = Zones.NONE;
  private Responder responder = new Responder(() -> zones, new Tally(false));

  /** The zone above, which the test tells what to say. */
  private static final class Parent implements ParentDs {
    private List<byte[]> ds = List.of();
    private boolean reachable = true;

    @Override
    public Optional<Said> ask(WireName apex) {
      return reachable
          ? Optional.of(new Said(List.of(ds, ds), Duration.ofHours(24)))
          : Optional.empty();
    }
  }

  @BeforeEach
  void start() {
    open();
  }

  /** As a node does when it starts, after whatever ended it. */
  private void open() {
    signing =
        new Signing(
            folder.resolve("dnssec"),
            clock,
            () -> clock.millis() * 1_000_000 - skipped,
            parent,
            true);
    serve(compile());
  }

  private Zones compile() {
    return Sites.signed(signing, Wired.ZONE);
  }

  private void serve(Zones next) {
    zones = next;
    responder = new Responder(() -> zones, new Tally(false));
  }

  private boolean advance() {
    signing.look();
    Optional<Zones> next = signing.advance(this::compile);
    next.ifPresent(this::serve);
    return next.isPresent();
  }

  private void pass(Duration time) {
    clock.set(clock.instant().plus(time));
  }

  private ZoneKeys keys() throws IOException {
    return new KeyFolder(folder.resolve("dnssec"))
        .read(WireName.of(org.xbill.DNS.Name.fromConstantString("example.test.")))
        .orElseThrow();
  }

  private List<Stage> stages() throws IOException {
    return keys().entries().stream().map(ZoneKeys.Entry::stage).toList();
  }

  private void activate() {
    pass(Duration.ofHours(2));
    assertThat(advance()).isTrue();
    parentTakesOver();
  }

  /** The parent does what CDS asks for. */
  private void parentTakesOver() {
    try {
      parent.ds =
          Wired.ask(responder, "example.test", Type.CDS).getSection(Section.ANSWER).stream()
              .map(Record::rdataToWireCanonical)
              .toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void keyIsReplacedStepByStepOnceAYear() throws Exception {
    assertThat(stages()).containsExactly(Stage.FRESH);
    assertThat(Wired.ask(responder, "example.test", Type.CDS).getSection(Section.ANSWER)).isEmpty();
    activate();
    assertThat(stages()).containsExactly(Stage.ACTIVE);
    assertThat(parent.ds).hasSize(1);
    SigningKey first = keys().active().key();
    pass(Duration.ofDays(364));
    assertThat(advance()).isFalse();
    pass(Duration.ofDays(2));

    assertThat(advance()).isTrue();
    assertThat(stages()).containsExactly(Stage.ACTIVE, Stage.PUBLISHED);
    parentTakesOver();
    assertThat(parent.ds).as("the parent is not asked yet").containsExactly(first.ds(apex()));
    pass(Duration.ofMinutes(119));
    assertThat(advance()).isFalse();
    pass(Duration.ofMinutes(1));

    assertThat(advance()).isTrue();
    assertThat(stages()).containsExactly(Stage.ACTIVE, Stage.SUBMITTED);
    pass(Duration.ofDays(100));
    assertThat(advance()).as("the parent takes its time").isFalse();
    parent.reachable = false;
    parentTakesOver();
    assertThat(parent.ds).doesNotContain(first.ds(apex()));
    pass(HOUR);
    assertThat(advance()).isFalse();
    parent.reachable = true;
    pass(HOUR);

    assertThat(advance()).isTrue();
    assertThat(stages()).containsExactly(Stage.ACTIVE, Stage.SEEN);
    pass(Duration.ofHours(24));
    assertThat(advance()).isFalse();
    pass(HOUR);
    assertThat(advance()).isTrue();
    assertThat(stages()).containsExactly(Stage.RETIRED, Stage.ACTIVE);
    assertThat(keys().active().key()).isNotEqualTo(first);
    pass(Duration.ofDays(14));
    assertThat(advance()).isFalse();
    pass(HOUR);
    assertThat(advance()).isTrue();
    assertThat(stages()).containsExactly(Stage.ACTIVE);
    assertThat(advance()).isFalse();
  }

  private static WireName apex() {
    return WireName.of(org.xbill.DNS.Name.fromConstantString("example.test."));
  }

  @Test
  void noKeyIsReplacedThatNoParentPointsAt() throws Exception {
    activate();
    parent.ds = List.of();
    pass(Duration.ofDays(500));
    assertThat(advance()).isFalse();
    parentTakesOver();
    pass(HOUR);
    assertThat(advance()).isTrue();
    assertThat(stages()).containsExactly(Stage.ACTIVE, Stage.PUBLISHED);
  }

  @Test
  void parentThatKeepsTheOldKeyTooIsNotThereYet() throws Exception {
    activate();
    List<byte[]> old = parent.ds;
    serve(signing.roll("example.test.", this::compile));
    pass(HOUR.multipliedBy(2));
    assertThat(advance()).isTrue();
    parentTakesOver();
    List<byte[]> both = new ArrayList<>(parent.ds);
    both.addAll(old);
    parent.ds = both;
    pass(HOUR);
    assertThat(advance()).isFalse();
    parentTakesOver();
    pass(HOUR);
    assertThat(advance()).isTrue();
    assertThat(stages()).contains(Stage.SEEN);
    // And it goes back before its old word has run out.
    parent.ds = old;
    pass(HOUR);
    assertThat(advance()).isTrue();
    assertThat(stages()).contains(Stage.SUBMITTED);
  }

  @Test
  void operatorsWordCountsWhereTheParentCannotBeAsked() throws Exception {
    activate();
    parent.reachable = false;
    assertThatThrownBy(() -> signing.confirm("example.test", this::compile))
        .isInstanceOf(InvalidInputException.class);
    serve(signing.roll("example.test", this::compile));
    assertThatThrownBy(() -> signing.roll("example.test", this::compile))
        .isInstanceOf(InvalidInputException.class);
    pass(HOUR.multipliedBy(2));
    assertThat(advance()).isTrue();
    serve(signing.confirm("example.test", this::compile));
    pass(Duration.ofHours(48));
    assertThat(advance()).isFalse();
    pass(HOUR);
    assertThat(advance()).isTrue();
    assertThat(stages()).containsExactly(Stage.RETIRED, Stage.ACTIVE);
  }

  @Test
  void newKeyIsNotReplacedBeforeItIsKnown() {
    assertThatThrownBy(() -> signing.roll("example.test", this::compile))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("is new");
    assertThatThrownBy(() -> signing.roll("other.test", this::compile))
        .isInstanceOf(InvalidInputException.class);
  }

  @Test
  void clockThatIsSetNeitherHurriesNorHaltsARollover() throws Exception {
    activate();
    serve(signing.roll("example.test", this::compile));
    pass(Duration.ofDays(1000));
    skipped += Duration.ofDays(1000).toNanos();
    assertThat(advance()).as("the waits are moved along").isTrue();
    assertThat(stages()).contains(Stage.PUBLISHED);
    pass(Duration.ofMinutes(119));
    assertThat(advance()).isFalse();
    pass(Duration.ofDays(-1000));
    skipped -= Duration.ofDays(1000).toNanos();
    assertThat(advance()).isTrue();
    assertThat(stages()).contains(Stage.PUBLISHED);
    pass(Duration.ofMinutes(2));
    assertThat(advance()).isTrue();
    assertThat(stages()).contains(Stage.SUBMITTED);
  }

  @Test
  void clockThatIsSetWhileNothingCanBeServedIsNotForgotten() throws Exception {
    activate();
    serve(signing.roll("example.test", this::compile));
    pass(Duration.ofDays(10));
    skipped += Duration.ofDays(10).toNanos();
    assertThatThrownBy(
            () ->
                signing.advance(
                    () -> {
                      throw new ZoneException(new ZoneException.Place("x.zone", 1), "no");
                    }))
        .isInstanceOf(ZoneException.class);
    assertThat(advance()).isTrue();
    assertThat(stages()).contains(Stage.PUBLISHED);
    pass(Duration.ofMinutes(119));
    assertThat(advance()).isFalse();
  }

  /** Whatever cannot be served is not begun; whatever cannot be written is not served. */
  @Test
  void failedStepLeavesEverythingAsItWas() throws Exception {
    activate();
    byte[] before = keys().toJson().toBytes();
    assertThatThrownBy(
            () ->
                signing.roll(
                    "example.test",
                    () -> {
                      throw new ZoneException(new ZoneException.Place("x.zone", 1), "no");
                    }))
        .isInstanceOf(ZoneException.class);
    assertThat(keys().toJson().toBytes()).isEqualTo(before);
    Path draft = folder.resolve("dnssec/example.test.keys.new");
    Files.createDirectories(draft.resolve("in the way"));
    assertThatThrownBy(() -> signing.roll("example.test", this::compile))
        .isInstanceOf(java.io.UncheckedIOException.class);
    assertThat(keys().toJson().toBytes()).isEqualTo(before);
    serve(compile());
    assertThat(Signatures.keys(responder, "example.test")).hasSize(1);
    Files.delete(draft.resolve("in the way"));
    Files.delete(draft);
    serve(signing.roll("example.test", this::compile));
    assertThat(stages()).containsExactly(Stage.ACTIVE, Stage.PUBLISHED);
  }

  @Test
  void keysThatOthersMayReadAreRefused() throws Exception {
    Path file = folder.resolve("dnssec/example.test.keys");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())))
        .isEqualTo("rwx------");
    for (String mode : List.of("rw-r-----", "rw-----w-")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
      assertThatThrownBy(this::open).hasMessageContaining("chmod 600");
    }
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    Files.setPosixFilePermissions(file.getParent(), PosixFilePermissions.fromString("rwxr-x---"));
    assertThatThrownBy(this::open).hasMessageContaining("chmod 700");
    Files.setPosixFilePermissions(file.getParent(), PosixFilePermissions.fromString("rwx------"));
    open();
  }

  /** A key that is not what it was is never replaced by a new one: that would end the chain. */
  @Test
  void damagedKeysAreRefusedAndNotReplaced() throws Exception {
    Path file = folder.resolve("dnssec/example.test.keys");
    byte[] whole = Files.readAllBytes(file);
    for (int at = 0; at < whole.length; at += 7) {
      byte[] damaged = whole.clone();
      damaged[at] ^= 1;
      Files.write(file, damaged);
      try {
        ZoneKeys read = keys();
        // What the damage did not touch is whole: it was in a time.
        assertThat(read.active().key()).isEqualTo(ZoneKeys.parse(whole).active().key());
      } catch (IOException e) {
        assertThat(e).hasMessageContaining("cannot be used");
        assertThatThrownBy(this::open).hasMessageContaining("cannot be used");
      }
      assertThat(Files.readAllBytes(file)).isEqualTo(damaged);
    }
    Files.write(file, java.util.Arrays.copyOf(whole, whole.length / 2));
    assertThatThrownBy(this::open).hasMessageContaining("cannot be used");
    Files.write(file, whole);
    open();
  }

  /**
   * What was served from a moment on: tags of the keys that the parent points at, of those that are
   * published, of those that sign them and of the one that signs the data.
   */
  private record Past(
      Instant from, Set<Integer> ds, Set<Integer> keys, Set<Integer> signers, Set<Integer> data) {}

  /**
   * Caches keep each of DS, DNSKEY and data from any moment that their TTL allows, independently.
   * At no moment is there a mixture of them that cannot be validated.
   */
  @ParameterizedTest(name = "the parent takes {0} h")
  @ValueSource(ints = {0, 1, 30})
  void everyMixtureInCachesValidatesAtAnyTime(int hours) throws Exception {
    activate();
    // Caches have what was there before, too.
    List<Past> past = new ArrayList<>();
    past.add(present());
    pass(Duration.ofMinutes(1));
    serve(signing.roll("example.test", this::compile));
    Instant wanted = Instant.MAX;
    for (int i = 0; i < 3000 && keys().entries().size() > 1; i++) {
      if (i % 31 == 7) {
        open();
      }
      advance();
      if (keys().at(Stage.SUBMITTED).isPresent() && wanted.equals(Instant.MAX)) {
        wanted = clock.instant().plus(Duration.ofHours(hours));
      }
      if (!clock.instant().isBefore(wanted)) {
        parentTakesOver();
      }
      past.add(present());
      List<Past> ds = since(past, Duration.ofHours(24));
      List<Past> keys = since(past, Duration.ofSeconds(ZoneKeys.TTL));
      List<Past> data = since(past, RrSignature.VALIDITY);
      for (Past of : keys) {
        for (Past above : ds) {
          assertThat(above.ds())
              .as("step %d: %s under %s", i, of, above)
              .anyMatch(of.signers()::contains);
        }
        for (Past below : data) {
          assertThat(of.keys()).as("step %d: %s above %s", i, of, below).containsAll(below.data());
        }
      }
      pass(Duration.ofMinutes(20));
    }
    assertThat(stages()).containsExactly(Stage.ACTIVE);
  }

  private Past present() throws IOException {
    Set<Integer> ds = new HashSet<>();
    parent.ds.forEach(data -> ds.add(Wire.getShort(data, 0)));
    Set<Integer> keys = new HashSet<>();
    Signatures.keys(responder, "example.test").forEach(key -> keys.add(key.getFootprint()));
    return new Past(
        clock.instant(),
        ds,
        keys,
        signers("example.test", Type.DNSKEY),
        signers("mail.example.test", Type.A));
  }

  private Set<Integer> signers(String name, int type) throws IOException {
    Message query = Wired.edns(Wired.query(name, type), 0, 1232, true);
    Set<Integer> tags = new HashSet<>();
    for (Record record : Wired.ask(responder, query, false).getSection(Section.ANSWER)) {
      if (record instanceof RRSIGRecord signature) {
        tags.add(signature.getFootprint());
      }
    }
    return tags;
  }

  /** What a cache may still hold: what was served less than {@code ttl} ago, once each. */
  private List<Past> since(List<Past> past, Duration ttl) {
    List<Past> since = new ArrayList<>();
    for (int i = past.size() - 1; i >= 0; i--) {
      Instant replaced = i + 1 < past.size() ? past.get(i + 1).from() : clock.instant();
      if (i + 1 < past.size() && !replaced.isAfter(clock.instant().minus(ttl))) {
        break;
      }
      Past one = past.get(i);
      if (since.stream().noneMatch(p -> same(p, one))) {
        since.add(one);
      }
    }
    return since;
  }

  private static boolean same(Past one, Past other) {
    return one.ds().equals(other.ds())
        && one.keys().equals(other.keys())
        && one.signers().equals(other.signers())
        && one.data().equals(other.data());
  }

  /**
   * A validator with a cache, which keeps everything as long as it may and takes the parent's word
   * as it changes, believes every answer at every moment of a rollover, with the node killed and
   * started again now and then.
   */
  @Test
  void validatorBelievesEveryAnswerThroughRollover() throws Exception {
    activate();
    List<Caching> validators = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      validators.add(new Caching());
    }
    SigningKey first = keys().active().key();
    serve(signing.roll("example.test", this::compile));
    Duration step = Duration.ofMinutes(40);
    for (int i = 0; i < 2000 && keys().entries().size() > 1; i++) {
      if (i % 97 == 13) {
        parentTakesOver();
      }
      if (i % 31 == 7) {
        open();
      }
      advance();
      // Each looks at another pace, so their caches hold other parts of the past.
      for (int v = 0; v < validators.size(); v++) {
        if (i % (2 + 5 * v) == 0) {
          String[] names = {"mail.example.test", "none.example.test", "x.wild.example.test"};
          assertThat(validators.get(v).isSecure(names[i % 3]))
              .as("validator %d, step %d, keys %s", v, i, keys())
              .isTrue();
        }
      }
      pass(step);
    }
    assertThat(keys().active().key()).isNotEqualTo(first);
    assertThat(stages()).containsExactly(Stage.ACTIVE);
  }

  /** dnsjava's validator over a cache; its trust anchor is the parent's DS, itself cached. */
  private final class Caching implements Resolver {
    private static final Duration DS_TTL = Duration.ofHours(24);

    private final Map<String, Message> kept = new HashMap<>();
    private final Map<String, Instant> until = new HashMap<>();
    private List<byte[]> anchors = List.of();
    private Instant anchorsUntil = Instant.MIN;

    boolean isSecure(String name) throws Exception {
      if (!clock.instant().isBefore(anchorsUntil)) {
        anchors = parent.ds;
        anchorsUntil = clock.instant().plus(DS_TTL);
      }
      StringBuilder text = new StringBuilder();
      for (byte[] ds : anchors) {
        text.append("example.test. 3600 IN DS ")
            .append(Wire.getShort(ds, 0))
            .append(" 13 2 ")
            .append(java.util.HexFormat.of().formatHex(ds, 4, ds.length))
            .append('\n');
      }
      ValidatingResolver validator = new ValidatingResolver(this, wall(clock));
      validator.loadTrustAnchors(
          new ByteArrayInputStream(text.toString().getBytes(StandardCharsets.US_ASCII)));
      Message answer =
          validator.sendAsync(Wired.query(name, Type.A), Runnable::run).toCompletableFuture().get();
      return answer.getRcode() != Rcode.SERVFAIL && answer.getHeader().getFlag(Flags.AD);
    }

    @Override
    public CompletionStage<Message> sendAsync(Message query, Executor executor) {
      try {
        String key = query.getQuestion().getName() + " " + query.getQuestion().getType();
        Instant now = clock.instant();
        if (!now.isBefore(until.getOrDefault(key, Instant.MIN))) {
          Message fresh = query.clone();
          fresh.removeAllRecords(Section.ADDITIONAL);
          Wired.edns(fresh, 0, 1232, true);
          Message answer = new Message(Wired.raw(responder, fresh.toWire(), true));
          kept.put(key, answer);
          until.put(key, now.plusSeconds(ttl(answer, now)));
        }
        Message answer = Objects.requireNonNull(kept.get(key)).clone();
        answer.getHeader().setID(query.getHeader().getID());
        return CompletableFuture.completedFuture(answer);
      } catch (IOException e) {
        return CompletableFuture.failedFuture(e);
      }
    }

    private long ttl(Message answer, Instant now) {
      long least = Long.MAX_VALUE;
      for (int section = Section.ANSWER; section <= Section.AUTHORITY; section++) {
        for (Record record : answer.getSection(section)) {
          least = Math.min(least, record.getTTL());
          if (record instanceof RRSIGRecord signature) {
            long left = Duration.between(now, signature.getExpire()).toSeconds();
            least = Math.min(least, left);
          }
        }
      }
      return least;
    }

    @Override
    public void setPort(int port) {}

    @Override
    public void setTCP(boolean flag) {}

    @Override
    public void setIgnoreTruncation(boolean flag) {}

    @Override
    public void setEDNS(int version, int payload, int flags, List<EDNSOption> options) {}

    @Override
    public void setTSIGKey(TSIG key) {}

    @Override
    public void setTimeout(Duration timeout) {}
  }

  private static Clock wall(InstantSource source) {
    return source.withZone(ZoneOffset.UTC);
  }

  /** Another node signs with the same keys, or not at all. */
  @Test
  void followerTakesTheKeysAndMakesNone() throws Exception {
    Signing other =
        new Signing(
            folder.resolve("other"), clock, () -> clock.millis() * 1_000_000, parent, false);
    assertThatThrownBy(() -> Sites.signed(other, Wired.ZONE))
        .isInstanceOf(java.io.UncheckedIOException.class)
        .hasMessageContaining("not here yet");
    assertThat(folder.resolve("other")).doesNotExist();
    other.take(signing.export(), null);
    Responder there = Wired.responder(Sites.signed(other, Wired.ZONE));
    assertThat(Signatures.keys(there, "example.test"))
        .isEqualTo(Signatures.keys(responder, "example.test"));
    assertThat(other.take(signing.export(), () -> Sites.signed(other, Wired.ZONE))).isEmpty();
    byte[] old = signing.export();
    activate();
    serve(signing.roll("example.test", this::compile));
    Zones next = other.take(signing.export(), () -> Sites.signed(other, Wired.ZONE)).orElseThrow();
    assertThat(Signatures.keys(Wired.responder(next), "example.test")).hasSize(2);
    assertThat(other.take(old, () -> Sites.signed(other, Wired.ZONE))).isEmpty();
    // Where the keys were lost and made anew, nothing else is true any more.
    Signing anew = new Signing(folder.resolve("anew"), clock);
    Responder begun = Wired.responder(Sites.signed(anew, Wired.ZONE));
    Zones followed = other.take(anew.export(), () -> Sites.signed(other, Wired.ZONE)).orElseThrow();
    assertThat(Signatures.keys(Wired.responder(followed), "example.test"))
        .isEqualTo(Signatures.keys(begun, "example.test"));
    assertThat(other.advance(() -> Sites.signed(other, Wired.ZONE))).isEmpty();
    assertThatThrownBy(() -> other.roll("example.test", () -> Zones.NONE))
        .isInstanceOf(InvalidInputException.class);
    assertThatThrownBy(() -> other.take("[1]".getBytes(StandardCharsets.UTF_8), null))
        .isInstanceOf(java.io.UncheckedIOException.class);
  }

  @Test
  void dsOfDnsjavaIsOurs() throws Exception {
    DNSKEYRecord key = Signatures.keys(responder, "example.test").getFirst();
    assertThat(new org.xbill.DNS.DSRecord(key.getName(), 1, 3600, 2, key).rdataToWireCanonical())
        .isEqualTo(keys().active().key().ds(apex()));
    assertThat(key.getFootprint()).isEqualTo(keys().active().key().tag());
    byte[] sha384 =
        new org.xbill.DNS.DSRecord(key.getName(), 1, 3600, 4, key).rdataToWireCanonical();
    assertThat(keys().active().key().isMeant(sha384, apex())).isTrue();
  }
}
