package dev.meridian.web;

import dev.meridian.store.Store;
import java.nio.file.Path;
import java.time.Clock;

/**
 * Who may do what: the operator's key, API keys, grants, and the rules of {@code site.yaml}. Shared
 * by the public listeners, the pages and the operator's listener. Safe for any thread.
 */
public final class Access {
  private final OperatorKey operatorKey;
  private final Grants grants;

  private Access(OperatorKey operatorKey, Grants grants) {
    this.operatorKey = operatorKey;
    this.grants = grants;
  }

  /**
   * Opens it.
   *
   * @param operatorKey the file of the operator's key, such as {@code DATA/operator.key}; made,
   *     with mode 0600, if there is none
   * @throws java.io.UncheckedIOException if the file can be neither read nor made
   */
  public static Access open(Store store, Path operatorKey) {
    return new Access(OperatorKey.open(operatorKey), new Grants(store, Clock.systemUTC()));
  }

  /** What pages give their visitors. */
  public Grants grants() {
    return grants;
  }

  OperatorKey operatorKey() {
    return operatorKey;
  }
}
