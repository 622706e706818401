package dev.meridian.replica;

import static dev.meridian.replica.Fixture.increment;
import static dev.meridian.replica.Fixture.keyed;
import static dev.meridian.replica.Fixture.put;
import static dev.meridian.replica.Fixture.read;
import static dev.meridian.replica.Members.awaitTrue;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.Consistency;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Write;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A group of several members: it grows, it goes on without some of them, and loses nothing. */
@Timeout(300)
class MembersTest {
  /** A primary that hears from nobody keeps its place for a while, and its writes wait longer. */
  private static final UnaryOperator<ReplicaOptions.Builder> PATIENT =
      options ->
          options.electionTimeout(Duration.ofSeconds(2)).writeDeadline(Duration.ofMinutes(1));

  private static final ReadOptions EVENTUAL =
      new ReadOptions(Consistency.EVENTUAL, SessionToken.NONE);
  private static final DocumentPath COUNT = DocumentPath.parse("items/count");

  @TempDir Path folder;

  private Members start(int number) throws Exception {
    return Members.start(folder, number, UnaryOperator.identity());
  }

  private static String text(Document document) {
    return new String(document.json(), StandardCharsets.UTF_8);
  }

  @Test
  void oneBecomesThreeWhileItServes() throws Exception {
    Members members = new Members(folder, false, UnaryOperator.identity());
    try (members) {
      Members.Node first = members.first();
      AtomicBoolean stop = new AtomicBoolean();
      AtomicInteger written = new AtomicInteger();
      List<Throwable> failures = new ArrayList<>();
      Thread writer =
          Thread.startVirtualThread(
              () -> {
                try {
                  while (!stop.get()) {
                    int n = written.get();
                    first.store().write(Batch.of(put("items/a" + n, "{\"n\":" + n + "}")));
                    written.set(n + 1);
                  }
                } catch (RuntimeException e) {
                  failures.add(e);
                }
              });
      members.join();
      members.join();
      stop.set(true);
      writer.join();
      assertThat(failures).isEmpty();
      assertThat(written.get()).isPositive();
      for (Members.Node node : members.nodes) {
        assertThat(node.store().status().members()).isEqualTo(3);
        for (int i = 0; i < written.get(); i += 7) {
          assertThat(read(node.store(), "items/a" + i)).isEqualTo("{\"n\":" + i + "}");
        }
        assertThat(read(node.store(), "items/a" + (written.get() - 1))).isNotNull();
      }
    }
  }

  @Test
  void everyMemberTakesWritesOfEveryKindAndTellsTheirOutcome() throws Exception {
    try (Members members = start(3)) {
      Members.Node replica = members.replica();
      Commit put = replica.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      assertThat(put.results().getFirst().existed()).isFalse();
      Version version = put.version();
      Write wrong =
          new Write.Put(
              DocumentPath.parse("items/a"),
              Fixture.utf8("{}"),
              new Condition(List.of("0000000000000001" + "0000"), List.of()),
              Expiry.NEVER);
      assertThatThrownBy(() -> replica.store().write(Batch.of(wrong)))
          .isInstanceOfSatisfying(
              PreconditionFailed.class, e -> assertThat(e.current()).isEqualTo(version));
      Batch keyed = keyed("k1", increment("items/a", "n", 5));
      Commit once = replica.store().write(keyed);
      for (Members.Node node : members.nodes) {
        Commit again = node.store().write(keyed);
        assertThat(again.replayed()).isTrue();
        assertThat(again.version()).isEqualTo(once.version());
        assertThat(read(node.store(), "items/a")).isEqualTo("{\"n\":6}");
      }
    }
  }

  @Test
  void strongReadsOnAnyMemberSeeWhatWasAcknowledgedAnywhere() throws Exception {
    try (Members members = start(3)) {
      for (int i = 0; i < 30; i++) {
        Members.Node writer = members.nodes.get(i % 3);
        writer.store().write(Batch.of(put("items/a", "{\"n\":" + i + "}")));
        for (Members.Node reader : members.nodes) {
          assertThat(read(reader.store(), "items/a")).isEqualTo("{\"n\":" + i + "}");
        }
      }
    }
  }

