package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.peer.PeerException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SharedCallsTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  /** A call that was made and is answered when the test says so. */
  private record Made(List<String> requests, CompletableFuture<List<String>> answers) {
    void answer() {
      answers.complete(requests.stream().map(request -> "re " + request).toList());
    }
  }

  private final BlockingQueue<Made> made = new LinkedBlockingQueue<>();

  /** Whether another node would answer. */
  private volatile boolean another;

  private final SharedCalls.Elsewhere<String> elsewhere =
      new SharedCalls.Elsewhere<>() {
        @Override
        public boolean known() {
          return another;
        }

        @Override
        public boolean mayRepeat(String request) {
          return !request.equals("once");
        }
      };

  private SharedCalls<String, String> calls(Duration turn, int most, long mostBytes) {
    return calls(turn, 1, most, mostBytes);
  }

  private SharedCalls<String, String> calls(Duration turn, int atOnce, int most, long mostBytes) {
    return new SharedCalls<>(turn, atOnce, most, mostBytes, elsewhere, this::make);
  }

  private SharedCalls<String, String> gathered() {
    return SharedCalls.gathered(LONG, elsewhere, this::make);
  }

  private CompletableFuture<List<String>> make(List<String> requests) {
    Made call = new Made(requests, new CompletableFuture<>());
    made.add(call);
    return call.answers;
  }

  private static Future<String> ask(SharedCalls<String, String> calls, String request, int bytes)
      throws Exception {
    FutureTask<String> task = new FutureTask<>(() -> calls.ask(request, bytes, LONG));
    Thread asker = Thread.ofVirtual().start(task);
    // In the order in which the test asks.
    while (asker.getState() != Thread.State.WAITING && asker.isAlive()) {
      Thread.sleep(1);
    }
    return task;
  }

  @Test
  void oneAloneGoesAtOnceAndThoseThatComeMeanwhileShareTheNext() throws Exception {
    SharedCalls<String, String> calls = calls(LONG, 100, 1000);
    Future<String> first = ask(calls, "a", 1);
    Made alone = made.take();
    assertThat(alone.requests).containsExactly("a");
    Future<String> second = ask(calls, "b", 1);
    Future<String> third = ask(calls, "c", 1);
    assertThat(made).isEmpty();
    alone.answer();
    assertThat(first.get()).isEqualTo("re a");
    Made shared = made.take();
    assertThat(shared.requests).containsExactly("b", "c");
    shared.answer();
    assertThat(second.get()).isEqualTo("re b");
    assertThat(third.get()).isEqualTo("re c");
  }

  @Test
  void whatComesDuringCallsGoesAfterAPartOfTheirUsualTime() throws Exception {
    SharedCalls<String, String> calls = calls(LONG, 4, 100, 1000);
    calls.usually(Duration.ofMinutes(1));
    List<Future<String>> asked = new ArrayList<>();
    asked.add(ask(calls, "r0", 1));
    asked.add(ask(calls, "r1", 1));
    List<Made> underWay = new ArrayList<>(List.of(made.take(), made.take()));
    assertThat(underWay.get(0).requests).containsExactly("r0");
    assertThat(underWay.get(1).requests).containsExactly("r1");
    // None of them is answered.
    while (made.size() < 2) {
      asked.add(ask(calls, "r" + asked.size(), 1));
    }
    asked.add(ask(calls, "last", 1));
    underWay.add(made.take());
    underWay.add(made.take());
    underWay.forEach(Made::answer);
    made.take().answer();
    for (Future<String> one : asked) {
      assertThat(one.get()).startsWith("re ");
    }
  }

  @Test
  void whileOneHangsNoMoreAreBegunThanTwo() throws Exception {
    SharedCalls<String, String> calls = calls(Duration.ofMillis(250), 8, 100, 1000);
    Future<String> first = ask(calls, "first", 1);
    Future<String> second = ask(calls, "second", 1);
    Made hangs = made.take();
    Made other = made.take();
    Thread.sleep(100);
    Future<String> third = ask(calls, "third", 1);
    assertThatThrownBy(third::get).hasCauseInstanceOf(SharedCalls.NotSent.class);
    assertThat(made).isEmpty();
    hangs.answer();
    other.answer();
    assertThat(first.get()).isEqualTo("re first");
    assertThat(second.get()).isEqualTo("re second");
  }

  @Test
  void callIsBoundedInNumberAndBytesAndALargerRequestGoesAlone() throws Exception {
    SharedCalls<String, String> calls = calls(LONG, 3, 10);
    List<Future<String>> asked = new ArrayList<>();
    asked.add(ask(calls, "first", 1));
    for (int bytes : List.of(1, 1, 1, 1, 50, 5, 5, 5)) {
      asked.add(ask(calls, bytes + "", bytes));
    }
    List<List<String>> seen = new ArrayList<>();
    for (int answered = 0; answered < asked.size(); ) {
      Made call = made.take();
      seen.add(call.requests);
      answered += call.requests.size();
      call.answer();
    }
    assertThat(seen)
        .containsExactly(
            List.of("first"),
            List.of("1", "1", "1"),
            List.of("1"),
            List.of("50"),
            List.of("5", "5"),
            List.of("5"));
    for (Future<String> one : asked) {
      assertThat(one.get()).startsWith("re ");
    }
  }

  @Test
  void requestWhoseTurnDoesNotComeIsGivenBackAndNeverSent() throws Exception {
    SharedCalls<String, String> calls = calls(Duration.ofMillis(50), 100, 1000);
    Future<String> first = ask(calls, "a", 1);
    Made stuck = made.take();
    assertThatThrownBy(() -> calls.ask("b", 1, LONG)).isInstanceOf(SharedCalls.NotSent.class);
    stuck.answer();
    assertThat(first.get()).isEqualTo("re a");
    assertThat(made).isEmpty();
    // The way is free again.
    Future<String> next = ask(calls, "c", 1);
    Made call = made.take();
    assertThat(call.requests).containsExactly("c");
    call.answer();
    assertThat(next.get()).isEqualTo("re c");
  }

  @Test
  void bytesThatWaitAreBoundedAndRoomComesBack() throws Exception {
    SharedCalls<String, String> calls = calls(LONG, 100, 1000);
    Future<String> first = ask(calls, "a", 1);
    Made stuck = made.take();
    // Whatever its size, one may wait; then no more than there is room for.
    Future<String> large = ask(calls, "large", 100 << 20);
    assertThatThrownBy(() -> calls.ask("b", 1, LONG))
        .isInstanceOf(SharedCalls.NotSent.class)
        .hasMessageContaining("too many");
    stuck.answer();
    assertThat(first.get()).isEqualTo("re a");
    Made next = made.take();
    assertThat(next.requests).containsExactly("large");
    Future<String> again = ask(calls, "c", 60 << 20);
    next.answer();
    assertThat(large.get()).isEqualTo("re large");
    made.take().answer();
    assertThat(again.get()).isEqualTo("re c");
  }

  @Test
  void requestThatWasSentIsWaitedForAsLongAsItMay() {
    SharedCalls<String, String> calls = calls(LONG, 100, 1000);
    assertThatThrownBy(() -> calls.ask("a", 1, Duration.ofMillis(400)))
        .isInstanceOf(TimeoutException.class);
    assertThat(made).hasSize(1);
  }

  @Test
  void failureIsThatOfAllWhoShareTheCallAndOthersGoOn() throws Exception {
    SharedCalls<String, String> calls = calls(LONG, 100, 1000);
    Future<String> first = ask(calls, "a", 1);
    Future<String> second = ask(calls, "b", 1);
    Future<String> third = ask(calls, "c", 1);
    made.take().answers.complete(List.of());
    assertThatThrownBy(first::get)
        .isInstanceOf(ExecutionException.class)
        .hasMessageContaining("not as many answers");
    made.take().answers.completeExceptionally(new IllegalStateException("broken"));
    for (Future<String> one : List.of(second, third)) {
      assertThatThrownBy(one::get).hasMessageContaining("broken");
    }
    Future<String> next = ask(calls, "d", 1);
    made.take().answer();
    assertThat(next.get()).isEqualTo("re d");
  }

  @Test
  void whoComesAloneAfterManyIsNotLeftWaiting() throws Exception {
    SharedCalls<String, String> calls = gathered();
    List<Future<String>> asked = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      asked.add(ask(calls, "r" + i, 1));
    }
    made.take().answer(); // the first, alone
    Made shared = made.take();
    assertThat(shared.requests).hasSize(5);
    Thread.sleep(100); // so that it would be worth while to wait for those five
    shared.answer();
    for (Future<String> one : asked) {
      assertThat(one.get()).startsWith("re ");
    }
    Future<String> alone = ask(calls, "alone", 1);
    Made last = made.take();
    assertThat(last.requests).containsExactly("alone");
    last.answer();
    assertThat(alone.get()).isEqualTo("re alone");
  }

  @Test
  void nobodyWaitsForOneThatIsSilentWhenAnotherWouldAnswerUnlessItMustBeAskedOnce()
      throws Exception {
    SharedCalls<String, String> calls = calls(LONG, 2, 100, 1000);
    Future<String> once = ask(calls, "once", 1);
    Future<String> again = ask(calls, "again", 1);
    Made first = made.take();
    Made second = made.take();
    Thread.sleep(200);
    assertThat(again.isDone()).isFalse();
    another = true;
    assertThatThrownBy(again::get).hasCauseInstanceOf(TimeoutException.class);
    second.answer(); // too late
    first.answer();
    assertThat(once.get()).isEqualTo("re once");
  }

  @Test
  void everybodyIsAnsweredOnceWhateverBecomesOfTheCalls() throws Exception {
    for (SharedCalls<String, String> calls : List.of(calls(LONG, 8, 20, 1000), gathered())) {
      int askers = 40;
      int each = 50;
      AtomicInteger answered = new AtomicInteger();
      AtomicInteger failed = new AtomicInteger();
      List<Thread> all = new ArrayList<>();
      for (int a = 0; a < askers; a++) {
        String name = "a" + a + "-";
        all.add(
            Thread.startVirtualThread(
                () -> {
                  for (int i = 0; i < each; i++) {
                    try {
                      if (calls.ask(name + i, 1, LONG).equals("re " + name + i)) {
                        answered.incrementAndGet();
                      }
                    } catch (IllegalStateException e) {
                      failed.incrementAndGet();
                    } catch (SharedCalls.NotSent | PeerException | TimeoutException e) {
                      return; // and it is missed below
                    }
                  }
                }));
      }
      int made = 0;
      while (answered.get() + failed.get() < askers * each
          && all.stream().anyMatch(Thread::isAlive)) {
        Made call = this.made.poll(10, TimeUnit.MILLISECONDS);
        if (call != null && ++made % 7 == 0) {
          call.answers.completeExceptionally(new IllegalArgumentException("no"));
        } else if (call != null) {
          Thread.startVirtualThread(call::answer);
        }
      }
      assertThat(answered.get() + failed.get()).isEqualTo(askers * each);
      assertThat(answered.get()).isPositive();
      assertThat(failed.get()).isPositive();
      assertThat(made).isLessThan(askers * each / 2);
    }
  }
}
