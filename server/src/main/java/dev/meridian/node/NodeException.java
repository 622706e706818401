package dev.meridian.node;

import java.io.IOException;

/** A node that cannot start. The message is one line for the person who started it. */
public final class NodeException extends IOException {
  private static final long serialVersionUID = 1;

  NodeException(String message, Throwable cause) {
    super(message, cause);
  }
}