  /** A replica may apply an entry before the primary does. */
  @Test
  void strongReadsOfThePrimaryAreNotBehindWhatAReplicaShowed() throws Exception {
    try (Members members = start(3)) {
      Members.Node primary = members.primary();
      AtomicBoolean over = new AtomicBoolean();
      List<Thread> writers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        writers.add(
            Thread.ofVirtual()
                .start(
                    () -> {
                      while (!over.get()) {
                        primary.store().write(Batch.of(increment("items/count", "n", 1)));
                      }
                    }));
      }
      Members.Node replica = members.replica();
      awaitTrue(() -> replica.store().get(COUNT, EVENTUAL).isPresent());
      long until = System.nanoTime() + Duration.ofSeconds(4).toNanos();
      while (System.nanoTime() - until < 0) {
        Version shown = replica.store().get(COUNT, EVENTUAL).orElseThrow().version();
        assertThat(primary.store().get(COUNT, ReadOptions.STRONG).orElseThrow().version())
            .isGreaterThanOrEqualTo(shown);
        Version seen = replica.store().get(COUNT, EVENTUAL).orElseThrow().version();
        ReadOptions session = ReadOptions.session(SessionToken.NONE.seen(seen));
        assertThat(primary.store().get(COUNT, session).orElseThrow().version())
            .isGreaterThanOrEqualTo(seen);
      }
      over.set(true);
      for (Thread writer : writers) {
        writer.join();
      }
    }
  }

  /**
   * A strong read that the others confirmed, since there was no lease, says nothing about later
   * ones: also where nothing was written in between.
   */
  @Test
  void primaryThatHearsFromNobodyDoesNotRestOnReadsThatWereConfirmedEarlier() throws Exception {
    Duration election = Duration.ofSeconds(2);
    try (Members members =
        Members.start(
            folder,
            3,
            options -> options.electionTimeout(election).readDeadline(Duration.ofMillis(300)))) {
      Members.Node primary = members.primary();
      List<Members.Node> others = members.nodes.stream().filter(node -> node != primary).toList();
      primary.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      String gone = others.getFirst().id();
      others.getFirst().stop();
      // While the primary's place is to move, it has no lease; and nobody takes it.
      Thread transfer =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      primary.store().transferForTest(gone, Duration.ofSeconds(2));
                    } catch (IOException e) {
                      // As it should be.
                    }
                  });
      transfer.join();
      // Nor has it one after that; but the other member confirms what it answers.
      awaitTrue(
          () -> {
            try {
              return "{\"n\":1}".equals(read(primary.store(), "items/a"));
            } catch (Unavailable e) {
              return false;
            }
          });
      assertThat(primary.store().isPrimary()).isTrue();

      others.getLast().stop();
      long silent = System.nanoTime();
      int refused = 0;
      while (System.nanoTime() - silent < election.multipliedBy(3).toNanos()) {
        boolean over = System.nanoTime() - silent > election.toNanos();
        try {
          String answer = read(primary.store(), "items/a");
          assertThat(over).as("answered %s without a lease", answer).isFalse();
        } catch (Unavailable e) {
          refused++;
        }
      }
      assertThat(refused).isPositive();
    }
  }

  @Test
  void sessionsSeeTheirOwnWritesOnOtherMembers() throws Exception {
    try (Members members = start(3)) {
      SessionToken token = SessionToken.NONE;
      for (int i = 0; i < 30; i++) {
        Commit commit =
            members.nodes.get(i % 3).store().write(Batch.of(put("items/a", "{\"n\":" + i + "}")));
        token = token.seen(commit.version());
        Document read =
            members
                .nodes
                .get((i + 1) % 3)
                .store()
                .get(DocumentPath.parse("items/a"), ReadOptions.session(token))
                .orElseThrow();
        assertThat(text(read)).isEqualTo("{\"n\":" + i + "}");
      }
    }
  }

  @Test
  void writesGoOnAfterThePrimaryIsGoneAndNoneIsLost() throws Exception {
    try (Members members = start(3)) {
      Map<String, String> acknowledged = new ConcurrentHashMap<>();
      for (int round = 0; round < 3; round++) {
        Members.Node primary = members.primary();
        AtomicBoolean stop = new AtomicBoolean();
        List<Thread> writers = new ArrayList<>();
        for (int w = 0; w < 8; w++) {
          String prefix = "items/r" + round + "w" + w + "-";
          writers.add(
              Thread.startVirtualThread(
                  () -> {
                    for (int i = 0; !stop.get(); i++) {
                      String json = "{\"n\":" + i + "}";
                      ReplicatedStore store =
                          members.nodes.stream()
                              .filter(node -> node != primary)
                              .toList()
                              .get(i % 2)
                              .store();
                      try {
                        store.write(keyed(prefix + i, put(prefix + i, json)));
                        acknowledged.put(prefix + i, json);
                      } catch (Unavailable e) {
                        // No promise was made.
                      }
                    }
                  }));
        }
        int before = acknowledged.size();
        awaitTrue(() -> acknowledged.size() > before + 200);
        // As a kill would, except that its port is closed at once.
        primary.host().close();
        int then = acknowledged.size();
        awaitTrue(() -> acknowledged.size() > then + 200);
        stop.set(true);
        for (Thread writer : writers) {
          writer.join();
        }
        primary.stop();
        primary.start();
        primary.store().awaitServing();
      }
      for (Members.Node node : members.nodes) {
        for (Map.Entry<String, String> entry : acknowledged.entrySet()) {
          assertThat(read(node.store(), entry.getKey()))
              .as(entry.getKey())
              .isEqualTo(entry.getValue());
        }
        assertThat(node.store().verify().problems()).isEmpty();
      }
    }
  }

  @Test
  void minorityRefusesWhatItCannotPromiseAndServesTheRest() throws Exception {
    try (Members members = start(3)) {
      members.primary().store().write(Batch.of(put("items/a", "{\"n\":1}")));
      Members.Node left = members.nodes.getFirst();
      for (Members.Node node : members.nodes) {
        assertThat(read(node.store(), "items/a")).isNotNull();
      }
      members.nodes.get(1).stop();
      members.nodes.get(2).stop();
      assertThatThrownBy(() -> left.store().write(Batch.of(put("items/a", "{\"n\":2}"))))
          .isInstanceOf(Unavailable.class);
      assertThatThrownBy(() -> read(left.store(), "items/a"))
          .isInstanceOfSatisfying(
              Unavailable.class,
              e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.NOT_DONE));
      assertThat(left.store().get(DocumentPath.parse("items/a"), EVENTUAL)).isPresent();
      awaitTrue(() -> left.store().stale().isPresent());
      members.nodes.get(1).start();
      awaitTrue(
          () -> {
            try {
              left.store().write(Batch.of(put("items/a", "{\"n\":3}")));
              return true;
            } catch (Unavailable e) {
              return false;
            }
          });
      assertThat(read(left.store(), "items/a")).isEqualTo("{\"n\":3}");
      awaitTrue(() -> left.store().stale().isEmpty());
    }
  }

  @Test
  void memberThatWasAwayLongCatchesUpByASnapshotAlsoWhenNothingIsWritten() throws Exception {
    try (Members members =
        Members.start(
            folder,
            3,
            options ->
                options
                    .snapshots(64 << 10, 100, Duration.ofMinutes(10))
                    .entriesKept(0)
                    .segmentBytes(32 << 10))) {
      Members.Node away = members.replica();
      away.stop();
      String filler = "x".repeat(2000);
      for (int i = 0; i < 500; i++) {
        members
            .primary()
            .store()
            .write(Batch.of(put("items/a" + i, "{\"n\":" + i + ",\"t\":\"" + filler + "\"}")));
      }
      Members.Node primary = members.primary();
      awaitTrue(() -> primary.store().status().snapshotIndex() > 300);
      away.start();
      awaitTrue(() -> away.store().get(DocumentPath.parse("items/a499"), EVENTUAL).isPresent());
      assertThat(away.store().verify().problems()).isEmpty();
      assertThat(away.store().verify().documents()).isEqualTo(500);
      assertThat(away.store().generation()).as("snapshots taken over").isPositive();
      // And it goes on as a member like any other.
      away.store().write(Batch.of(put("items/new", "{\"n\":1}")));
      assertThat(read(away.store(), "items/new")).isEqualTo("{\"n\":1}");
      away.stop();
      away.start();
      away.store().awaitServing();
      assertThat(read(away.store(), "items/a0")).isNotNull();
    }
  }

  /** When it is back, nothing else would tell the primary that it has the entry. */
  @Test
  void writeIsDoneAlsoWhenTheWordOfTheMemberThatHasItWasLost() throws Exception {
    try (Members members =
        Members.startLinked(folder, 3, options -> options.electionTimeout(Duration.ofSeconds(5)))) {
      Members.Node primary = members.primary();
      Members.Node hearer = members.replica();
      Members.Node gone =
          members.nodes.stream()
              .filter(node -> node != primary && node != hearer)
              .findFirst()
              .orElseThrow();
      primary.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      gone.stop();
      members.mute(hearer);
      long before = hearer.store().lastIndexForTest();
      // Not in the pool that all share: Raft uses it.
      FutureTask<Boolean> written =
          new FutureTask<>(
              () -> primary.store().write(Batch.of(put("items/a", "{\"n\":2}"))), true);
      var unused = Thread.ofVirtual().start(written);
      awaitTrue(() -> hearer.store().lastIndexForTest() > before);
      assertThat(written.isDone()).isFalse();
      members.hear(hearer);
      assertThat(written.get(4, TimeUnit.SECONDS)).isTrue(); // before there is an election
      assertThat(primary.store().isPrimary()).isTrue();
      assertThat(read(hearer.store(), "items/a")).isEqualTo("{\"n\":2}");
    }
  }

  @Test
  void closingThePrimaryHandsOverWithoutAnElection() throws Exception {
    try (Members members = start(3)) {
      Members.Node primary = members.primary();
      long term = primary.store().status().term();
      primary.stop();
      Members.Node next = members.primary();
      assertThat(next).isNotSameAs(primary);
      // Exactly one election, which the old primary asked for.
      assertThat(next.store().status().term()).isEqualTo(term + 1);
      next.store().write(Batch.of(put("items/a", "{\"n\":1}")));
    }
  }

  @Test
  void spareHoldsACopyServesItAndTakesThePlaceOfAReplica() throws Exception {
    try (Members members = start(3)) {
      members.primary().store().write(Batch.of(put("items/a", "{\"n\":1}")));
      Members.Node spare = members.joinAsSpare();
      assertThat(spare.store().status().role()).isEqualTo("spare");
      assertThat(spare.store().status().members()).isEqualTo(3);
      assertThat(read(spare.store(), "items/a")).isEqualTo("{\"n\":1}");
      Commit commit = spare.store().write(Batch.of(put("items/a", "{\"n\":2}")));
      Document read =
          spare
              .store()
              .get(
                  DocumentPath.parse("items/a"),
                  ReadOptions.session(SessionToken.NONE.seen(commit.version())))
              .orElseThrow();
      assertThat(text(read)).isEqualTo("{\"n\":2}");
      // It comes back as what it was.
      spare.stop();
      spare.start();
      spare.store().awaitServing();
      assertThat(spare.store().status().role()).isEqualTo("spare");
      assertThat(read(spare.store(), "items/a")).isEqualTo("{\"n\":2}");
      // One of the three is gone for good.
      Members.Node gone = members.replica();
      String id = gone.id();
      gone.stop();
      members.change(before -> before.without(id).withReplica(spare.id(), Members.address(spare)));
      awaitTrue(() -> spare.store().status().role().equals("replica"));
      // Its vote counts: without it and the primary there is no majority.
      Members.Node primary = members.primary();
      primary.stop();
      spare.store().write(keyed("k", put("items/a", "{\"n\":3}")));
      assertThat(read(spare.store(), "items/a")).isEqualTo("{\"n\":3}");
    }
  }

  @Test
  void sparesHaveNoSayInWhatIsSafe() throws Exception {
    try (Members members = start(3)) {
      Members.Node spare = members.joinAsSpare();
      Members.Node other = members.joinAsSpare();
      Members.Node primary = members.primary();
      for (Members.Node node : members.nodes.subList(0, 3)) {
        if (node != primary) {
          node.stop();
        }
      }
      // One of three replicas is left: two spares make no majority of it.
      for (Members.Node node : List.of(spare, other)) {
        assertThatThrownBy(() -> node.store().write(Batch.of(put("items/a", "{\"n\":1}"))))
            .isInstanceOf(Unavailable.class);
      }
      for (Members.Node node : members.nodes.subList(0, 3)) {
        if (node != primary) {
          node.start();
        }
      }
      awaitTrue(
          () -> {
            try {
              spare.store().write(keyed("k", put("items/a", "{\"n\":2}")));
              return true;
            } catch (Unavailable e) {
              return false;
            }
          });
      assertThat(read(other.store(), "items/a")).isEqualTo("{\"n\":2}");
    }
  }

  @Test
  void primaryThatIsToLeaveHandsOverAndTheNextOneLetsItGo() throws Exception {
    try (Members members = start(3)) {
      Members.Node leaving = members.primary();
      leaving.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      Membership now = leaving.store().members();
      assertThatThrownBy(
              () -> leaving.store().setMembers(now, now.without(leaving.id()), Members.LONG))
          .hasMessageContaining("another member is its primary now");
      Members.Node next = members.primary();
      assertThat(next).isNotSameAs(leaving);
      // It does not matter whom one asks.
      leaving.store().setMembers(now, now.without(leaving.id()), Members.LONG);
      assertThat(next.store().members()).isEqualTo(now.without(leaving.id()));
      next.store().write(Batch.of(put("items/a", "{\"n\":2}")));
      assertThat(read(next.store(), "items/a")).isEqualTo("{\"n\":2}");
    }
  }

  @Test
  void changeOfMembersIsRefusedWhenTheyAreOthersThanExpected() throws Exception {
    try (Members members = start(2)) {
      Members.Node primary = members.primary();
      Membership now = primary.store().members();
      Membership wrong = now.without(members.replica().id());
      assertThatThrownBy(() -> primary.store().setMembers(wrong, wrong, Members.LONG))
          .isInstanceOf(java.io.IOException.class);
      assertThatThrownBy(() -> members.replica().store().setMembers(wrong, wrong, Members.LONG))
          .isInstanceOf(java.io.IOException.class);
      assertThat(primary.store().members()).isEqualTo(now);
    }
  }

  /**
   * Ratis may not get over one that failed before it looked, and then takes no request any more.
   */
  @Test
  void handOverToAMemberThatIsGoneEndsAndThePrimaryGoesOn() throws Exception {
    try (Members members = start(3)) {
      Members.Node primary = members.primary();
      Members.Node replica = members.replica();
      String gone = replica.id();
      primary.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      replica.stop(); // with all of the log: it would be asked at once
      for (int i = 0; i < 60; i++) {
        assertThatThrownBy(() -> primary.store().transferForTest(gone, Duration.ofMillis(20)))
            .isInstanceOf(IOException.class);
      }
      primary.store().write(Batch.of(put("items/a", "{\"n\":2}")));
      assertThat(read(primary.store(), "items/a")).isEqualTo("{\"n\":2}");
    }
  }

  /**
   * Its entries arrive, but it does not hear so, until another is primary: that one keeps them, and
   * the log tells. The write has no key by which it could be repeated.
   */
  @Test
  void primaryThatLostItsPlaceTellsWhatBecameOfItsWrites() throws Exception {
    try (Members members = Members.startLinked(folder, 3, PATIENT)) {
      Members.Node before = members.primary();
      List<Members.Node> others = new ArrayList<>(members.nodes);
      others.remove(before);
      others.getFirst().stop();
      Members.Node next = others.getLast();
      members.mute(next);
      Commit commit = before.store().write(Batch.of(increment("items/count", "n", 1)));
      assertThat(commit.results()).hasSize(1);
      assertThat(next.store().status().role()).isEqualTo("primary");
      members.hear(next);
      assertThat(read(next.store(), "items/count")).isEqualTo("{\"n\":1}");
    }
  }

  /** As with a machine that lost its power: connections are open, and nothing comes back. */
  @Test
  void nobodyWaitsForASilentPrimaryWhenAnotherIsThere() throws Exception {
    try (Members members =
        Members.startLinked(
            folder, 3, options -> options.readDeadline(Members.LONG).writeDeadline(Members.LONG))) {
      Members.Node before = members.primary();
      Members.Node asker = members.replica();
      before.store().write(Batch.of(put("items/a", "{\"n\":1}")));
      assertThat(read(asker.store(), "items/a")).isEqualTo("{\"n\":1}");
      members.mute(before);
      FutureTask<String> read = new FutureTask<>(() -> read(asker.store(), "items/a"));
      FutureTask<Commit> write =
          new FutureTask<>(() -> asker.store().write(keyed("k", increment("items/count", "n", 1))));
      for (FutureTask<?> task : List.of(read, write)) {
        Thread thread = Thread.ofPlatform().daemon().start(task);
        awaitTrue(() -> thread.getState() == Thread.State.WAITING);
      }
      before.store().quiesce(); // has another become primary
      // Sooner than gRPC finds out, which gives a connection 13 s.
      assertThat(read.get(6, TimeUnit.SECONDS)).isEqualTo("{\"n\":1}");
      assertThat(write.get(6, TimeUnit.SECONDS).results()).hasSize(1);
      assertThat(read(asker.store(), "items/count")).isEqualTo("{\"n\":1}");
    }
  }

  /** Its entries arrive nowhere: they are gone, or it is primary again and finishes them. */
  @Test
  void writeThatThePrimaryKeptToItselfIsDoneOnceWhenTheOthersAreBack() throws Exception {
    try (Members members = Members.start(folder, 3, PATIENT)) {
      Members.Node before = members.primary();
      List<Members.Node> others = new ArrayList<>(members.nodes);
      others.remove(before);
      for (Members.Node node : others) {
        node.stop();
      }
      FutureTask<Commit> write =
          new FutureTask<>(() -> before.store().write(Batch.of(increment("items/count", "n", 1))));
      Thread.ofVirtual().start(write);
      awaitTrue(() -> !before.store().status().role().equals("primary"));
      for (Members.Node node : others) {
        node.start();
      }
      assertThat(write.get(60, TimeUnit.SECONDS).results()).hasSize(1);
      assertThat(read(before.store(), "items/count")).isEqualTo("{\"n\":1}");
    }
  }
}
