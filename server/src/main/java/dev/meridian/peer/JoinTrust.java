package dev.meridian.peer;

import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.InstantSource;
import java.util.List;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;

/**
 * Whom a node that is to join trusts: a node that shows a certificate of the very authority whose
 * fingerprint is in its token. Anybody else who answers is refused in the handshake, before the
 * secret is sent.
 */
public final class JoinTrust {
  private final JoinToken token;
  private final InstantSource clock;

  public JoinTrust(JoinToken token, InstantSource clock) {
    this.token = token;
    this.clock = clock;
  }

  /** For the gRPC client that asks to join; it shows no certificate, having none yet. */
  public SslContext clientContext() {
    return Tls.client(null, new Manager());
  }

  private final class Manager extends ChainTrustManager {
    @Override
    void check(X509Certificate[] chain, TrustedAuthorities.Purpose purpose)
        throws CertificateException {
      if (chain.length == 0 || !token.isOf(chain[chain.length - 1])) {
        throw new CertificateException(
            "The node that answers is not of the cluster that the join token is for;"
                + " check the address, and that the token was made by that cluster");
      }
      TrustedAuthorities authority;
      try {
        authority = TrustedAuthorities.of(List.of(chain[chain.length - 1]));
      } catch (IllegalArgumentException e) {
        throw new CertificateException(e.getMessage(), e);
      }
      authority.check(chain, purpose, clock.instant());
    }
  }
}
