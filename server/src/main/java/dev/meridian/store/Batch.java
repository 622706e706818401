package dev.meridian.store;

import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes that are applied together or not at all: 1 to {@link #MAX_WRITES} of them, all in one tree
 * (the same root document), each path once.
 *
 * @param writes in the order they are applied
 * @param idempotencyKey makes trying again safe
 * @param returnValues whether {@link Commit} carries the resulting values
 * @param deferral how it may be put off; null if not. Only a batch that {@link #isDeferrable} is
 */
public record Batch(
    List<Write> writes,
    @Nullable IdempotencyKey idempotencyKey,
    boolean returnValues,
    @Nullable Deferral deferral) {
  /** Most writes in a batch. */
  public static final int MAX_WRITES = 500;

  /** Checks the rules above. */
  public Batch {
    writes = List.copyOf(writes);
    if (writes.isEmpty()) {
      throw new InvalidInputException("A batch needs at least one write.");
    }
    if (writes.size() > MAX_WRITES) {
      throw new InvalidInputException(
          "A batch has at most " + MAX_WRITES + " writes; this one has " + writes.size() + ".");
    }
    if (writes.size() > 1) {
      DocumentPath root = writes.getFirst().path().root();
      Set<DocumentPath> seen = new HashSet<>();
      for (Write write : writes) {
        if (!write.path().root().equals(root)) {
          throw new InvalidInputException(
              "A batch stays within one tree: '"
                  + write.path()
                  + "' is not below '"
                  + root
                  + "'. Send one batch for each root document.");
        }
        if (!seen.add(write.path())) {
          throw new InvalidInputException(
              "The batch writes '" + write.path() + "' twice; merge the two writes.");
        }
      }
    }
  }

  /** A batch that is not put off. */
  public Batch(List<Write> writes, @Nullable IdempotencyKey idempotencyKey, boolean returnValues) {
    this(writes, idempotencyKey, returnValues, null);
  }

  /**
   * Whether it can be put off: one put or patch, which depends on no version. What says more than
   * that is meant for the document as the store has it.
   */
  public boolean isDeferrable() {
    return writes.size() == 1
        && !(writes.getFirst() instanceof Write.Delete)
        && writes.getFirst().condition().equals(Condition.NONE);
  }

  /** The same, put off where that can be. */
  public Batch deferred(Deferral how) {
    return isDeferrable() ? new Batch(writes, idempotencyKey, returnValues, how) : this;
  }

  /** A batch of these writes without an idempotency key. */
  public static Batch of(Write... writes) {
    return new Batch(List.of(writes), null, false);
  }

  /**
   * The same with a key that no other has, so that the store itself tries again when it lost an
   * answer.
   *
   * @param writer a word for whoever writes
   */
  public static Batch once(String writer, Write... writes) {
    return new Batch(List.of(writes), IdempotencyKey.unique(writer), false);
  }
}
