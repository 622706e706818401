package dev.meridian.store;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.UnsafeByteOperations;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Patch;
import dev.meridian.store.proto.BatchCommand;
import dev.meridian.store.proto.Command;
import dev.meridian.store.proto.DeleteCommand;
import dev.meridian.store.proto.FlushCommand;
import dev.meridian.store.proto.LogEntry;
import dev.meridian.store.proto.PatchCommand;
import dev.meridian.store.proto.SweepCommand;
import dev.meridian.store.proto.WriteCommand;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Between the store's words and what the log carries. */
public final class LogCodec {
  private LogCodec() {}

  /** The batch as a command. It shares the batch's byte arrays, which are never changed. */
  public static Command command(Batch batch) {
    BatchCommand.Builder command = BatchCommand.newBuilder().setReturnValues(batch.returnValues());
    IdempotencyKey key = batch.idempotencyKey();
    if (key != null) {
      command
          .setIdempotencyKey(key.key())
          .setFingerprint(UnsafeByteOperations.unsafeWrap(key.fingerprint()));
    }
    for (Write write : batch.writes()) {
      command.addWrites(encode(write));
    }
    Deferral deferral = batch.deferral();
    if (deferral != null) {
      command.setDeferral(
          dev.meridian.store.proto.Deferral.newBuilder()
              .setAgeMillis((int) deferral.age().toMillis())
              .setMaxBytes(deferral.maxBytes()));
    }
    return Command.newBuilder().setBatch(command).build();
  }

  /**
   * A sweep as a command.
   *
   * @param limit most documents to remove, and most of each other kind to forget
   * @param maxBytes no more documents are removed once those removed had so many bytes
   * @param tombstonesBefore forget tombstones older than this timestamp
   * @param keysBefore forget idempotency keys older than this timestamp
   */
  public static Command sweep(int limit, long maxBytes, long tombstonesBefore, long keysBefore) {
    return Command.newBuilder()
        .setSweep(
            SweepCommand.newBuilder()
                .setLimit(limit)
                .setMaxBytes(maxBytes)
                .setTombstonesBeforeTimestamp(tombstonesBefore)
                .setIdempotencyBeforeTimestamp(keysBefore))
        .build();
  }

  /**
   * A flush of pending values as a command.
   *
   * @param limit most documents
   * @param maxBytes no more documents are flushed once those flushed had so many bytes
   * @param all whether also what is not due
   */
  static Command flush(int limit, long maxBytes, boolean all) {
    return Command.newBuilder()
        .setFlush(FlushCommand.newBuilder().setLimit(limit).setMaxBytes(maxBytes).setAll(all))
        .build();
  }

  /**
   * One entry of the log.
   *
   * @param commands in the order they are applied
   * @param timestamp of the primary's {@link HybridClock}
   * @param wallMillis the primary's wall clock, milliseconds since 1970
   * @param region the number of the region that writes
   */
  public static ByteBuffer entry(
      List<Command> commands, long timestamp, long wallMillis, int region) {
    return LogEntry.newBuilder()
        .setTimestamp(timestamp)
        .setWallMillis(wallMillis)
        .setRegion(region)
        .addAllCommands(commands)
        .build()
        .toByteString()
        .asReadOnlyByteBuffer();
  }

  /**
   * Reads what {@link #entry} wrote.
   *
   * @throws LogException if it is damaged or of a kind this build does not know
   */
  static LogEntry decode(ByteBuffer entry) {
    LogEntry decoded;
    try {
      decoded = LogEntry.parseFrom(entry);
    } catch (InvalidProtocolBufferException e) {
      throw new LogException("The log entry is damaged: " + e.getMessage(), e);
    }
    if (decoded.getTimestamp() <= 0
        || decoded.getWallMillis() < 0
        || (decoded.getRegion() & ~0xffff) != 0) {
      throw new LogException(
          "The log entry is damaged: it has no valid timestamp or region.", null);
    }
    checkFields(decoded);
    for (Command command : decoded.getCommandsList()) {
      check(command);
    }
    return decoded;
  }

  /** What a newer version added is never passed over: this replica would differ and not know. */
  private static void checkFields(Message message) {
    if (!message.getUnknownFields().asMap().isEmpty()) {
      throw unknown(
          "field "
              + message.getUnknownFields().asMap().keySet().iterator().next()
              + " of "
              + message.getDescriptorForType().getName());
    }
  }

