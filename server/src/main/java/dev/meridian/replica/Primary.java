package dev.meridian.replica;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Parser;
import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.replica.proto.FenceReply;
import dev.meridian.replica.proto.FenceRequest;
import dev.meridian.replica.proto.FencedNode;
import dev.meridian.replica.proto.FencedReply;
import dev.meridian.replica.proto.FitReply;
import dev.meridian.replica.proto.FollowersReply;
import dev.meridian.replica.proto.SetMembersReply;
import dev.meridian.replica.proto.SetMembersRequest;
import dev.meridian.replica.proto.WriteReply;
import dev.meridian.replica.proto.WriteRequest;
import dev.meridian.replica.proto.WritesReply;
import dev.meridian.replica.proto.WritesRequest;
import dev.meridian.store.Commit;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.proto.Command;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.util.NetUtils;
import org.jspecify.annotations.Nullable;

/** A group's primary as seen from another member. Any thread may use it. */
final class Primary {
  /** The node asked is not the primary, or cannot be reached; nothing was done. */
  static final class NotThere extends Exception {
    private static final long serialVersionUID = 1;

    /** Whether there has been another primary since. */
    final boolean superseded;

    NotThere(String message) {
      this(message, false);
    }

    NotThere(String message, boolean superseded) {
      super(message, null, false, false);
      this.superseded = superseded;
    }
  }

  /** Calls with writes that are under way at once, at most. */
  private static final int WRITE_CALLS = 8;

  /** How long a request waits for its turn; then its caller looks who is primary now. */
  private static final Duration TURN = Duration.ofMillis(250);

  private static final int MAX_WRITES = 1024;
  private static final long MAX_WRITES_BYTES = 4L << 20;

  /**
   * What a document whose new value is asked for counts, in bytes: an answer that 32 documents of
   * the largest size share is still taken, and one that cannot be taken leaves all unknown.
   */
  private static final int VALUE_WEIGHT = (int) (MAX_WRITES_BYTES / 32);

  /** How much longer than its writes a call may take. */
  private static final Duration LAST_WORD = Duration.ofMillis(500);

  /** A write on its way, and until when its caller waits ({@link System#nanoTime}). */
  private record Forwarded(Command command, long dueNanos) {}

  /**
   * Ends waits for a node that was primary when another one is. Its machine may be gone without a
   * word; whoever waits for it would do so until the deadline.
   */
  private final class Superseded<Q> implements SharedCalls.Elsewhere<Q> {
    private final String address;
    private final Predicate<Q> mayRepeat;

    Superseded(String address, Predicate<Q> mayRepeat) {
      this.address = address;
      this.mayRepeat = mayRepeat;
    }

    @Override
    public boolean known() {
      String now = known.get();
      return now != null && !now.equals(address);
    }

    @Override
    public boolean mayRepeat(Q request) {
      return mayRepeat.test(request);
    }
  }

  private final PeerClient client;
  private final String group;
  private final Supplier<@Nullable String> known;
  private final LongSupplier term;
  private final Duration fenceWait;

  /** By the address of the node that is, or was, primary. */
  private final Map<String, SharedCalls<Forwarded, WriteReply>> writes = new ConcurrentHashMap<>();

  private final Map<String, SharedCalls<Boolean, FenceReply>> fences = new ConcurrentHashMap<>();

  /**
   * Begins with none.
   *
   * @param known the primary's address, as this member knows it now, maybe its own; null when it
   *     knows of none. Does not wait.
   * @param term that this member is in
   * @param fenceWait the longest that a reader waits
   */
  Primary(
      PeerClient client,
      String group,
      Supplier<@Nullable String> known,
      LongSupplier term,
      Duration fenceWait) {
    this.client = client;
    this.group = group;
    this.known = known;
    this.term = term;
    this.fenceWait = fenceWait;
  }

