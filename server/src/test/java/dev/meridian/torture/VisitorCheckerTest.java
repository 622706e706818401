package dev.meridian.torture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.Version;
import dev.meridian.torture.Operation.Kind;
import dev.meridian.torture.Operation.Level;
import dev.meridian.torture.Operation.Outcome;
import dev.meridian.torture.Operation.Part;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The checker of visitors' sessions convicts what breaks a promise, and nothing else. */
class VisitorCheckerTest {
  private static final String SET = VisitorChecker.PREFIX + "v/a";
  private static final String COUNTED = VisitorChecker.PREFIX + "v/n";

  private final List<Operation> history = new ArrayList<>();
  private final Map<String, Part> end = new HashMap<>();
  private long now;

  private static String token(int version) {
    return "0-" + Long.toHexString(1000 + version);
  }

  private void add(
      Kind kind, String document, @Nullable String value, long count, int version, Outcome done) {
    boolean read = kind == Kind.READ;
    String etag =
        read || done != Outcome.OK || version == 0 ? null : new Version(1000 + version, 0).etag();
    now += 10;
    history.add(
        new Operation(
            now,
            1,
            "x",
            kind,
            read ? Level.SESSION : null,
            List.of(new Part(document, value, count, etag)),
            null,
            read && version > 0 ? token(version) : "",
            "",
            now,
            now + 5,
            done,
            ""));
  }

  private void set(String value, int version, Outcome done) {
    add(Kind.PUT, SET, value, 0, version, done);
    if (done == Outcome.OK) {
      end.put(SET, new Part(SET, value, 0, null));
    }
  }

  private void count(int version, Outcome done) {
    add(Kind.INCREMENT, COUNTED, null, 0, version, done);
    if (done == Outcome.OK) {
      Part before = end.get(COUNTED);
      end.put(COUNTED, new Part(COUNTED, null, before == null ? 1 : before.count() + 1, null));
    }
  }

  private void reads(@Nullable String value, int token) {
    add(Kind.READ, SET, value, 0, token, Outcome.OK);
  }

  private void counts(long count, int token) {
    add(Kind.READ, COUNTED, null, count, token, Outcome.OK);
  }

  private Verdict verdict() {
    return VisitorChecker.check(history, new FinalState(Map.of("x", end, "y", end)));
  }

  private void assertConvicts(String rule) {
    assertThat(verdict())
        .isInstanceOfSatisfying(
            Verdict.Convicted.class,
            convicted ->
                assertThat(convicted.violations())
                    .extracting(Verdict.Violation::rule)
                    .containsOnly(rule));
  }

  @Test
  void whatIsPromisedIsAccepted() {
    reads(null, 0);
    set("1", 1, Outcome.OK);
    count(2, Outcome.OK);
    set("2", 3, Outcome.OK);
    reads("2", 3);
    reads("1", 1); // by cookies that an earlier answer set
    counts(0, 1);
    counts(1, 2);
    count(0, Outcome.UNKNOWN);
    count(4, Outcome.OK);
    counts(3, 4);
    counts(2, 4);
    set("3", 0, Outcome.UNKNOWN);
    reads("3", 4);
    reads("2", 4);
    assertThat(verdict()).isEqualTo(new Verdict.Accepted(history.size()));
    end.put(SET, new Part(SET, "3", 0, null));
    end.put(COUNTED, new Part(COUNTED, null, 3, null));
    assertThat(verdict().accepted()).isTrue();
  }

  @Test
  void attributeThatIsNotThereOnTheNextNodeIsFound() {
    set("1", 1, Outcome.OK);
    reads(null, 1);
    assertConvicts("attribute-there");
  }

  @Test
  void attributeFromBeforeIsFound() {
    set("1", 1, Outcome.OK);
    set("2", 2, Outcome.OK);
    reads("1", 2);
    assertConvicts("attribute-there");
  }

  @Test
  void missingIncrementIsFound() {
    count(1, Outcome.OK);
    count(2, Outcome.OK);
    counts(1, 2);
    assertConvicts("attribute-there");
  }

  @Test
  void incrementThatWasDoneTwiceIsFound() {
    count(1, Outcome.OK);
    counts(2, 1);
    assertConvicts("attribute-written");
  }

  @Test
  void refusedWriteThatIsReadIsFound() {
    set("1", 0, Outcome.REFUSED);
    reads("1", 0);
    assertConvicts("attribute-written");
  }

  @Test
  void valueOfNobodyIsFound() {
    reads("1", 0);
    assertConvicts("attribute-written");
  }

  @Test
  void lossIsFoundAtTheEnd() {
    set("1", 1, Outcome.OK);
    set("2", 2, Outcome.OK);
    end.put(SET, new Part(SET, "1", 0, null));
    assertConvicts("attribute-kept");
    end.remove(SET);
    assertConvicts("attribute-kept");
    end.put(SET, new Part(SET, "2", 0, null));
    assertThat(verdict().accepted()).isTrue();
    count(3, Outcome.OK);
    end.remove(COUNTED);
    assertConvicts("attribute-kept");
  }

  @Test
  void nodesThatDifferAtTheEndAreFound() {
    set("1", 1, Outcome.OK);
    set("2", 0, Outcome.UNKNOWN);
    Map<String, Part> other = Map.of(SET, new Part(SET, "2", 0, null));
    assertThat(VisitorChecker.check(history, new FinalState(Map.of("x", end, "y", other))))
        .isInstanceOfSatisfying(
            Verdict.Convicted.class,
            convicted ->
                assertThat(convicted.violations().getFirst().rule()).isEqualTo("nodes-agree"));
  }

  @Test
  void cookiesAreTakenFromTheLastAnswer() {
    CookieJar jar = new CookieJar();
    assertThat(jar.sent()).isEqualTo(new CookieJar.Sent("", ""));
    jar.take(List.of("s=1; Path=/; HttpOnly", "s-seen=x; Path=/"), token(7));
    jar.take(List.of(), token(9));
    assertThat(jar.sent()).isEqualTo(new CookieJar.Sent("s=1; s-seen=x", token(7)));
    jar.take(List.of("s-seen=y"), token(8));
    assertThat(jar.sent()).isEqualTo(new CookieJar.Sent("s=1; s-seen=y", token(8)));
    assertThat(jar.all()).isEqualTo(token(9));
  }
}