  /**
   * Checks that this build knows all kinds of things in a command. An entry is checked before
   * anything of it is applied, so that it is applied whole.
   *
   * @throws LogException if it does not
   */
  public static void check(Command command) {
    checkFields(command);
    switch (command.getKindCase()) {
      case SWEEP -> checkFields(command.getSweep());
      case FLUSH -> checkFields(command.getFlush());
      case BATCH -> {
        checkFields(command.getBatch());
        checkFields(command.getBatch().getDeferral());
        for (WriteCommand write : command.getBatch().getWritesList()) {
          checkFields(write);
          checkFields(write.getCondition());
          switch (write.getActionCase()) {
            case PUT -> {}
            case DELETE -> checkFields(write.getDelete());
            case PATCH -> {
              checkFields(write.getPatch());
              if (write.getPatch().getKind() == PatchCommand.Kind.UNRECOGNIZED) {
                throw unknown("patch kind " + write.getPatch().getKindValue());
              }
            }
            case ACTION_NOT_SET -> throw unknown("kind of write");
          }
        }
      }
      case KIND_NOT_SET -> throw unknown("kind of command");
    }
  }

  private static LogException unknown(String what) {
    return new LogException(
        "The log holds a "
            + what
            + " that this version of Meridian does not know; a newer version wrote it. Upgrade this"
            + " node.",
        null);
  }

  /**
   * The batch in a command.
   *
   * @throws InvalidInputException if it breaks a rule of batches, paths or keys
   */
  static Batch batch(BatchCommand command) {
    List<Write> writes = new ArrayList<>(command.getWritesCount());
    for (WriteCommand write : command.getWritesList()) {
      writes.add(decode(write));
    }
    @Nullable IdempotencyKey key =
        command.getIdempotencyKey().isEmpty()
            ? null
            : new IdempotencyKey(
                command.getIdempotencyKey(), command.getFingerprint().toByteArray());
    return new Batch(
        writes,
        key,
        command.getReturnValues(),
        command.hasDeferral() ? decode(command.getDeferral()) : null);
  }

  private static WriteCommand encode(Write write) {
    WriteCommand.Builder command = WriteCommand.newBuilder().setPath(write.path().toString());
    Condition condition = write.condition();
    if (!condition.ifMatch().isEmpty() || !condition.ifNoneMatch().isEmpty()) {
      command.setCondition(
          dev.meridian.store.proto.Condition.newBuilder()
              .addAllIfMatch(condition.ifMatch())
              .addAllIfNoneMatch(condition.ifNoneMatch()));
    }
    switch (write) {
      case Write.Put put -> {
        command.setPut(UnsafeByteOperations.unsafeWrap(put.json()));
        encode(put.expiry(), command);
      }
      case Write.Patch patch -> {
        command.setPatch(
            PatchCommand.newBuilder()
                .setKind(
                    switch (patch.patch().kind()) {
                      case MERGE -> PatchCommand.Kind.MERGE;
                      case JSON_PATCH -> PatchCommand.Kind.JSON_PATCH;
                      case INCREMENT -> PatchCommand.Kind.INCREMENT;
                    })
                .setBody(UnsafeByteOperations.unsafeWrap(patch.patch().json()))
                .setCreate(patch.patch().create()));
        encode(patch.expiry(), command);
      }
      case Write.Delete _ -> command.setDelete(DeleteCommand.getDefaultInstance());
    }
    return command.build();
  }

  private static void encode(Expiry expiry, WriteCommand.Builder command) {
    switch (expiry) {
      case Expiry.At at -> command.setExpiresAtMillis(at.millis());
      case Expiry.Keep _ -> command.setKeepExpiry(true);
    }
  }

  private static Write decode(WriteCommand write) {
    DocumentPath path = DocumentPath.parse(write.getPath());
    Condition condition =
        write.hasCondition()
            ? new Condition(
                write.getCondition().getIfMatchList(), write.getCondition().getIfNoneMatchList())
            : Condition.NONE;
    if (write.getExpiresAtMillis() < 0) {
      throw new InvalidInputException("A document cannot expire before 1970.");
    }
    Expiry expiry = write.getKeepExpiry() ? Expiry.KEEP : new Expiry.At(write.getExpiresAtMillis());
    return switch (write.getActionCase()) {
      case PUT -> new Write.Put(path, write.getPut().toByteArray(), condition, expiry);
      case PATCH -> new Write.Patch(path, decode(write.getPatch()), condition, expiry);
      case DELETE -> new Write.Delete(path, condition);
      case ACTION_NOT_SET -> throw unknown("kind of write");
    };
  }

  private static Deferral decode(dev.meridian.store.proto.Deferral deferral) {
    return new Deferral(
        Duration.ofMillis(Integer.toUnsignedLong(deferral.getAgeMillis())), deferral.getMaxBytes());
  }

  private static Patch decode(PatchCommand patch) {
    ByteString body = patch.getBody();
    Patch.Kind kind =
        switch (patch.getKind()) {
          case MERGE -> Patch.Kind.MERGE;
          case JSON_PATCH -> Patch.Kind.JSON_PATCH;
          case INCREMENT -> Patch.Kind.INCREMENT;
          case UNRECOGNIZED -> throw unknown("patch kind " + patch.getKindValue());
        };
    return new Patch(kind, body.toByteArray(), patch.getCreate());
  }
}
