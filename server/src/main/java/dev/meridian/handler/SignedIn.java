package dev.meridian.handler;

import dev.meridian.document.Json;
import java.util.List;

/**
 * Somebody who is signed in.
 *
 * @param id names them for good
 * @param name what they sign in with, which may change
 * @param roles what the operator says that they are
 * @param claims what their provider of OpenID Connect said of them; empty without one
 */
public record SignedIn(String id, String name, List<String> roles, Json.Obj claims) {
  /** Copies. */
  public SignedIn {
    roles = List.copyOf(roles);
  }
}
