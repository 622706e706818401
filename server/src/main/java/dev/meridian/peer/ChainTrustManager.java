package dev.meridian.peer;

import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Decides by the chain alone, not by the address: a peer is known by its id, and may move.
 *
 * <p>The JDK compares host names only behind trust managers that are not extended ones, so
 * extending this class is what turns that off.
 */
abstract class ChainTrustManager extends X509ExtendedTrustManager {
  /** Throws unless the peer that shows this chain is to be trusted for the purpose. */
  abstract void check(X509Certificate[] chain, TrustedAuthorities.Purpose purpose)
      throws CertificateException;

  @Override
  public final void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    check(chain, TrustedAuthorities.Purpose.CLIENT);
  }

  @Override
  public final void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    check(chain, TrustedAuthorities.Purpose.CLIENT);
  }

  @Override
  public final void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    check(chain, TrustedAuthorities.Purpose.CLIENT);
  }

  @Override
  public final void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    check(chain, TrustedAuthorities.Purpose.SERVER);
  }

  @Override
  public final void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    check(chain, TrustedAuthorities.Purpose.SERVER);
  }

  @Override
  public final void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    check(chain, TrustedAuthorities.Purpose.SERVER);
  }

  /** None are named to the peer: it has one certificate, and shows it. */
  @Override
  public final X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0];
  }
}
