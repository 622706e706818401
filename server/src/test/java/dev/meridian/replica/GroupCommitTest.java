package dev.meridian.replica;

import static dev.meridian.replica.Fixture.SMALL;
import static dev.meridian.replica.Fixture.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.throwable;

import dev.meridian.store.Batch;
import dev.meridian.store.LogCodec;
import dev.meridian.store.Outcome;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Against a log that answers when the test says so: a disk that hangs is one that never does. */
@Timeout(60)
class GroupCommitTest {
  private static final Duration SHORT = Duration.ofMillis(100);
  private static final Duration LONG = Duration.ofMinutes(10);
  private static final Outcome OUTCOME = new Outcome.Swept(1, 2, 3);

  /** Whether the next proposal meets an error of our own. */
  private volatile boolean broken;

  /** Entries that the log has taken and not answered. */
  private final BlockingQueue<LogGroup> taken = new LinkedBlockingQueue<>();

  private final GroupCommit commits = open(1, 1);

  private GroupCommit open(int entryWrites, int entriesInFlight) {
    return open(entryWrites, entriesInFlight, SMALL.queuedWrites());
  }

  private GroupCommit open(int entryWrites, int entriesInFlight, int queuedWrites) {
    return new GroupCommit(
        SMALL
            .edit()
            .entry(entryWrites, 1 << 20)
            .entriesInFlight(entriesInFlight)
            .queue(queuedWrites, 64 << 20)
            .build(),
        new GroupCommit.Log() {
          private long clock;

          @Override
          public @Nullable String refusal() {
            if (broken) {
              broken = false;
              throw new IllegalStateException("planted");
            }
            return null;
          }

          @Override
          public long nextTimestamp() {
            return ++clock;
          }

          @Override
          public long wallMillis() {
            return 1;
          }

          @Override
          public long term() {
            return 1;
          }

          @Override
          public void committed(long term, Lease.Moment proposed) {
            // Nothing here rests on a lease.
          }

          @Override
          public void submit(LogGroup group) {
            group.appending(1);
            taken.add(group);
          }
        },
        new ReplicaMetrics(new SimpleMeterRegistry()));
  }

  @AfterEach
  void close() {
    commits.close();
  }

  private static Command command(String path) {
    return LogCodec.command(Batch.of(put(path, "{}")));
  }

  private CompletableFuture<Outcome> commit(String path, Duration deadline) {
    return commit(commits, path, deadline);
  }

