package dev.meridian.replica;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.meridian.peer.PeerService;
import dev.meridian.replica.proto.FenceReply;
import dev.meridian.replica.proto.FenceRequest;
import dev.meridian.replica.proto.FencedReply;
import dev.meridian.replica.proto.FitReply;
import dev.meridian.replica.proto.FollowerInfo;
import dev.meridian.replica.proto.FollowersReply;
import dev.meridian.replica.proto.NotPrimary;
import dev.meridian.replica.proto.SetMembersReply;
import dev.meridian.replica.proto.SetMembersRequest;
import dev.meridian.replica.proto.SnapshotFile;
import dev.meridian.replica.proto.SnapshotReadRequest;
import dev.meridian.replica.proto.SnapshotReply;
import dev.meridian.replica.proto.SnapshotRequest;
import dev.meridian.replica.proto.WriteReply;
import dev.meridian.replica.proto.WriteRequest;
import dev.meridian.replica.proto.WritesReply;
import dev.meridian.replica.proto.WritesRequest;
import dev.meridian.store.StoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import java.util.UUID;
import org.apache.ratis.server.protocol.TermIndex;
import org.jspecify.annotations.Nullable;

/** What a group's member does for the other members, beside Raft. */
final class MemberService implements AutoCloseable {
  /** How long a snapshot stays for a fetcher that is not heard of. */
  private static final Duration PIN = Duration.ofMinutes(2);

  private static final int MAX_PIECE_BYTES = 4 << 20;

  /** What it needs of the member. */
  interface Member {
    /** Whether this is the primary and can act as one. */
    boolean isPrimary();

    /** Why not, for people. */
    String notPrimary();

    /** The term that it is in. */
    long term();

    /** Writes as the primary; the replies are in the order of the writes. */
    List<WriteReply> write(List<WriteRequest> writes);

    /** The newest entry that is committed, once it is sure that this is the primary still. */
    long fence(boolean hurry);

    /** The same of one that is in no hurry, if that is sure without a wait. Does not wait. */
    OptionalLong promptFence();

    /** Which nodes asked for fences lately, once it is sure that this is the primary still. */
    Fenced fenced();

    /** A snapshot from which the log goes on without a gap. */
    Snapshots.Snapshot snapshot(long neededIndex) throws IOException, InterruptedException;

    Snapshots snapshots();

    /** Makes these the members, where the primary is, if they are those expected now. */
    void setMembers(Membership expected, Membership wanted) throws IOException;

    /** The group, where the primary is. */
    Group group();

    /** Why it could not write if it were primary, or null. */
    @Nullable String unfit();

    /** Grows when the database is replaced by another one. */
    long generation();
  }

  private final PeerService service;
  private final String group;
  private final Member member;
  private final SnapshotsSent sent;
  private final Fences fences;

  /** Names this process; databases are numbered within it. */
  private final String process = UUID.randomUUID().toString();

  MemberService(
      PeerService service, String group, Member member, SnapshotsSent sent, Fences fences) {
    this.service = service;
    this.group = group;
    this.member = member;
    this.sent = sent;
    this.fences = fences;
    service.offer(group + "/writes", this::writes);
    service.offer(group + "/fence", this::promptFence, this::fence);
    service.offer(group + "/fenced", _ -> fenced());
    service.offer(group + "/snapshot", this::snapshot);
    service.offer(group + "/snapshot/read", this::readSnapshot);
    service.offer(group + "/members", this::setMembers);
    service.offer(group + "/followers", this::followers);
    service.offer(group + "/fit", this::fit);
  }

  private byte[] writes(byte[] request) throws InvalidProtocolBufferException {
    WritesRequest asked = WritesRequest.parseFrom(request);
    List<WriteRequest> writes = asked.getWritesList();
    boolean takes =
        member.isPrimary() && (asked.getTerm() == 0 || asked.getTerm() == member.term());
    List<WriteReply> replies =
        takes
            ? member.write(writes)
            : Collections.nCopies(
                writes.size(), WriteReply.newBuilder().setNotPrimary(no()).build());
    return WritesReply.newBuilder().addAllReplies(replies).build().toByteArray();
  }

  private NotPrimary no() {
    return NotPrimary.newBuilder().setMessage(member.notPrimary()).build();
  }

  private byte @Nullable [] promptFence(byte[] request) {
    try {
      if (FenceRequest.parseFrom(request).getHurry()) {
        return null;
      }
    } catch (InvalidProtocolBufferException e) {
      return null; // the other one says so
    }
    fences.asked(caller()); // before it is known what the fence covers, as below
    OptionalLong index = member.promptFence();
    return index.isPresent()
        ? FenceReply.newBuilder().setIndex(index.getAsLong()).build().toByteArray()
        : null;
  }

