package dev.meridian.peer;

import java.security.GeneralSecurityException;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSessionContext;
import javax.net.ssl.TrustManager;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.ApplicationProtocolConfig;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.ApplicationProtocolNames;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.ClientAuth;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.IdentityCipherSuiteFilter;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.JdkSslContext;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.jspecify.annotations.Nullable;

/**
 * How nodes speak TLS: version 1.3 (RFC 8446) only, by the JDK's implementation, and every
 * connection with a full handshake. The JDK asks the key and trust managers at each handshake,
 * knows of no other copy of keys, and is the same on every platform.
 */
final class Tls {
  static final String VERSION = "TLSv1.3";

  /** Those of TLS 1.3 that HTTP/2 allows and every Java platform has, AES in hardware first. */
  private static final List<String> CIPHERS =
      List.of("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256");

  /**
   * A resumed session shows the certificate of the first, and nobody asks whether it is still to be
   * trusted. A session that lives longer than the seven days which RFC 8446 allows a ticket gets no
   * ticket, and the JDK keeps none for it: so nothing is ever resumed.
   */
  private static final int NO_RESUMPTION_SECONDS = 8 * 24 * 3600;

  private static final ApplicationProtocolConfig HTTP_2 =
      new ApplicationProtocolConfig(
          ApplicationProtocolConfig.Protocol.ALPN,
          ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
          ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
          ApplicationProtocolNames.HTTP_2);

  private Tls() {}

  /** For servers; clients may show a certificate, and are refused if it is not a good one. */
  static SslContext server(KeyManager keys, TrustManager trust) {
    return build(keys, trust, false);
  }

  /** For clients, with a certificate or without one. */
  static SslContext client(@Nullable KeyManager keys, TrustManager trust) {
    return build(keys, trust, true);
  }

  /**
   * Made by hand, for Netty's builder tries first whether it can wrap a trust manager, and loads
   * all of Bouncy Castle's provider for that, at each start.
   */
  private static SslContext build(@Nullable KeyManager keys, TrustManager trust, boolean client) {
    try {
      SSLContext context = SSLContext.getInstance(VERSION);
      context.init(keys == null ? null : new KeyManager[] {keys}, new TrustManager[] {trust}, null);
      SSLSessionContext sessions =
          client ? context.getClientSessionContext() : context.getServerSessionContext();
      sessions.setSessionTimeout(NO_RESUMPTION_SECONDS);
      return new JdkSslContext(
          context,
          client,
          CIPHERS,
          IdentityCipherSuiteFilter.INSTANCE,
          HTTP_2,
          client ? ClientAuth.NONE : ClientAuth.OPTIONAL,
          new String[] {VERSION},
          false);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform has " + VERSION, e);
    }
  }
}
