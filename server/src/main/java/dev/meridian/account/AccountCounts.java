package dev.meridian.account;

import dev.meridian.document.Json;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntSupplier;

/** What became of sign-ins on this node since it started. Safe for any thread. */
public final class AccountCounts {
  /** What becomes of a sign-in, and of other proofs of a password. */
  public enum Result {
    /** They are who they say. */
    OK,
    /** The password, or the name, is wrong; or what a provider sent is not good. */
    WRONG,
    /** The operator lets the user in no more. */
    DISABLED,
    /** There were too many attempts. */
    LIMITED,
    /** There are too many passwords to check. */
    BUSY
  }

  private final Map<Result, LongAdder> signIns = new EnumMap<>(Result.class);
  private final LongAdder signUps = new LongAdder();
  private final LongAdder hashes = new LongAdder();
  private final LongAdder hashNanos = new LongAdder();
  private final IntSupplier waiting;

  /**
   * All at zero.
   *
   * @param waiting how many passwords wait to be hashed now
   */
  public AccountCounts(IntSupplier waiting) {
    this.waiting = waiting;
    for (Result result : Result.values()) {
      signIns.put(result, new LongAdder());
    }
  }

  /** Counts a sign-in. */
  public void count(Result result) {
    adder(result).increment();
  }

  void signedUp() {
    signUps.increment();
  }

  void hashed(long nanos) {
    hashes.increment();
    hashNanos.add(nanos);
  }

  /** How often it became of one. */
  public long of(Result result) {
    return adder(result).sum();
  }

  private LongAdder adder(Result result) {
    LongAdder adder = signIns.get(result);
    if (adder == null) {
      throw new IllegalStateException("no count of " + result);
    }
    return adder;
  }

  /**
   * Shows them as {@code meridian_sign_ins_total}, {@code meridian_sign_ups_total}, {@code
   * meridian_password_hash_seconds} and {@code meridian_password_queue}.
   */
  public void bindTo(MeterRegistry registry) {
    signIns.forEach(
        (result, count) ->
            FunctionCounter.builder("meridian.sign.ins", count, LongAdder::sum)
                .description("What became of sign-ins")
                .tag("result", result.name().toLowerCase(Locale.ROOT))
                .register(registry));
    FunctionCounter.builder("meridian.sign.ups", signUps, LongAdder::sum)
        .description("Accounts that were made")
        .register(registry);
    FunctionTimer.builder(
            "meridian.password.hash",
            this,
            counts -> counts.hashes.sum(),
            counts -> counts.hashNanos.sum(),
            TimeUnit.NANOSECONDS)
        .description("Hashes of passwords, and the time they took with their wait")
        .register(registry);
    Gauge.builder("meridian.password.queue", waiting, IntSupplier::getAsInt)
        .description("Passwords that wait to be hashed")
        .register(registry);
  }

  /** All of them as an object. */
  public Json.Obj json() {
    Map<String, Json> members = new LinkedHashMap<>();
    signIns.forEach(
        (result, count) ->
            members.put(result.name().toLowerCase(Locale.ROOT), Json.Num.of(count.sum())));
    members.put("signUps", Json.Num.of(signUps.sum()));
    members.put("hashes", Json.Num.of(hashes.sum()));
    members.put("queue", Json.Num.of(waiting.getAsInt()));
    return new Json.Obj(members);
  }
}
