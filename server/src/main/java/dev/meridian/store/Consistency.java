package dev.meridian.store;

/** What a read promises. */
public enum Consistency {
  /** Linearizable: sees every write acknowledged before the read began. */
  STRONG,
  /** Sees the reader's own writes and never goes back in time, by its {@link SessionToken}. */
  SESSION,
  /** Whatever is near; staleness is bounded by configuration. */
  EVENTUAL
}
