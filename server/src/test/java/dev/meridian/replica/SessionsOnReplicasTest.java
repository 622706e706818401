package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.Json;
import dev.meridian.session.Attributes;
import dev.meridian.session.Claim;
import dev.meridian.session.Lifetimes;
import dev.meridian.session.Session;
import dev.meridian.session.Sessions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.StoreException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Sessions over real members of a group: a click here, the next one there. */
@Timeout(180)
class SessionsOnReplicasTest {
  private static final Lifetimes LIVES = new Lifetimes(Duration.ofDays(7), Duration.ofDays(30));

  @TempDir Path temp;

  @Test
  void theNextNodeHasTheCartWhateverHappensToTheFirst() throws Exception {
    try (Members members = Members.start(temp, 3, options -> options)) {
      List<Sessions> nodes =
          members.nodes.stream()
              .map(node -> new Sessions(node.store(), InstantSource.system()))
              .toList();
      Sessions.Issued made =
          nodes.getFirst().create(Attributes.set("clicks", Json.Num.of(0)), LIVES).orElseThrow();
      String cookie = made.cookie();
      SessionToken seen = SessionToken.NONE.seen(made.commit().version());
      for (int click = 1; click <= 60; click++) {
        Sessions here = nodes.get(click % nodes.size());
        Session session = load(here, cookie, seen);
        assertThat(session.attributes().members().get("clicks")).isEqualTo(Json.Num.of(click - 1));
        seen =
            seen.seen(
                here.change(session, Attributes.set("clicks", Json.Num.of(click)), null, LIVES)
                    .version());
        if (click % 10 == 0) {
          // Another node takes the new cookie at once, though nobody told it what was seen.
          cookie = here.rotate(session, Optional.empty(), LIVES).orElseThrow().cookie();
          load(nodes.get((click + 1) % nodes.size()), cookie, SessionToken.NONE);
        }
      }
      int gone = members.nodes.indexOf(members.primary());
      members.nodes.get(gone).stop();
      for (int i = 0; i < nodes.size(); i++) {
        if (i != gone) {
          assertThat(load(nodes.get(i), cookie, seen).attributes().members().get("clicks"))
              .isEqualTo(Json.Num.of(60));
        }
      }
    }
  }

  private static Session load(Sessions node, String cookie, SessionToken seen) {
    return node.load(node.claim(cookie).orElseThrow(), seen, LIVES, false).session().orElseThrow();
  }

  @Test
  void aNodeThatIsCutOffShowsNobodySignedInAndWritesNothing() throws Exception {
    try (Members members = Members.start(temp, 3, options -> options)) {
      Members.Node left = members.nodes.getFirst();
      Sessions sessions = new Sessions(left.store(), InstantSource.system());
      Session made =
          sessions.create(Attributes.set("a", Json.Num.of(1)), LIVES).orElseThrow().session();
      String cookie = sessions.rotate(made, Optional.of("ada"), LIVES).orElseThrow().cookie();
      assertThat(load(sessions, cookie, SessionToken.NONE).user()).contains("ada");
      members.nodes.get(1).stop();
      members.nodes.get(2).stop();
      long end = System.nanoTime() + Members.LONG.toNanos();
      while (left.store().stale().isEmpty()) {
        assertThat(System.nanoTime()).as("waited too long").isLessThan(end);
        Thread.sleep(20);
      }
      Claim claim = sessions.claim(cookie).orElseThrow();
      Session shown;
      try {
        shown = load(sessions, cookie, SessionToken.NONE);
        assertThat(shown.user()).as("it may have been revoked").isEmpty();
        assertThat(shown.attributes().members()).containsKey("a");
      } catch (StoreException.Unavailable e) {
        assertThat(e.outcome()).isEqualTo(StoreException.Unavailable.Outcome.NOT_DONE);
      }
      assertThatThrownBy(() -> sessions.load(claim, SessionToken.NONE, LIVES, true))
          .isInstanceOf(StoreException.Unavailable.class);
    }
  }
}
