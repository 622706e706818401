package dev.meridian.dns;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.Socket;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/**
 * Makes connections secure, for DNS over TLS (RFC 7858): with TLS 1.2 and 1.3, without certificates
 * of clients, and with those only that name no application protocol or "dot" among theirs. For any
 * thread.
 */
final class Handshakes {
  /** Most sessions kept for clients that keep none themselves, as those with tickets do. */
  private static final int SESSIONS = 4096;

  private final SSLSocketFactory sockets;
  private final SSLParameters parameters;
  private final Counter failed;

  Handshakes(SSLContext context, MeterRegistry registry) {
    context.getServerSessionContext().setSessionCacheSize(SESSIONS);
    sockets = context.getSocketFactory();
    parameters = context.getDefaultSSLParameters();
    parameters.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
    parameters.setApplicationProtocols(new String[] {"dot"});
    failed =
        Counter.builder("meridian.dns.handshakes.failed")
            .description("Connections on which TLS did not come about")
            .register(registry);
  }

  /**
   * Waits for the client's part of a handshake. Only what closes {@code plain} bounds that wait and
   * those on what is returned: a secure socket's own close may wait, too.
   *
   * @return the connection as both ends see it; closed, it closes {@code plain}
   * @throws IOException if it does not come about
   */
  SSLSocket secure(Socket plain) throws IOException {
    try {
      SSLSocket secure = (SSLSocket) sockets.createSocket(plain, null, true);
      secure.setSSLParameters(parameters);
      secure.startHandshake();
      // It returns, too, when the client closes instead of going on.
      if (secure.getSession().getProtocol().equals("NONE")) {
        throw new SSLException("the client left during the handshake");
      }
      return secure;
    } catch (IOException | RuntimeException e) {
      failed.increment();
      throw e;
    }
  }
}
