package dev.meridian.shard;

import dev.meridian.document.InvalidInputException;
import org.jspecify.annotations.Nullable;

/**
 * Which formats of messages between nodes, and of what is in logs and databases, a build
 * understands. Nodes whose builds have none in common do not take part in one cluster.
 *
 * <p>One number stands for all of them, and grows by one with a release that writes something its
 * predecessor cannot read. Within one number, fields are only added that may be passed over.
 *
 * @param oldest the first
 * @param newest the last
 */
public record Formats(int oldest, int newest) {
  /** This build's; 2 has write-behind. */
  public static final Formats OURS = new Formats(1, 2);

  /** Checks that it is a range. */
  public Formats {
    if (oldest < 1 || newest < oldest) {
      throw new InvalidInputException(oldest + " to " + newest + " are no formats.");
    }
  }

  /** What another build said; the first builds said nothing. */
  static Formats of(dev.meridian.shard.proto.Formats said) {
    return said.getNewest() == 0
        ? new Formats(1, 1)
        : new Formats(said.getOldest(), said.getNewest());
  }

  dev.meridian.shard.proto.Formats encode() {
    return dev.meridian.shard.proto.Formats.newBuilder()
        .setOldest(oldest)
        .setNewest(newest)
        .build();
  }

  /**
   * Why a node with these formats cannot be of a cluster with a node of others, or null.
   *
   * @param version of the build with these
   * @param others those of the cluster's node
   * @param othersVersion its version
   */
  @Nullable String refusal(String version, Formats others, String othersVersion) {
    if (newest >= others.oldest && others.newest >= oldest) {
      return null;
    }
    String both =
        "it runs Meridian "
            + version
            + ", which understands the formats "
            + this
            + ", and the cluster's "
            + othersVersion
            + " those "
            + others
            + ": ";
    return newest < others.oldest
        ? both + "it is too old. Upgrade it"
        : both
            + "it is too new. Upgrade the cluster's nodes first, one after another, release by release";
  }

  @Override
  public String toString() {
    return oldest + " to " + newest;
  }
}
