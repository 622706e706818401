package dev.meridian.web;

import dev.meridian.site.Site;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;

/** What the operator's listener shows of its node. Called on any thread, many at once. */
public interface AdminViews {
  /** Why the node cannot serve now, in one sentence, or empty when it is ready. */
  Optional<String> notReady();

  /** The site as it now is. */
  Site site();

  /** The node's state as a JSON object. */
  byte[] status();

  /**
   * Why a client gets the answer from the name server that it gets, as a JSON object of lines.
   *
   * @param address the client's
   * @param name whose answer, or empty for all that answer with regions
   * @throws dev.meridian.document.InvalidInputException if there is nothing to explain
   */
  byte[] where(String address, Optional<String> name);

  /**
   * The names that this node's name server was asked for most lately, as a JSON object.
   *
   * @param most names at most, from 1
   * @throws dev.meridian.document.InvalidInputException if it has no name server
   */
  byte[] namesAsked(int most);

  /** The regions, whether they are ready, and what is known of their addresses: a JSON object. */
  byte[] regions();

  /**
   * Keeps clients from a region, or lets them go there again; on return that is noted, and is so on
   * all nodes within a second.
   *
   * @param reason why, for other operators; may be empty
   * @throws dev.meridian.document.InvalidInputException if there is no such region
   */
  void drainRegion(String region, boolean drained, String reason);

  /** All metrics in Prometheus' text format. */
  String metrics();

  /**
   * Writes a consistent backup of all data; returns when it is complete.
   *
   * @throws IOException if it cannot be completed; what was written until then is no backup
   */
  void backup(OutputStream to) throws IOException;

  /**
   * A new token with which another node may join the cluster.
   *
   * @param validity how long it is good for
   * @param reusable whether more than one node may use it
   * @throws IOException if this node cannot make one
   */
  String newToken(Duration validity, boolean reusable) throws IOException;

  /** The zones that are signed and their keys, without the secrets, as a JSON object. */
  byte[] zoneKeys();

  /**
   * Begins to replace the key of a zone, or goes on with it.
   *
   * @param parentHasIt whether the zone above points at the new key by now, on somebody's word
   * @throws dev.meridian.document.InvalidInputException if that cannot be done now
   */
  void replaceZoneKey(String zone, boolean parentHasIt);

  /**
   * Lets a node leave the cluster; on return that is noted, and happens soon.
   *
   * @param id the node's id, or {@code self}
   * @param gone whether the node is gone for good, so that nobody waits for it
   * @throws dev.meridian.document.InvalidInputException if there is no such node, or no other
   */
  void removeNode(String id, boolean gone);
}
