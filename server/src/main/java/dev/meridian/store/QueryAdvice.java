package dev.meridian.store;

import com.google.protobuf.ByteString;
import java.util.List;
import java.util.Optional;

/** Says of a query, before there is any data, whether its collection's indexes will serve it. */
public final class QueryAdvice {
  private QueryAdvice() {}

  /**
   * Why {@link Store#list} would refuse the query for want of an index, and what to add; empty when
   * it would not. What constants the query compares with makes no difference, only their places.
   *
   * @param declared the indexes of the query's collection
   */
  public static Optional<String> missingIndex(Query query, List<IndexDefinition> declared) {
    Planner planner = new Planner(query);
    List<Index> indexes =
        declared.stream().map(one -> new Index(one, 0, true, ByteString.EMPTY)).toList();
    if (query.scan() > 0 || planner.plan(indexes).serves(query)) {
      return Optional.empty();
    }
    return Optional.of(IndexAdvice.shortMessage(query, planner.order()));
  }
}
