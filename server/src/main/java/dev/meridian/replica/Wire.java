package dev.meridian.replica;

import com.google.protobuf.UnsafeByteOperations;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.replica.proto.Done;
import dev.meridian.replica.proto.Failure;
import dev.meridian.replica.proto.MemberInfo;
import dev.meridian.replica.proto.SetMembersRequest;
import dev.meridian.replica.proto.WriteReply;
import dev.meridian.replica.proto.WrittenDocument;
import dev.meridian.store.Commit;
import dev.meridian.store.Outcome;
import dev.meridian.store.StoreException;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.StoreException.Rejected;
import dev.meridian.store.StoreException.Unavailable;
import dev.meridian.store.Written;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Outcomes of writes on their way between nodes. */
final class Wire {
  private Wire() {}

  static WriteReply encode(Outcome outcome) {
    return switch (outcome) {
      case Outcome.Done(Commit commit) -> WriteReply.newBuilder().setDone(done(commit)).build();
      case Outcome.Failed(StoreException problem) ->
          WriteReply.newBuilder().setFailure(failure(problem)).build();
      case Outcome.Swept _, Outcome.Flushed _ ->
          throw new IllegalStateException("sweeps and flushes are the primary's own");
    };
  }

  private static Done done(Commit commit) {
    Done.Builder done =
        Done.newBuilder()
            .setTimestamp(commit.version().timestamp())
            .setRegion(commit.version().region())
            .setReplayed(commit.replayed());
    for (Written written : commit.results()) {
      WrittenDocument.Builder result =
          WrittenDocument.newBuilder()
              .setPath(written.path().toString())
              .setTimestamp(written.version().timestamp())
              .setRegion(written.version().region())
              .setExisted(written.existed())
              .setDeleted(written.deleted());
      byte[] json = written.json();
      if (json != null) {
        result.setJson(UnsafeByteOperations.unsafeWrap(json));
      }
      done.addResults(result);
    }
    return done.build();
  }

  static Failure failure(StoreException problem) {
    Failure.Builder failure = Failure.newBuilder().setMessage(String.valueOf(problem.getMessage()));
    switch (problem) {
      case PreconditionFailed failed -> {
        failure.setKind(Failure.Kind.PRECONDITION_FAILED).setPath(failed.path().toString());
        Version current = failed.current();
        if (current != null) {
          failure.setEtag(current.etag());
        }
      }
      case Rejected rejected ->
          failure.setKind(Failure.Kind.REJECTED).setReason(rejected.reason().name());
      case Unavailable unavailable ->
          failure.setKind(
              unavailable.outcome() == Unavailable.Outcome.NOT_DONE
                  ? Failure.Kind.NOT_DONE
                  : Failure.Kind.UNKNOWN);
      default -> throw new IllegalStateException("no write fails so", problem);
    }
    return failure.build();
  }

  static Commit commit(Done done) {
    List<Written> results = new ArrayList<>(done.getResultsCount());
    for (WrittenDocument result : done.getResultsList()) {
      results.add(
          new Written(
              DocumentPath.parse(result.getPath()),
              new Version(result.getTimestamp(), result.getRegion()),
              result.getExisted(),
              result.getDeleted(),
              result.hasJson() ? result.getJson().toByteArray() : null));
    }
    return new Commit(
        results, new Version(done.getTimestamp(), done.getRegion()), done.getReplayed());
  }

  static StoreException problem(Failure failure) {
    return switch (failure.getKind()) {
      case PRECONDITION_FAILED ->
          new PreconditionFailed(
              DocumentPath.parse(failure.getPath()),
              failure.getEtag().isEmpty() ? null : Version.parse(failure.getEtag()));
      case REJECTED -> new Rejected(reason(failure.getReason()), failure.getMessage());
      case NOT_DONE -> new Unavailable(Unavailable.Outcome.NOT_DONE, failure.getMessage(), null);
      // What a newer node may yet say means at most this.
      case UNKNOWN, UNRECOGNIZED ->
          new Unavailable(Unavailable.Outcome.UNKNOWN, failure.getMessage(), null);
    };
  }

  private static Rejected.Reason reason(String name) {
    try {
      return Rejected.Reason.valueOf(name);
    } catch (IllegalArgumentException e) {
      return Rejected.Reason.INVALID;
    }
  }

  static SetMembersRequest encode(Membership expected, Membership wanted) {
    return SetMembersRequest.newBuilder()
        .addAllMembers(encode(wanted.replicas()))
        .addAllSpares(encode(wanted.spares()))
        .addAllExpectedMembers(encode(expected.replicas()))
        .addAllExpectedSpares(encode(expected.spares()))
        .build();
  }

  private static List<MemberInfo> encode(Map<String, String> members) {
    return members.entrySet().stream()
        .map(
            member ->
                MemberInfo.newBuilder()
                    .setNode(member.getKey())
                    .setAddress(member.getValue())
                    .build())
        .toList();
  }

  static Membership membership(List<MemberInfo> replicas, List<MemberInfo> spares) {
    return new Membership(addresses(replicas), addresses(spares));
  }

  private static Map<String, String> addresses(List<MemberInfo> members) {
    Map<String, String> addresses = new LinkedHashMap<>();
    members.forEach(member -> addresses.put(member.getNode(), member.getAddress()));
    return addresses;
  }
}
