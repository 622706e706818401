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
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Whether a node may take part, by what the other members say before it does. Where none answers
 * there is nothing to compare, and it may.
 */
final class StartCheck {
  /** Further apart, somebody's clock is wrong. */
  static final Duration MOST_APART = Duration.ofMinutes(2);

  private static final Duration CALL = Duration.ofSeconds(1);

  /**
   * What another member said.
   *
   * @param at where it is
   * @param ahead how far this machine's clock is ahead of its; null if it does not say
   */
  private record Answer(String at, String version, Formats formats, @Nullable Duration ahead) {
    boolean isFar() {
      return ahead != null && ahead.abs().compareTo(MOST_APART) > 0;
    }
  }

  private final List<Answer> answers = new ArrayList<>();

  /** Asks the others, one after the other. */
  StartCheck(PeerClient client, Collection<InetSocketAddress> others, LongSupplier wallMillis) {
    for (InetSocketAddress other : others) {
      try {
        long before = wallMillis.getAsLong();
        PingReply reply = PingReply.parseFrom(client.call(other, Cluster.PING, new byte[0], CALL));
        long between = before + (wallMillis.getAsLong() - before) / 2;
        answers.add(
            new Answer(
                other.getHostString() + ":" + other.getPort(),
                reply.getVersion(),
                Formats.of(reply.hasFormats(), reply.getFormats()),
                reply.getWallMillis() == 0
                    ? null
                    : Duration.ofMillis(between - reply.getWallMillis())));
      } catch (PeerException | InvalidProtocolBufferException | InvalidInputException e) {
        // It has no say.
      }
    }
  }

  /** Why this build should not take part, or null: any other node's does not understand it. */
  @Nullable String formatsRefusal(String version, Formats formats) {
    for (Answer answer : answers) {
      String why = formats.refusal(version, answer.formats, answer.version);
      if (why != null) {
        return "This node cannot take part beside the one at " + answer.at + ": " + why + ".";
      }
    }
    return null;
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
    Duration ahead = java.util.Objects.requireNonNull(apart.getFirst().ahead);
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
