package dev.meridian.replica;

import java.io.IOException;

/**
 * Ratis ended a replica that was starting, and nothing is wrong with it: starting it again mends
 * it. So it goes when a member stands for election in the moment in which its primary tells it,
 * with a snapshot, who the members are: Ratis 3.3.0 ({@code SnapshotInstallationHandler}) forgets
 * the old ones first, and one who finds that it is no member itself closes.
 */
public final class ReplicaEnded extends IOException {
  private static final long serialVersionUID = 1;

  ReplicaEnded(String message) {
    super(message);
  }
}
