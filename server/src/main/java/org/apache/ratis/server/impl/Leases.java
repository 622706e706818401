package org.apache.ratis.server.impl;

import org.apache.ratis.server.RaftServer;

/**
 * Whether a Raft leader has its lease: what Ratis knows and does not tell. It stands in Ratis' own
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
   * Whether a division is the leader, and no other one can be elected yet: a majority answered
   * requests that were sent less than an election timeout ago. Singletons always are.
   *
   * @throws IllegalStateException if the division is not of Ratis' own kind
   */
  public static boolean holds(RaftServer.Division division) {
    if (division instanceof RaftServerImpl server) {
      return server.getRole().getLeaderState().map(LeaderStateImpl::hasLease).orElse(false);
    }
    throw new IllegalStateException("Ratis changed: " + division.getClass());
  }
}
