package dev.meridian.site;

import java.util.List;

/** Which regions a name answers with: one, or a choice among several, or among such choices. */
public sealed interface RegionSet {
  /** How a choice is made among members; each can be a region or a choice itself. */
  enum Policy {
    /** The nearest to the client that is ready. */
    NEAREST,
    /** The first one, in the order given, that is ready. */
    FAILOVER,
    /** One at random, by weight, among those that are ready; chosen anew for each query. */
    WEIGHTED,
    /** All that are ready. */
    ALL
  }

  /** One region, by its name. */
  record One(String region) implements RegionSet {}

  /**
   * A choice.
   *
   * @param members at least one
   * @param weights one for each member where the policy is {@code WEIGHTED}, otherwise none
   */
  record Group(Policy policy, List<RegionSet> members, List<Integer> weights) implements RegionSet {
    /** Copies. */
    public Group {
      members = List.copyOf(members);
      weights = List.copyOf(weights);
    }
  }
}
