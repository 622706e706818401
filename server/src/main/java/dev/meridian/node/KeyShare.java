package dev.meridian.node;

import dev.meridian.dns.Signing;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.SiteVersion;
import dev.meridian.store.StoreException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the keys of zones the same on all nodes: the node that the site is edited on makes and
 * replaces them, the others fetch them from it. They travel between nodes of the cluster only,
 * which know each other by certificate.
 */
final class KeyShare implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(KeyShare.class);
  private static final String KEYS = "names/keys";
  private static final Duration CALL = Duration.ofSeconds(10);

  /** How long a node that starts waits for its keys. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Cluster cluster;
  private final Signing signing;

  KeyShare(Cluster cluster, Signing signing) {
    this.cluster = cluster;
    this.signing = signing;
    if (signing.isOwner()) {
      cluster.service().offer(KEYS, this::answer);
    }
  }

  /** Answers the hash of what somebody has with all keys, or with nothing if they are the same. */
  private byte[] answer(byte[] known) {
    byte[] keys = signing.export();
    return Arrays.equals(hash(keys), known) ? new byte[0] : keys;
  }

  /**
   * Before a node serves names: fetches the keys. A node that has none waits for them for a while;
   * one that has some serves with those until others come.
   */
  void await() {
    if (signing.isOwner()) {
      return;
    }
    long end = System.nanoTime() + PATIENCE.toNanos();
    try {
      while (!fetch(keys -> signing.take(keys, null))
          && !signing.hasKeys()
          && System.nanoTime() < end) {
        Thread.sleep(500);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Fetches what is new, and gives it to {@code taker}; does nothing where keys are made. */
  void follow(Consumer<byte[]> taker) {
    if (!signing.isOwner()) {
      fetch(taker);
    }
  }

  private boolean fetch(Consumer<byte[]> taker) {
    try {
      String owner = cluster.site().map(SiteVersion::node).orElse("");
      List<InetSocketAddress> others = cluster.others(owner);
      if (owner.isEmpty() || others.isEmpty()) {
        return false;
      }
      byte[] keys = cluster.client().call(others.getFirst(), KEYS, hash(signing.export()), CALL);
      if (keys.length > 0) {
        taker.accept(keys);
      }
      return true;
    } catch (IOException | StoreException e) {
      LOG.debug("The keys of zones are fetched later", e);
      return false;
    }
  }

  private static byte[] hash(byte[] keys) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(keys);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  @Override
  public void close() {
    if (signing.isOwner()) {
      cluster.service().withdraw(KEYS);
    }
  }
}
