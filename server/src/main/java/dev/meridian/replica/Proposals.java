package dev.meridian.replica;

import dev.meridian.store.StoreException.Unavailable;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.ratis.proto.RaftProtos.StateMachineLogEntryProto;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * The entries that this member handed to the log and that have not been applied here yet.
 *
 * <p>A primary that loses its place with entries in the log cannot tell what becomes of them, and
 * Ratis does not say it later. The log does: terms never fall along it (Raft, section 5.3), so when
 * an entry of a later term is applied here, those of this primary's term have been, or never will
 * be. Their callers learn which, and may have done elsewhere what was not done here.
 *
 * <p>{@link #add} and {@link #remove} are for any thread; the others for the one that applies the
 * log.
 */
final class Proposals {
  private final ByteString client;
  private final Map<Long, LogGroup> byCall = new ConcurrentHashMap<>();

  /** The highest one applied. */
  private long term;

  /**
   * Begins with none.
   *
   * @param client marks this process' entries in the log
   */
  Proposals(ClientId client) {
    this.client = client.toByteString();
  }

  /** Called before the log gets it. */
  void add(long call, LogGroup group) {
    byCall.put(call, group);
  }

  /** It was answered. */
  void remove(long call) {
    byCall.remove(call);
  }

  /** Those whose entry this is; null when it is another process'. */
  @Nullable LogGroup take(StateMachineLogEntryProto entry) {
    return entry.getClientId().equals(client) ? byCall.remove(entry.getCallId()) : null;
  }

  /** An entry of this term is about to be applied. */
  void reached(long next) {
    if (next == term) {
      return;
    }
    term = next;
    for (Map.Entry<Long, LogGroup> proposal : byCall.entrySet()) {
      if (proposal.getValue().term() < next) {
        byCall.remove(proposal.getKey());
        proposal.getValue().failed(_ -> superseded());
      }
    }
  }

  private static Unavailable superseded() {
    String what = "Another became primary before the write was safe.";
    return new Unavailable(
        Unavailable.Outcome.NOT_DONE,
        what + " The write was not done.",
        new Primary.NotThere(what, true));
  }

  /** What was applied cannot be seen: a copy of another member's database took its place. */
  void lost() {
    for (Map.Entry<Long, LogGroup> proposal : byCall.entrySet()) {
      byCall.remove(proposal.getKey());
      proposal
          .getValue()
          .failed(
              appended ->
                  GroupCommit.unavailable(
                      appended, "This replica fell behind and took over another's data.", null));
    }
  }
}
