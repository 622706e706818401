package dev.meridian.site;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A provider of OpenID Connect where users may sign in.
 *
 * @param name in addresses and in the names of its users
 * @param issuer its issuer identifier, exactly as it says it itself
 * @param clientId how it knows this site
 * @param clientSecretFile the file that holds what proves it; empty: a public client, by PKCE alone
 * @param scopes what is asked for; {@code openid} is among them
 */
public record OidcProvider(
    String name,
    URI issuer,
    String clientId,
    Optional<Path> clientSecretFile,
    List<String> scopes) {
  /** What is asked for unless {@code site.yaml} says otherwise. */
  public static final List<String> SCOPES = List.of("openid", "profile", "email");

  /** Copies. */
  public OidcProvider {
    scopes = List.copyOf(scopes);
  }
}
