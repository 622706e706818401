package dev.meridian.account;

import dev.meridian.site.AccountSettings.HashCost;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bouncycastle.crypto.generators.Argon2BytesGenerator;
import org.bouncycastle.crypto.params.Argon2Parameters;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hashes of passwords by Argon2id (RFC 9106), as texts of the PHC form: {@code
 * $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH}.
 *
 * <p>A hash is expensive on purpose, so a flood of passwords must not take the node with it: half
 * of the processors hash, at most an eighth of the heap is in use by them, and {@link #MAX_WAITING}
 * wait for {@link #PATIENCE} at most, of which {@link #FOR_KNOWN} are of those who are known from
 * before, whatever strangers do. The threads are the platform's own, for a virtual one would keep
 * others of its carrier for all that time. Safe for any thread.
 */
final class PasswordHasher {
  /** So many may wait for each thread. */
  static final int MAX_WAITING = 32;

  /** So many of them are never a stranger's. */
  static final int FOR_KNOWN = 8;

  /** Longest wait for a hash. */
  static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final Logger LOG = LoggerFactory.getLogger(PasswordHasher.class);

  private static final int SALT_BYTES = 16;
  private static final int HASH_BYTES = 32;
  private static final int MOST_KIB = 1 << 20;

  private static final Pattern PHC =
      Pattern.compile(
          "\\$argon2id\\$v=19\\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})"
              + "\\$([A-Za-z0-9+/]{11,86})\\$([A-Za-z0-9+/]{16,86})");
  private static final Base64.Encoder ENCODER = Base64.getEncoder().withoutPadding();
  private static final Base64.Decoder DECODER = Base64.getDecoder();

  private final SecureRandom random = new SecureRandom();
  private final ThreadPoolExecutor threads;

  /** KiB that hashes under way may hold. */
  private final int budget;

  private final Semaphore memory;

  /** For each stranger's hash, until it is made. */
  private final Semaphore strangers;

  /** A hash that needs more would end the process, which has no more. */
  private final long most = Runtime.getRuntime().maxMemory() >> 12;

  /** Whether it was said that a hash needs more. */
  private final AtomicBoolean told = new AtomicBoolean();

  /** There are too many hashes to make. */
  static final class BusyException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BusyException() {
      super("too many passwords are being checked", null, false, false);
    }
  }

  /** A hash, taken apart. */
  private record Stored(HashCost cost, byte[] salt, byte[] hash) {}

  PasswordHasher() {
    this(
        Math.max(1, Runtime.getRuntime().availableProcessors() / 2),
        (int) Math.clamp(Runtime.getRuntime().maxMemory() >> 13, 1 << 10, MOST_KIB));
  }

  PasswordHasher(int parallel, int budgetKiB) {
    this.budget = budgetKiB;
    this.memory = new Semaphore(budgetKiB, true);
    this.strangers = new Semaphore((1 + MAX_WAITING - FOR_KNOWN) * parallel);
    this.threads =
        new ThreadPoolExecutor(
            parallel,
            parallel,
            30,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MAX_WAITING * parallel),
            Thread.ofPlatform().daemon().name("password-hash-", 0).factory());
    threads.allowCoreThreadTimeOut(true);
  }

  /** How many passwords wait. */
  int waiting() {
    return threads.getQueue().size();
  }

  /** Why no hash of this cost is made here, if none is. */
  Optional<String> tooDear(HashCost cost) {
    return cost.memoryKiB() > most
        ? Optional.of(
            "a hash of "
                + (cost.memoryKiB() >> 10)
                + " MiB needs more than a quarter of this node's heap ("
                + (most >> 8)
                + " MiB); give the node more memory, or lower accounts.argon2.memory")
        : Optional.empty();
  }

  /**
   * The hash of a prepared password with a new salt.
   *
   * @param known whether it is for somebody who is known from before
   * @throws BusyException if there are too many to make, or it is {@link #tooDear}
   */
  String hash(String password, HashCost cost, boolean known) {
    byte[] salt = new byte[SALT_BYTES];
    random.nextBytes(salt);
    byte[] hash = run(cost, known, () -> argon2id(password, salt, cost, HASH_BYTES));
    return "$argon2id$v="
        + Argon2Parameters.ARGON2_VERSION_13
        + "$m="
        + cost.memoryKiB()
        + ",t="
        + cost.iterations()
        + ",p="
        + cost.parallelism()
        + "$"
        + ENCODER.encodeToString(salt)
        + "$"
        + ENCODER.encodeToString(hash);
  }

  /**
   * Whether {@code stored} is a hash of the prepared password. Takes the same time either way.
   *
   * @param known whether it is for somebody who is known from before
   * @throws BusyException if there are too many to make, or it is {@link #tooDear}
   */
  boolean verify(String password, String stored, boolean known) {
    Stored old = parse(stored);
    byte[] hash =
        run(old.cost, known, () -> argon2id(password, old.salt, old.cost, old.hash.length));
    return MessageDigest.isEqual(hash, old.hash);
  }

  /** Whether the hash was made at another cost. */
  static boolean isOutdated(String stored, HashCost cost) {
    Stored known = parse(stored);
    return !known.cost.equals(cost) || known.hash.length < HASH_BYTES;
  }

  private static Stored parse(String stored) {
    Matcher matcher = PHC.matcher(stored);
    if (!matcher.matches()) {
      throw new IllegalStateException("a password's hash is not of the form that Meridian writes");
    }
    HashCost cost =
        new HashCost(
            Integer.parseInt(matcher.group(1)),
            Integer.parseInt(matcher.group(2)),
            Integer.parseInt(matcher.group(3)));
    if (cost.memoryKiB() > MOST_KIB || cost.iterations() < 1 || cost.parallelism() < 1) {
      throw new IllegalStateException("a password's hash has a cost that Meridian never writes");
    }
    return new Stored(cost, DECODER.decode(matcher.group(4)), DECODER.decode(matcher.group(5)));
  }

  private byte[] run(HashCost cost, boolean known, Callable<byte[]> task) {
    Optional<String> problem = tooDear(cost);
    if (problem.isPresent()) {
      if (told.compareAndSet(false, true)) {
        LOG.error("No password can be checked: {}.", problem.get());
      }
      throw new BusyException();
    }
    if (!known && !strangers.tryAcquire()) {
      throw new BusyException();
    }
    try {
      return run(task);
    } finally {
      if (!known) {
        strangers.release();
      }
    }
  }

  private byte[] run(Callable<byte[]> task) {
    FutureTask<byte[]> result = new FutureTask<>(task);
    try {
      threads.execute(result);
    } catch (RejectedExecutionException e) {
      throw new BusyException();
    }
    try {
      return result.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      forget(result);
      throw new BusyException();
    } catch (InterruptedException e) {
      forget(result);
      Thread.currentThread().interrupt();
      throw new BusyException();
    } catch (ExecutionException e) {
      throw new IllegalStateException("a password could not be hashed", e.getCause());
    }
  }

  /** Whoever waited no longer leaves their place to another. */
  private void forget(FutureTask<byte[]> task) {
    task.cancel(true);
    threads.remove(task);
  }

  private byte[] argon2id(String password, byte[] salt, HashCost cost, int bytes)
      throws InterruptedException {
    int weight = Math.min(budget, cost.memoryKiB());
    memory.acquire(weight);
    byte[] text = password.getBytes(StandardCharsets.UTF_8);
    try {
      Argon2BytesGenerator generator = new Argon2BytesGenerator();
      generator.init(
          new Argon2Parameters.Builder(Argon2Parameters.ARGON2_id)
              .withVersion(Argon2Parameters.ARGON2_VERSION_13)
              .withMemoryAsKB(cost.memoryKiB())
              .withIterations(cost.iterations())
              .withParallelism(cost.parallelism())
              .withSalt(salt)
              .build());
      byte[] hash = new byte[bytes];
      generator.generateBytes(text, hash);
      return hash;
    } finally {
      memory.release(weight);
      Arrays.fill(text, (byte) 0);
    }
  }
}