  /** Without asking a name server, which may take long. The client does when it connects. */
  private static InetSocketAddress unresolved(String address) {
    int colon = address.lastIndexOf(':');
    return InetSocketAddress.createUnresolved(
        address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
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
    Forwarded write = new Forwarded(command, System.nanoTime() + deadline.toNanos());
    WriteReply reply;
    try {
      reply =
          writes
              .computeIfAbsent(primary.getAddress(), this::writesTo)
              .ask(write, weight(command), deadline.plus(LAST_WORD));
    } catch (SharedCalls.NotSent e) {
      throw new NotThere("The primary does not answer: " + e.getMessage());
    } catch (PeerException e) {
      if (!e.reached()) {
        throw new NotThere(String.valueOf(e.getMessage()));
      }
      throw unknown("The connection to the primary broke while it wrote", e);
    } catch (TimeoutException e) {
      throw unknown("The primary did not answer in time, or before another one was known", e);
    } catch (IllegalStateException e) {
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
    FenceReply reply;
    try {
      reply = fences.computeIfAbsent(primary.getAddress(), this::fencesAt).ask(hurry, 0, deadline);
    } catch (SharedCalls.NotSent | PeerException | TimeoutException | IllegalStateException e) {
      throw new NotThere("The primary does not answer: " + e.getMessage());
    }
    if (reply.hasNotPrimary()) {
      throw new NotThere(reply.getNotPrimary().getMessage());
    }
    return reply.getIndex();
  }

  /** Which nodes asked the primary for fences lately, as {@link ReplicatedStore#fenced}. */
  Fenced fenced(RaftPeer primary, Duration deadline) throws NotThere {
    try {
      FencedReply reply =
          FencedReply.parseFrom(
              client.call(address(primary), group + "/fenced", new byte[0], deadline));
      if (reply.hasNotPrimary()) {
        throw new NotThere(reply.getNotPrimary().getMessage());
      }
      return new Fenced(
          reply.getPrimary(),
          Duration.ofMillis(reply.getOfficeMillis()),
          reply.getNodesList().stream()
              .collect(
                  Collectors.toMap(
                      FencedNode::getNode, node -> Duration.ofMillis(node.getAgeMillis()))));
    } catch (PeerException | InvalidProtocolBufferException e) {
      throw new NotThere(String.valueOf(e.getMessage()));
    }
  }

  private static int weight(Command command) {
    int values = command.getBatch().getReturnValues() ? command.getBatch().getWritesCount() : 0;
    return command.getSerializedSize() + values * VALUE_WEIGHT;
  }

  private SharedCalls<Forwarded, WriteReply> writesTo(String address) {
    InetSocketAddress to = unresolved(address);
    return new SharedCalls<>(
        TURN,
        WRITE_CALLS,
        MAX_WRITES,
        MAX_WRITES_BYTES,
        // The primary knows those with a key again.
        new Superseded<>(address, write -> !write.command.getBatch().getIdempotencyKey().isEmpty()),
        requests -> {
          long now = System.nanoTime();
          long longest = 0;
          WritesRequest.Builder all = WritesRequest.newBuilder().setTerm(term.getAsLong());
          for (Forwarded write : requests) {
            long millis = Math.max(0, TimeUnit.NANOSECONDS.toMillis(write.dueNanos - now));
            longest = Math.max(longest, millis);
            all.addWrites(
                WriteRequest.newBuilder()
                    .setCommand(write.command)
                    .setDeadlineMillis((int) Math.min(millis, Integer.MAX_VALUE)));
          }
          // A little longer, so that the primary's own word on what became of them arrives.
          return client
              .callLater(
                  to,
                  group + "/writes",
                  all.build().toByteArray(),
                  Duration.ofMillis(longest).plus(LAST_WORD))
              .thenApplyAsync(
                  answer -> parse(answer, WritesReply.parser()).getRepliesList(),
                  Thread::startVirtualThread);
        });
  }

  /** One fence does for all that wait for it when it is asked for. */
  private SharedCalls<Boolean, FenceReply> fencesAt(String address) {
    InetSocketAddress to = unresolved(address);
    return SharedCalls.gathered(
        TURN,
        new Superseded<>(address, _ -> true),
        hurried ->
            client
                .callLater(
                    to,
                    group + "/fence",
                    FenceRequest.newBuilder()
                        .setHurry(hurried.contains(true))
                        .build()
                        .toByteArray(),
                    fenceWait)
                .thenApply(
                    answer ->
                        Collections.nCopies(hurried.size(), parse(answer, FenceReply.parser()))));
  }

  private static <M> M parse(byte[] answer, Parser<M> parser) {
    try {
      return parser.parseFrom(answer);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  private static Unavailable unknown(String what, Exception cause) {
    return new Unavailable(
        Unavailable.Outcome.UNKNOWN,
        what
            + "; the write may have been done, or may yet be. Read the document again, or repeat"
            + " the write with the same idempotency key.",
        cause);
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
