package dev.meridian.peer;

import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;

/**
 * Shows the node's certificate as it is at the moment, whatever authorities the peer names: one of
 * another cluster is to be refused, not to be left out.
 *
 * <p>A handshake asks for an alias, then for its chain and key: it keeps the certificate it began
 * with, though that be replaced in between.
 */
final class PeerKeyManager extends X509ExtendedKeyManager {
  private static final String KEY_TYPE = "EC";

  private volatile Held held;

  PeerKeyManager(NodeCertificate first) {
    held = new Held(1, first, first);
  }

  /** The number of the current certificate, it, and the one before. */
  private record Held(long generation, NodeCertificate current, NodeCertificate previous) {
    String alias() {
      return "generation-" + generation;
    }

    @Nullable NodeCertificate of(String alias) {
      if (alias.equals(alias())) {
        return current;
      }
      return alias.equals("generation-" + (generation - 1)) ? previous : null;
    }
  }

  NodeCertificate current() {
    return held.current;
  }

  synchronized void use(NodeCertificate next) {
    Held now = held;
    held = new Held(now.generation + 1, next, now.current);
  }

  private @Nullable String alias(String... keyTypes) {
    return Arrays.asList(keyTypes).contains(KEY_TYPE) ? held.alias() : null;
  }

  @Override
  public @Nullable String chooseEngineClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, SSLEngine engine) {
    return alias(keyTypes);
  }

  @Override
  public @Nullable String chooseEngineServerAlias(
      String keyType, Principal @Nullable [] issuers, SSLEngine engine) {
    return alias(keyType);
  }

  @Override
  public @Nullable String chooseClientAlias(
      String[] keyTypes, Principal @Nullable [] issuers, Socket socket) {
    return alias(keyTypes);
  }

  @Override
  public @Nullable String chooseServerAlias(
      String keyType, Principal @Nullable [] issuers, Socket socket) {
    return alias(keyType);
  }

  @Override
  public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
    String alias = alias(keyType);
    return alias == null ? null : new String[] {alias};
  }

  @Override
  public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
    return getClientAliases(keyType, issuers);
  }

  @Override
  public X509Certificate @Nullable [] getCertificateChain(String alias) {
    NodeCertificate certificate = held.of(alias);
    return certificate == null ? null : certificate.chain().toArray(X509Certificate[]::new);
  }

  @Override
  public @Nullable PrivateKey getPrivateKey(String alias) {
    NodeCertificate certificate = held.of(alias);
    return certificate == null ? null : certificate.key();
  }
}
