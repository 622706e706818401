package dev.meridian.replica;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.meridian.document.WholeIncrements;
import dev.meridian.store.Commit;
import dev.meridian.store.Outcome;
import dev.meridian.store.Written;
import dev.meridian.store.proto.BatchCommand;
import dev.meridian.store.proto.Command;
import dev.meridian.store.proto.PatchCommand;
import dev.meridian.store.proto.WriteCommand;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One command on its way to the log, and the writes that it stands for: one as a rule; several when
 * they are put off and only add to the same fields of the same document. Those are added up, and
 * each is told what came of the sum; when that is refused, each has a turn of its own. Guarded by
 * the group commit until it is proposed.
 */
final class Turn {
  /**
   * What two writes must have in common to be added up, and what this one adds.
   *
   * @param key equal for writes that may share a turn; text, since a table of these needs an order
   */
  record Addition(String key, WholeIncrements increments) {
    /** How a command can be added to others; null if it cannot. */
    static @Nullable Addition of(Command command) {
      BatchCommand batch = command.getBatch();
      if (!batch.hasDeferral()
          || batch.getReturnValues()
          || batch.getWritesCount() != 1
          || !batch.getIdempotencyKey().isEmpty()) {
        return null;
      }
      WriteCommand write = batch.getWrites(0);
      PatchCommand patch = write.getPatch();
      if (!write.hasPatch()
          || write.hasCondition()
          || patch.getKind() != PatchCommand.Kind.INCREMENT) {
        return null;
      }
      WholeIncrements increments = WholeIncrements.parse(bytes(patch.getBody()));
      return increments == null
          ? null
          : new Addition(
              write.getPath()
                  + '\0'
                  + increments.shape()
                  + '\0'
                  + (patch.getCreate() ? 'c' : ' ')
                  + (write.getKeepExpiry() ? 'k' : write.getExpiresAtMillis() == 0 ? 'n' : 't')
                  + ' '
                  + batch.getDeferral().getAgeMillis()
                  + ' '
                  + batch.getDeferral().getMaxBytes(),
              increments);
    }

    private static byte[] bytes(ByteString body) {
      return body.toByteArray();
    }
  }

  private final @Nullable Addition addition;
  private final List<PendingWrite> writes = new ArrayList<>(1);
  private @Nullable Command command;
  private long queuedBytes;

  private Turn(PendingWrite first, @Nullable Addition addition) {
    this.addition = addition;
    join(first);
  }

  /** Of one write. */
  static Turn of(PendingWrite write) {
    return new Turn(write, null);
  }

  /** Of a write that others may join, when its addition is not null. */
  static Turn of(PendingWrite write, @Nullable Addition addition) {
    return new Turn(write, addition);
  }

  /** Under which others find it; null when none may join. */
  @Nullable String key() {
    return addition == null ? null : addition.key();
  }

  /** Whether another may join. */
  boolean hasRoom() {
    return writes.size() < WholeIncrements.MAX_SUMMANDS;
  }

  void join(PendingWrite write) {
    writes.add(write);
    queuedBytes += write.bytes();
  }

  /** Bytes of all that joined it. */
  long queuedBytes() {
    return queuedBytes;
  }

  /** Those that it stands for. */
  List<PendingWrite> writes() {
    return writes;
  }

  /** Bytes of the command, about. */
  int bytes() {
    return writes.getFirst().bytes();
  }

  /**
   * Takes it out of its callers' hands; those who gave up are in it no more.
   *
   * @return false if all have
   */
  boolean submit() {
    writes.removeIf(write -> !write.submit());
    if (writes.isEmpty()) {
      return false;
    }
    command = writes.size() == 1 || addition == null ? writes.getFirst().command() : sum(addition);
    return true;
  }

  private Command sum(Addition first) {
    long[] sums = new long[first.increments().amounts().length];
    // Whoever came last would say when it expires; any of those who wait together may be that.
    long expires = 0;
    for (PendingWrite write : writes) {
      Addition added = write.addition();
      if (added == null) {
        throw new IllegalStateException("only additions share a turn");
      }
      for (int i = 0; i < sums.length; i++) {
        sums[i] += added.increments().amounts()[i];
      }
      expires = Math.max(expires, write.command().getBatch().getWrites(0).getExpiresAtMillis());
    }
    Command.Builder sum = writes.getFirst().command().toBuilder();
    sum.getBatchBuilder().getDeferralBuilder().setWrites(writes.size());
    sum.getBatchBuilder()
        .getWritesBuilder(0)
        .setExpiresAtMillis(expires)
        .getPatchBuilder()
        .setBody(UnsafeByteOperations.unsafeWrap(first.increments().with(sums)));
    return sum.build();
  }

  /** After {@link #submit}. */
  Command command() {
    Command here = command;
    if (here == null) {
      throw new IllegalStateException("not submitted");
    }
    return here;
  }

  /**
   * Answers all of them.
   *
   * @param alone told which are to be tried by themselves: nothing of the sum was done
   */
  void complete(Outcome outcome, Consumer<PendingWrite> alone) {
    if (writes.size() == 1) {
      writes.getFirst().complete(outcome);
      return;
    }
    switch (outcome) {
      case Outcome.Done(Commit commit) -> {
        writes.getFirst().complete(outcome);
        Outcome others = commit.results().getFirst().existed() ? outcome : existed(commit);
        for (PendingWrite write : writes.subList(1, writes.size())) {
          write.complete(others);
        }
      }
      case Outcome.Failed _ -> writes.forEach(alone);
      case Outcome.Swept _, Outcome.Flushed _ ->
          throw new IllegalStateException("a batch is no sweep");
    }
  }

  /** The first made the document; the others found it there. */
  private static Outcome existed(Commit commit) {
    List<Written> results =
        commit.results().stream()
            .map(
                written ->
                    new Written(
                        written.path(), written.version(), true, written.deleted(), written.json()))
            .toList();
    return new Outcome.Done(new Commit(results, commit.version(), commit.replayed()));
  }

  void fail(RuntimeException problem) {
    for (PendingWrite write : writes) {
      write.fail(problem);
    }
  }
}
