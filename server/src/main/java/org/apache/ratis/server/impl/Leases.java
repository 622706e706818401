package org.apache.ratis.server.impl;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.leader.FollowerInfo;
import org.apache.ratis.server.leader.LogAppender;

/**
 * What a Raft leader's lease rests on: what Ratis knows and does not tell. It stands in Ratis' own
 * package, since there is no other way to ask.
 *
 * <p>Without the lease, Ratis 3.3.0's linearizable reads ask the followers only where no read of
 * the same commit index has been confirmed before ({@code ReadIndexHeartbeats.ackedCommitIndex});
 * so an old leader without new writes answers from the past for as long as it takes itself for the
 * leader. Whoever reads must therefore know on what a read would rest.
 */
public final class Leases {
  private Leases() {}

  /**
   * How long ago, in nanoseconds, a leader sent what a majority has answered since; {@link
   * Long#MAX_VALUE} if the division is not the leader, has no lease, or is about to hand over.
   * Refusals count as answers.
   *
   * @throws IllegalStateException if the division is not of Ratis' own kind
   */
  public static long ageNanos(RaftServer.Division division) {
    if (division instanceof RaftServerImpl server) {
      return server
          .getRole()
          .getLeaderState()
          .filter(LeaderStateImpl::hasLease)
          .map(leader -> ageNanos(server, leader))
          .orElse(Long.MAX_VALUE);
    }
    throw new IllegalStateException("Ratis changed: " + division.getClass());
  }

  private static long ageNanos(RaftServerImpl server, LeaderStateImpl leader) {
    RaftConfigurationImpl members = server.getRaftConf();
    List<RaftPeerId> answered = new ArrayList<>();
    for (FollowerInfo follower :
        leader
            .getLogAppenders()
            .map(LogAppender::getFollower)
            .sorted(Comparator.comparingLong(Leases::ageNanos))
            .toList()) {
      answered.add(follower.getId());
      if (members.hasMajority(answered, server.getId())) {
        return ageNanos(follower);
      }
    }
    return Long.MAX_VALUE;
  }

  private static long ageNanos(FollowerInfo follower) {
    return follower
        .getLastRespondedAppendEntriesSendTime()
        .elapsedTime()
        .toLong(TimeUnit.NANOSECONDS);
  }
}
