package dev.meridian;

import dev.meridian.node.Node;
import dev.meridian.store.Store;
import java.net.URI;
import java.time.Duration;

/** A node in this process. Closing it stops it, and lets requests in flight finish. */
public final class RunningSite implements AutoCloseable {
  private final Node node;

  RunningSite(Node node) {
    this.node = node;
  }

  /** Where it answers: {@code http://127.0.0.1:PORT/}. */
  public URI address() {
    return URI.create("http://127.0.0.1:" + node.listeners().http().orElseThrow().getPort() + "/");
  }

  /** Its data, with all rights. */
  public Store store() {
    return node.store();
  }

  /**
   * Waits until the site's seed files are imported or have failed, at most so long.
   *
   * @return whether they were in time
   */
  public boolean awaitSeeds(Duration limit) throws InterruptedException {
    return node.awaitSeeds(limit);
  }

  @Override
  public void close() {
    node.close();
  }
}