  private static CompletableFuture<Outcome> commit(
      GroupCommit commits, String path, Duration deadline) {
    CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                outcome.complete(commits.commit(command(path), deadline));
              } catch (RuntimeException e) {
                outcome.completeExceptionally(e);
              }
            });
    return outcome;
  }

  /** A flush makes room: it must get through however much waits. */
  @Test
  void whatComesFirstIsTakenThoughTheQueueIsFull() throws Exception {
    try (GroupCommit small = open(2, 1, 4)) {
      CompletableFuture<Outcome> inFlight = commit(small, "items/a", LONG);
      LogGroup held = entry();
      List<CompletableFuture<Outcome>> all = new ArrayList<>(List.of(inFlight));
      for (int i = 0; i < 4; i++) {
        all.add(commit(small, "items/w" + i, LONG));
      }
      await(small, 4);
      CompletableFuture<Outcome> refused = commit(small, "items/b", LONG);
      assertThatThrownBy(refused::join).cause().hasMessageContaining("Too many writes are waiting");
      CompletableFuture<Outcome> first = new CompletableFuture<>();
      Thread.ofVirtual()
          .start(() -> first.complete(small.commitFirst(LogCodec.sweep(1, 1, 1, 1), LONG)));
      all.add(first);
      await(small, 5);
      held.applied(List.of(OUTCOME));
      LogGroup next = entry();
      assertThat(next.turns().getFirst().command().hasSweep()).isTrue();
      next.applied(Collections.nCopies(next.turns().size(), OUTCOME));
      assertThat(first.get(30, TimeUnit.SECONDS)).isEqualTo(OUTCOME);
      for (int left = 5 - next.turns().size(); left > 0; ) {
        LogGroup group = entry();
        left -= group.turns().size();
        group.applied(Collections.nCopies(group.turns().size(), OUTCOME));
      }
      for (CompletableFuture<Outcome> outcome : all) {
        assertThat(outcome.get(30, TimeUnit.SECONDS)).isEqualTo(OUTCOME);
      }
    }
  }

  private static void await(GroupCommit commits, int queued) throws InterruptedException {
    while (commits.queued() != queued) {
      Thread.sleep(1);
    }
  }

  private LogGroup entry() throws InterruptedException {
    LogGroup group = taken.poll(30, TimeUnit.SECONDS);
    assertThat(group).isNotNull();
    return group;
  }

  private static void assertUnavailable(@Nullable Throwable thrown, Unavailable.Outcome outcome) {
    assertThat(thrown)
        .asInstanceOf(throwable(Unavailable.class))
        .extracting(Unavailable::outcome)
        .isEqualTo(outcome);
  }

  @Test
  void writesThatComeWhileAnEntryIsInFlightShareTheNextAndFullOnesGoAtOnce() throws Exception {
    try (GroupCommit shared = open(3, 2)) {
      List<CompletableFuture<Outcome>> all = new ArrayList<>();
      all.add(commit(shared, "a/1", LONG));
      LogGroup first = entry();
      all.add(commit(shared, "a/2", LONG));
      all.add(commit(shared, "a/3", LONG));
      awaitQueued(shared, 2);
      assertThat(taken).isEmpty(); // there is room in it
      all.add(commit(shared, "a/4", LONG));
      LogGroup full = entry();
      assertThat(full.writes()).hasSize(3);
      for (int i = 5; i <= 7; i++) {
        all.add(commit(shared, "a/" + i, LONG));
      }
      awaitQueued(shared, 3);
      assertThat(taken).isEmpty(); // two are in flight
      first.applied(List.of(OUTCOME));
      LogGroup last = entry();
      full.applied(List.of(OUTCOME, OUTCOME, OUTCOME));
      last.applied(List.of(OUTCOME, OUTCOME, OUTCOME));
      for (CompletableFuture<Outcome> outcome : all) {
        assertThat(outcome.get(30, TimeUnit.SECONDS)).isEqualTo(OUTCOME);
      }
    }
  }

  /** Eight writers, who wait for each answer, and a log that takes its time. */
  @Test
  void writersShareEntries() throws Exception {
    try (GroupCommit shared = open(1000, 4)) {
      List<CompletableFuture<Void>> writers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        String path = "a/" + i;
        writers.add(
            CompletableFuture.runAsync(
                () -> {
                  for (int n = 0; n < 50; n++) {
                    shared.commit(command(path), LONG);
                  }
                },
                task -> Thread.ofVirtual().start(task)));
      }
      CompletableFuture<Void> all =
          CompletableFuture.allOf(writers.toArray(CompletableFuture<?>[]::new));
      int entries = 0;
      while (!all.isDone()) {
        LogGroup group = taken.poll(10, TimeUnit.MILLISECONDS);
        if (group != null) {
          entries++;
          Thread.sleep(5); // what a slow disk takes
          group.applied(Collections.nCopies(group.writes().size(), OUTCOME));
        }
      }
      all.get();
      assertThat(entries).isBetween(50, 200);
    }
  }

  private static void awaitQueued(GroupCommit commits, int writes) throws InterruptedException {
    for (int i = 0; commits.queued() != writes; i++) {
      assertThat(i).isLessThan(6000);
      Thread.sleep(5);
    }
  }

  /** More than once, so that the thread that watches has rested in between. */
  @Test
  void everyWriteThatTheLogNeverAnswersEndsAsUnknown() throws Exception {
    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(() -> commits.commit(command("a/1"), SHORT))
          .satisfies(e -> assertUnavailable(e, Unavailable.Outcome.UNKNOWN));
      entry().applied(List.of(OUTCOME)); // too late, and harmless
    }
  }

  @Test
  void writeThatWaitedTooLongForItsTurnIsNotDoneAndNeverProposed() throws Exception {
    CompletableFuture<Outcome> first = commit("a/1", LONG);
    LogGroup held = entry();
    assertThatThrownBy(() -> commits.commit(command("a/2"), SHORT))
        .satisfies(e -> assertUnavailable(e, Unavailable.Outcome.NOT_DONE));
    CompletableFuture<Outcome> third = commit("a/3", LONG);
    held.applied(List.of(OUTCOME));
    assertThat(first.get(30, TimeUnit.SECONDS)).isEqualTo(OUTCOME);

    LogGroup next = entry();
    assertThat(next.writes()).hasSize(1);
    assertThat(next.writes().getFirst().command()).isEqualTo(command("a/3"));
    next.applied(List.of(OUTCOME));
    assertThat(third.get(30, TimeUnit.SECONDS)).isEqualTo(OUTCOME);
    assertThat(taken).isEmpty();
  }

  @Test
  void interruptedCallerIsToldWhatIsKnown() throws Exception {
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    AtomicReference<Boolean> flag = new AtomicReference<>();
    Thread caller =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    commits.commit(command("a/1"), LONG);
                  } catch (RuntimeException e) {
                    thrown.set(e);
                    flag.set(Thread.currentThread().isInterrupted());
                  }
                });
    entry();
    caller.interrupt();
    assertThat(caller.join(Duration.ofSeconds(30))).isTrue();
    assertUnavailable(thrown.get(), Unavailable.Outcome.UNKNOWN);
    assertThat(flag).hasValue(true);
  }

  @Test
  void closingAnswersWhatIsQueuedAndWhatIsInTheLog() throws Exception {
    CompletableFuture<Outcome> submitted = commit("a/1", LONG);
    entry();
    CompletableFuture<Outcome> queued = commit("a/2", LONG);
    while (commits.queued() == 0) {
      Thread.onSpinWait();
    }
    commits.close();
    assertThatThrownBy(() -> submitted.get(30, TimeUnit.SECONDS))
        .satisfies(e -> assertUnavailable(e.getCause(), Unavailable.Outcome.UNKNOWN));
    assertThatThrownBy(() -> queued.get(30, TimeUnit.SECONDS))
        .satisfies(e -> assertUnavailable(e.getCause(), Unavailable.Outcome.NOT_DONE));
    assertThatThrownBy(() -> commits.commit(command("a/3"), LONG))
        .satisfies(e -> assertUnavailable(e, Unavailable.Outcome.NOT_DONE));
  }

  @Test
  void errorOfOurOwnIsToldAndDoesNotEndTheProposer() throws Exception {
    broken = true;
    assertThatThrownBy(() -> commit("items/a", LONG).get(60, TimeUnit.SECONDS))
        .cause()
        .isInstanceOfSatisfying(
            Unavailable.class, e -> assertThat(e.outcome()).isEqualTo(Unavailable.Outcome.UNKNOWN));
    CompletableFuture<Outcome> next = commit("items/b", LONG);
    LogGroup group = taken.poll(60, TimeUnit.SECONDS);
    assertThat(group).isNotNull();
    java.util.Objects.requireNonNull(group).applied(List.of(OUTCOME));
    assertThat(next.get(60, TimeUnit.SECONDS)).isEqualTo(OUTCOME);
  }
}
