package dev.meridian.web;

/**
 * Who sends a request.
 *
 * @param key whether a valid key came with it
 * @param id the key's id; empty without one
 * @param role the key's role; empty without one
 */
record Caller(boolean key, String id, String role) {
  /** Anybody. */
  static final Caller ANYBODY = new Caller(false, "", "");

  /** Whoever runs the node. */
  static final Caller OPERATOR = new Caller(true, OperatorKey.ID, ApiKeys.OPERATOR);

  /** Whether they may write nothing, whatever the rules say. */
  boolean reader() {
    return role.equals(ApiKeys.READER);
  }

  /** Whether they may do everything. */
  boolean operator() {
    return role.equals(ApiKeys.OPERATOR);
  }
}
