package dev.meridian.document;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class IdsTest {
  @Test
  void idsAscendEvenWhenTheClockIsSetBack() {
    AtomicLong now = new AtomicLong(1_700_000_000_000L);
    Ids ids = new Ids(() -> Instant.ofEpochMilli(now.get()), new Random(7));
    String last = "";
    for (int i = 0; i < 10_000; i++) {
      now.addAndGet(i % 7 - 3);
      String id = ids.next();
      assertThat(id).isGreaterThan(last).matches("[0-9A-HJKMNP-TV-Z]{26}");
      last = id;
    }
  }

  @Test
  void theLastIdOfAMillisecondIsFollowedByTheNextMillisecond() {
    RandomGenerator highest = () -> -1L;
    Ids ids = new Ids(() -> Instant.ofEpochMilli(5), highest);
    String first = ids.next();
    String second = ids.next();
    assertThat(first).startsWith("0000000005");
    assertThat(second).startsWith("0000000006").isGreaterThan(first);
  }

  @Test
  void idsOfManyThreadsAreAllDifferent() throws InterruptedException {
    Ids ids = new Ids();
    List<String> made = Collections.synchronizedList(new ArrayList<>());
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    for (int k = 0; k < 500; k++) {
                      made.add(ids.next());
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    Set<String> distinct = new HashSet<>(made);
    assertThat(distinct).hasSize(4000);
    assertThat(DocumentPath.parse("things/" + made.getFirst()).id()).isEqualTo(made.getFirst());
  }
}
