package dev.meridian.web;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/** What the operator's listener shows of its node. Called on any thread, many at once. */
public interface AdminViews {
  /** Why the node cannot serve now, in one sentence, or empty when it is ready. */
  Optional<String> notReady();

  /** The node's state as a JSON object. */
  byte[] status();

  /** All metrics in Prometheus' text format. */
  String metrics();

  /**
   * Writes a consistent backup of all data; returns when it is complete.
   *
   * @throws IOException if it cannot be completed; what was written until then is no backup
   */
  void backup(OutputStream to) throws IOException;
}
