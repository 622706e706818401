package dev.meridian.peer;

import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;
import org.apache.ratis.thirdparty.io.grpc.netty.GrpcSslContexts;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.ClientAuth;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContextBuilder;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslProvider;
import org.jspecify.annotations.Nullable;

/**
 * How nodes speak TLS: version 1.3 (RFC 8446) only, by the JDK's implementation, and every
 * connection with a full handshake.
 */
final class Tls {
  static final String VERSION = "TLSv1.3";

  /**
   * The JDK's, for it asks the key and trust managers at each handshake, knows of no other copy of
   * keys, and is the same on every platform.
   */
  static final SslProvider PROVIDER = SslProvider.JDK;

  /**
   * A resumed session shows the certificate of the first, and nobody asks whether it is still to be
   * trusted. A session that lives longer than the seven days which RFC 8446 allows a ticket gets no
   * ticket, and the JDK keeps none for it: so nothing is ever resumed.
   */
  private static final long NO_RESUMPTION_SECONDS = 8 * 24 * 3600;

  private Tls() {}

  /** For servers; clients may show a certificate, and are refused if it is not a good one. */
  static SslContext server(KeyManager keys, TrustManager trust) {
    return build(
        SslContextBuilder.forServer(keys).trustManager(trust).clientAuth(ClientAuth.OPTIONAL));
  }

  /** For clients, with a certificate or without one. */
  static SslContext client(@Nullable KeyManager keys, TrustManager trust) {
    SslContextBuilder builder = SslContextBuilder.forClient().trustManager(trust);
    return build(keys == null ? builder : builder.keyManager(keys));
  }

  private static SslContext build(SslContextBuilder builder) {
    try {
      return GrpcSslContexts.configure(builder, PROVIDER)
          .protocols(VERSION)
          .sessionTimeout(NO_RESUMPTION_SECONDS)
          .build();
    } catch (SSLException e) {
      throw new IllegalStateException("Every Java platform has " + VERSION, e);
    }
  }
}