  private byte[] fence(byte[] request) throws InvalidProtocolBufferException {
    FenceRequest asked = FenceRequest.parseFrom(request);
    FenceReply.Builder reply = FenceReply.newBuilder();
    if (member.isPrimary()) {
      // Before it is known what the fence covers: what is not on the list yet covers all from then.
      fences.asked(caller());
      try {
        reply.setIndex(member.fence(asked.getHurry()));
      } catch (StoreException e) {
        reply.setNotPrimary(NotPrimary.newBuilder().setMessage(String.valueOf(e.getMessage())));
      }
    } else {
      reply.setNotPrimary(no());
    }
    return reply.build().toByteArray();
  }

  private byte[] fenced() {
    FencedReply.Builder reply = FencedReply.newBuilder();
    if (member.isPrimary()) {
      try {
        Fenced known = member.fenced();
        reply.setPrimary(known.primary()).setOfficeMillis(known.office().toMillis());
        known
            .ages()
            .forEach(
                (node, age) -> reply.addNodesBuilder().setNode(node).setAgeMillis(age.toMillis()));
      } catch (StoreException e) {
        reply.setNotPrimary(NotPrimary.newBuilder().setMessage(String.valueOf(e.getMessage())));
      }
    } else {
      reply.setNotPrimary(no());
    }
    return reply.build().toByteArray();
  }

  private byte[] setMembers(byte[] request) throws InvalidProtocolBufferException {
    SetMembersRequest asked = SetMembersRequest.parseFrom(request);
    SetMembersReply.Builder reply = SetMembersReply.newBuilder();
    if (member.isPrimary()) {
      try {
        member.setMembers(
            Wire.membership(asked.getExpectedMembersList(), asked.getExpectedSparesList()),
            Wire.membership(asked.getMembersList(), asked.getSparesList()));
      } catch (IOException e) {
        reply.setProblem(String.valueOf(e.getMessage()));
      }
    } else {
      reply.setNotPrimary(no());
    }
    return reply.build().toByteArray();
  }

  private byte[] followers(byte[] request) {
    FollowersReply.Builder reply = FollowersReply.newBuilder();
    if (member.isPrimary()) {
      Group known = member.group();
      reply.setPrimary(known.primary()).setIndex(known.index());
      for (Group.Follower follower : known.followers()) {
        FollowerInfo.Builder info =
            reply
                .addFollowersBuilder()
                .setNode(follower.node())
                .setAddress(follower.address())
                .setIndex(follower.index())
                .setLagMillis(follower.lagMillis())
                .setSilentMillis(follower.silentMillis())
                .setSpare(follower.spare());
        follower.snapshotPercent().ifPresent(info::setSnapshotPercent);
      }
    } else {
      reply.setNotPrimary(no());
    }
    return reply.build().toByteArray();
  }

  private byte[] fit(byte[] request) {
    String problem = member.unfit();
    return FitReply.newBuilder().setProblem(problem == null ? "" : problem).build().toByteArray();
  }

  private byte[] snapshot(byte[] request) throws IOException, InterruptedException {
    SnapshotRequest asked = SnapshotRequest.parseFrom(request);
    Snapshots.Snapshot snapshot = member.snapshot(asked.getNeededIndex());
    member.snapshots().pin(snapshot.at(), PIN);
    SnapshotReply.Builder reply =
        SnapshotReply.newBuilder()
            .setTerm(snapshot.at().getTerm())
            .setIndex(snapshot.at().getIndex())
            .setOrigin(process + "/" + member.generation());
    for (Path file : Folders.files(snapshot.folder())) {
      reply.addFiles(
          SnapshotFile.newBuilder()
              .setName(file.getFileName().toString())
              .setBytes(Files.size(file)));
    }
    sent.begun(caller(), reply.getFilesList().stream().mapToLong(SnapshotFile::getBytes).sum());
    return reply.build().toByteArray();
  }

  private byte[] readSnapshot(byte[] request) throws IOException {
    SnapshotReadRequest asked = SnapshotReadRequest.parseFrom(request);
    TermIndex at = TermIndex.valueOf(asked.getTerm(), asked.getIndex());
    if (asked.getLength() <= 0 || asked.getLength() > MAX_PIECE_BYTES || asked.getOffset() < 0) {
      throw new IOException("No such piece of a file");
    }
    member.snapshots().pin(at, PIN);
    Path file = member.snapshots().file(at, asked.getName());
    ByteBuffer piece = ByteBuffer.allocate(asked.getLength());
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      long offset = asked.getOffset();
      for (int n; piece.hasRemaining() && (n = in.read(piece, offset)) > 0; ) {
        offset += n;
      }
    }
    sent.piece(caller(), piece.position());
    return Arrays.copyOf(piece.array(), piece.position());
  }

  /** The id of the node that calls. */
  private static String caller() {
    String node = PeerService.caller();
    return node == null ? "" : node;
  }

  @Override
  public void close() {
    service.withdraw(group + "/writes");
    service.withdraw(group + "/fence");
    service.withdraw(group + "/fenced");
    service.withdraw(group + "/snapshot");
    service.withdraw(group + "/snapshot/read");
    service.withdraw(group + "/members");
    service.withdraw(group + "/followers");
    service.withdraw(group + "/fit");
  }
}
