package dev.meridian.dns;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.meridian.dns.ZoneSigner.Signed;
import dev.meridian.dns.ZoneSigner.Wanted;
import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The signed forms of a snapshot's answers: made when they are first asked for, and kept within a
 * bound. What is asked for often stays (W-TinyLFU), so names made up by a flood push nothing out.
 * For any thread; an answer that is kept is found without allocating.
 */
final class SignedAnswers {
  /** Bytes of answers and names kept, about. */
  private static final long MOST_BYTES =
      Math.min(64L << 20, Math.max(4L << 20, Runtime.getRuntime().maxMemory() / 16));

  private static final int ENTRY_BYTES = 300;
  private static final long SEED = new SecureRandom().nextLong();

  private static final Logger LOG = LoggerFactory.getLogger(SignedAnswers.class);

  private final InstantSource clock;
  private final AtomicBoolean failed = new AtomicBoolean();
  private final Cache<Key, Signed> answers =
      Caffeine.newBuilder()
          .maximumWeight(MOST_BYTES)
          .weigher(
              (Key key, Signed value) -> ENTRY_BYTES + key.name.length + value.answer().length())
          .executor(Runnable::run)
          .build();

  SignedAnswers(InstantSource clock) {
    this.clock = clock;
  }

  /** What an answer is found by; a responder has one that it changes, those kept never change. */
  static final class Key {
    private @Nullable Answer answer;
    private Wanted wanted = Wanted.SIGNED;
    private byte[] name;
    private int from;
    private int length;
    private int hash;

    Key() {
      name = new byte[0];
    }

    private Key(Key other) {
      answer = other.answer;
      wanted = other.wanted;
      name = Arrays.copyOfRange(other.name, other.from, other.from + other.length);
      length = name.length;
      hash = other.hash;
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // an answer is itself alone
    public boolean equals(@Nullable Object other) {
      return other instanceof Key key
          && key.hash == hash
          && key.answer == answer
          && key.wanted == wanted
          && Arrays.equals(name, from, from + length, key.name, key.from, key.from + key.length);
    }

    @Override
    public int hashCode() {
      return hash;
    }
  }

  /**
   * The signed form of an answer, or null if it is not there and cannot be made now: the budget is
   * used up.
   *
   * @param probe the caller's own
   */
  @Nullable Answer get(
      Answer answer, Question question, Wanted wanted, Key probe, SigningBudget budget) {
    // A referral is the same for all names below the delegation.
    int from = (answer.flags() & Wire.AA) == 0 ? question.nameLength - answer.nameLength() : 0;
    probe.answer = answer;
    probe.wanted = wanted;
    probe.name = question.name;
    probe.from = from;
    probe.length = question.nameLength - from;
    probe.hash = hash(answer, wanted, question.name, from, question.nameLength);
    long now = Math.floorDiv(clock.millis(), 1000L);
    Signed kept = answers.getIfPresent(probe);
    if (kept != null && now >= kept.from() && now < kept.renew()) {
      return kept.answer();
    }
    long begun = System.nanoTime();
    SigningBudget.Share share = budget.of(answer);
    if (!share.allows(begun)) {
      // Old is better than nothing, if resolvers have some time left to keep it.
      return kept != null && now >= kept.from() && now < (kept.renew() + kept.to()) / 2
          ? kept.answer()
          : null;
    }
    ZoneSigner signer = Objects.requireNonNull(answer.signer());
    try {
      Signed made = signer.sign(answer, WireName.of(question.name, from), wanted, now);
      answers.put(new Key(probe), made);
      return made.answer();
    } catch (RuntimeException e) {
      // Nothing that is known; but whoever asks must not be able to end a thread that answers.
      if (!failed.getAndSet(true)) {
        LOG.error(
            "An answer could not be signed; this is logged once for each change of the site.", e);
      }
      return null;
    } finally {
      share.spend(System.nanoTime() - begun);
    }
  }

  /** Seeded, so that nobody can make up names that all fall into one place. */
  private static int hash(Answer answer, Wanted wanted, byte[] name, int from, int to) {
    long hash = SEED ^ ((long) System.identityHashCode(answer) << 8) ^ wanted.hashCode();
    for (int i = from; i < to; i++) {
      hash = (hash ^ name[i]) * 0x9E3779B97F4A7C15L;
      hash ^= hash >>> 29;
    }
    return (int) (hash ^ (hash >>> 32));
  }
}
