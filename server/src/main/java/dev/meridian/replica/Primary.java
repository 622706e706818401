package dev.meridian.replica;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.replica.proto.FenceReply;
import dev.meridian.replica.proto.FenceRequest;
import dev.meridian.replica.proto.FitReply;
import dev.meridian.replica.proto.FollowersReply;
import dev.meridian.replica.proto.SetMembersReply;
import dev.meridian.replica.proto.SetMembersRequest;
import dev.meridian.replica.proto.WriteReply;
import dev.meridian.replica.proto.WriteRequest;
import dev.meridian.store.Commit;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.util.NetUtils;
import org.jspecify.annotations.Nullable;

/** A group's primary as seen from another member. Any thread may use it. */
final class Primary {
  /** The node asked is not the primary, or cannot be reached; nothing was done. */
  static final class NotThere extends Exception {
    private static final long serialVersionUID = 1;

    NotThere(String message) {
      super(message, null, false, false);
    }
  }

  private final PeerClient client;
  private final String group;

  Primary(PeerClient client, String group) {
    this.client = client;
    this.group = group;
  }

  private static InetSocketAddress address(RaftPeer peer) {
    return NetUtils.createSocketAddr(peer.getAddress());
  }

  /**
   * Has the primary write.
   *
   * @throws NotThere if nothing was done, and somebody else may do it
   * @throws dev.meridian.store.StoreException as {@link dev.meridian.store.Store#write}
   */
  Commit write(RaftPeer primary, Command command, Duration deadline) throws NotThere {
    WriteRequest request =
        WriteRequest.newBuilder()
            .setCommand(command)
            .setDeadlineMillis((int) Math.min(deadline.toMillis(), Integer.MAX_VALUE))
            .build();
    WriteReply reply;
    try {
      // A little longer, so that the primary's own word on what became of the write arrives.
      reply =
          WriteReply.parseFrom(
              client.call(
                  address(primary),
                  group + "/write",
                  request.toByteArray(),
                  deadline.plusMillis(500)));
    } catch (PeerException e) {
      if (!e.reached()) {
        throw new NotThere(String.valueOf(e.getMessage()));
      }
      throw new Unavailable(
          Unavailable.Outcome.UNKNOWN,
          "The connection to the primary broke while it wrote; the write may have been done, or may"
              + " yet be. Read the document again, or repeat the write with the same idempotency"
              + " key.",
          e);
    } catch (InvalidProtocolBufferException e) {
      throw new Unavailable(Unavailable.Outcome.UNKNOWN, "The primary's answer cannot be read.", e);
    }
    return switch (reply.getOutcomeCase()) {
      case DONE -> Wire.commit(reply.getDone());
      case FAILURE -> throw Wire.problem(reply.getFailure());
      case NOT_PRIMARY -> throw new NotThere(reply.getNotPrimary().getMessage());
      case OUTCOME_NOT_SET ->
          throw new Unavailable(
              Unavailable.Outcome.UNKNOWN, "The primary's answer cannot be read.", null);
    };
  }

  /**
   * The entry of the log up to which a reader must see, to see all that was acknowledged before
   * this was called.
   *
   * @param hurry whether the reader waits for it already
   */
  long fence(RaftPeer primary, boolean hurry, Duration deadline) throws NotThere {
    try {
      FenceReply reply =
          FenceReply.parseFrom(
              client.call(
                  address(primary),
                  group + "/fence",
                  FenceRequest.newBuilder().setHurry(hurry).build().toByteArray(),
                  deadline));
      if (reply.hasNotPrimary()) {
        throw new NotThere(reply.getNotPrimary().getMessage());
      }
      return reply.getIndex();
    } catch (PeerException | InvalidProtocolBufferException e) {
      throw new NotThere(String.valueOf(e.getMessage()));
    }
  }

  /**
   * Has the primary change the group's members.
   *
   * @throws IOException if it was not done, or nobody knows
   */
  void setMembers(RaftPeer primary, Membership expected, Membership wanted, Duration deadline)
      throws NotThere, IOException {
    SetMembersRequest request = Wire.encode(expected, wanted);
    SetMembersReply reply =
        SetMembersReply.parseFrom(
            client.call(address(primary), group + "/members", request.toByteArray(), deadline));
    if (reply.hasNotPrimary()) {
      throw new NotThere(reply.getNotPrimary().getMessage());
    }
    if (!reply.getProblem().isEmpty()) {
      throw new IOException(reply.getProblem());
    }
  }

  /** Why another member could not write if it were primary; null if it could. */
  @Nullable String unfit(String member, Duration deadline) {
    try {
      FitReply reply =
          FitReply.parseFrom(
              client.call(
                  NetUtils.createSocketAddr(member), group + "/fit", new byte[0], deadline));
      return reply.getProblem().isEmpty() ? null : reply.getProblem();
    } catch (PeerException | InvalidProtocolBufferException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /** The group as the primary sees it. */
  Group group(RaftPeer primary, Duration deadline) throws NotThere {
    try {
      FollowersReply reply =
          FollowersReply.parseFrom(
              client.call(address(primary), group + "/followers", new byte[0], deadline));
      if (reply.hasNotPrimary()) {
        throw new NotThere(reply.getNotPrimary().getMessage());
      }
      return new Group(
          reply.getPrimary(),
          reply.getIndex(),
          reply.getFollowersList().stream()
              .map(
                  f ->
                      new Group.Follower(
                          f.getNode(),
                          f.getAddress(),
                          f.getIndex(),
                          f.getLagMillis(),
                          f.getSilentMillis(),
                          f.getSpare(),
                          f.hasSnapshotPercent()
                              ? Optional.of(f.getSnapshotPercent())
                              : Optional.empty()))
              .toList());
    } catch (PeerException | InvalidProtocolBufferException e) {
      throw new NotThere(String.valueOf(e.getMessage()));
    }
  }
}
