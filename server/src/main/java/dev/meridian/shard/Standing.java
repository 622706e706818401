package dev.meridian.shard;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.meridian.document.InvalidInputException;
import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.shard.proto.PingReply;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How this node stands with the other members: what they say of it, and whether it can be one of
 * them by its build and by its clock. Where none answers there is nothing to compare.
 */
final class Standing {
  /** Further apart, somebody's clock is wrong. */
  static final Duration MOST_APART = Duration.ofMinutes(2);

  /** Longest wait for the first answer: a process that has just begun is slow. */
  private static final Duration CALL = Duration.ofSeconds(5);

  /** And for the others from then on. */
  private static final Duration OTHERS = Duration.ofSeconds(1);

  /**
   * What another member said.
   *
   * @param at where it is
   * @param version of its build
   * @param state of this node, as it knows; empty if it does not
   * @param ahead how far this machine's clock is ahead of its; null if it does not say
   */
  private record Answer(
      String at, String version, Formats formats, String state, @Nullable Duration ahead) {
    boolean isFar() {
      return ahead != null && ahead.abs().compareTo(MOST_APART) > 0;
    }
  }

  private final List<Answer> answers = new ArrayList<>();
  private final int others;
  private boolean denied;

  private Standing(int others) {
    this.others = others;
  }

  /** Asks all of the others at once, and waits for a while. */
  static Standing ask(
      PeerClient client, Collection<InetSocketAddress> others, LongSupplier wallMillis) {
    Standing standing = new Standing(others.size());
    long before = wallMillis.getAsLong();
    List<CompletableFuture<@Nullable Answer>> asked = new ArrayList<>();
    for (InetSocketAddress other : others) {
      asked.add(
          client
              .callLater(other, Cluster.PING, new byte[0], CALL)
              .thenApply(reply -> answer(other, reply, before, wallMillis.getAsLong())));
    }
    await(asked);
    for (CompletableFuture<@Nullable Answer> one : asked) {
      try {
        Answer answer = one.getNow(null);
        if (answer != null) {
          standing.answers.add(answer);
        }
      } catch (CompletionException e) {
        standing.denied |= e.getCause() instanceof PeerException problem && problem.denied();
      }
    }
    return standing;
  }

  private static void await(List<CompletableFuture<@Nullable Answer>> asked) {
    CompletableFuture<?> all = CompletableFuture.allOf(asked.toArray(CompletableFuture[]::new));
    CompletableFuture<Boolean> first = new CompletableFuture<>();
    all.whenComplete((_, _) -> first.complete(true));
    asked.forEach(one -> one.thenAccept(_ -> first.complete(true)));
    try {
      first.get(CALL.toMillis(), TimeUnit.MILLISECONDS);
      all.get(OTHERS.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      // Those who have not answered have no say.
    }
  }

  /** Null for what cannot be read: it has no say. */
  private static @Nullable Answer answer(
      InetSocketAddress at, byte[] message, long before, long after) {
    try {
      PingReply reply = PingReply.parseFrom(message);
      return new Answer(
          at.getHostString() + ":" + at.getPort(),
          reply.getVersion(),
          Formats.of(reply.getFormats()),
          reply.getCallerState(),
          reply.getWallMillis() == 0
              ? null // an earlier version's
              : Duration.ofMillis(before + (after - before) / 2 - reply.getWallMillis()));
    } catch (InvalidProtocolBufferException | InvalidInputException e) {
      return null;
    }
  }

  /** Whether any of them answered, or there is none. */
  boolean isKnown() {
    return denied || others == 0 || !answers.isEmpty();
  }

  /** Whether any of them knows that this node was removed. */
  boolean isRemoved() {
    return denied;
  }

  /**
   * Whether any of them knows this node as one that belongs and is not about to leave, or there is
   * none.
   */
  boolean isIn() {
    return others == 0
        || answers.stream().anyMatch(answer -> answer.state.equals(Member.State.IN.name()));
  }

  /**
   * Why this build cannot take part, or null. One that is too new for any of them has come too
   * early. One that is too old is so only for most of those that there are: otherwise it is the
   * other that is too new, and goes.
   */
  @Nullable String unfit(String version, Formats formats) {
    String tooNew = null;
    String tooOld = null;
    int older = 0;
    for (Answer answer : answers) {
      String why = formats.refusal(version, answer.formats, answer.version);
      if (why != null) {
        why = "This node cannot take part beside the one at " + answer.at + ": " + why + ".";
        if (formats.oldest() > answer.formats.newest()) {
          tooNew = why;
        } else {
          tooOld = why;
          older++;
        }
      }
    }
    return tooNew != null ? tooNew : older * 2 > others ? tooOld : null;
  }

  /**
   * Why this node should not start under its clock, or null: most of those that answer have another
   * time. As a primary, one whose clock is ahead would date writes into the future and expire
   * documents early; one whose clock is behind could date none. (While nodes run, a clock that
   * jumps is noticed by itself.)
   */
  @Nullable String clockRefusal() {
    List<Answer> apart = answers.stream().filter(Answer::isFar).toList();
    long said = answers.stream().filter(answer -> answer.ahead != null).count();
    if (apart.size() * 2L <= said) {
      return null;
    }
    Duration ahead = Objects.requireNonNull(apart.getFirst().ahead);
    return "The clock of this machine is "
        + ahead.abs().toSeconds()
        + " s "
        + (ahead.isNegative() ? "behind" : "ahead of")
        + " that of "
        + apart.stream().map(Answer::at).sorted().collect(Collectors.joining(", "))
        + (apart.size() == said ? "" : " (of %d that answer)".formatted(said))
        + ". Set it right, best by NTP, and start this node again; if it is right and theirs are"
        + " wrong, set those right, and start once with --accept-clock.";
  }
}
