package dev.meridian.web;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.common.socket.SocketContext;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.ProtocolConfigs;
import io.helidon.webserver.ProxyProtocolData;
import io.helidon.webserver.Router;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionProvider;
import io.helidon.webserver.http2.Http2Config;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * The engine's HTTP/1.1 behind an {@link Http1Reader} and an {@link Http1Writer}, and for every
 * connection that is not HTTP/2, so that those which speak something else (HTTP/1.0, bare line
 * feeds) are told so: the engine by itself closes them without a word.
 */
final class Http1 implements ServerConnectionSelector {
  /**
   * What HTTP/2 begins with (RFC 9113, section 3.4), as far as it can be taken for nothing else.
   */
  private static final byte[] HTTP2 = "PRI * HTTP/2.0\r\n".getBytes(StandardCharsets.US_ASCII);

  private final ServerConnectionSelector engine;
  private final OpenConnections open;
  private final Predicate<SocketContext> endsAtOnce;

  private Http1(
      ServerConnectionSelector engine, OpenConnections open, Predicate<SocketContext> endsAtOnce) {
    this.engine = engine;
    this.open = open;
    this.endsAtOnce = endsAtOnce;
  }

  /**
   * HTTP/1.1 of a listener.
   *
   * @param upgrades what a connection may be upgraded to
   * @param open the listener's connections
   * @param endsAtOnce asked when the listener has stopped listening: whether the engine ends a
   *     connection
   */
  static Http1 create(
      String listener,
      Http1Config config,
      List<Http2Config> upgrades,
      OpenConnections open,
      Predicate<SocketContext> endsAtOnce) {
    return new Http1(
        new Http1ConnectionProvider()
            .create(listener, config, ProtocolConfigs.create(List.copyOf(upgrades))),
        open,
        endsAtOnce);
  }

  @Override
  public int bytesToIdentifyConnection() {
    return 0;
  }

  @Override
  public Support supports(BufferData data) {
    int length = Math.min(HTTP2.length, data.available());
    for (int i = 0; i < length; i++) {
      if (data.read() != HTTP2[i]) {
        return Support.SUPPORTED;
      }
    }
    return length == HTTP2.length ? Support.UNSUPPORTED : Support.UNKNOWN;
  }

  @Override
  public Set<String> supportedApplicationProtocols() {
    return engine.supportedApplicationProtocols();
  }

  @Override
  public ServerConnection connection(ConnectionContext context) {
    return new Draining(
        engine.connection(
            new Wrapped(
                context,
                new Http1Reader(context.dataReader()),
                writer(context),
                context.remotePeer(),
                context.localPeer())),
        () -> endsAtOnce.test(context));
  }

  private DataWriter writer(ConnectionContext context) {
    SocketChannel channel = context.isSecure() ? null : open.channel(context);
    return channel == null ? context.dataWriter() : new Http1Writer(context.dataWriter(), channel);
  }

  /**
   * A connection that goes on when its listener stops. The engine would end it after the request
   * that is being handled, without a word, so that a client's next one, already on its way, were
   * lost. It ends with an answer that says so or when nothing came for a while ({@link
   * OpenConnections#drain}), and at the latest when the grace is over. HTTP/2 says by itself which
   * requests it will still answer.
   */
  private record Draining(ServerConnection connection, BooleanSupplier endsAtOnce)
      implements ServerConnection {
    @Override
    public void handle(Limit limit) throws InterruptedException {
      connection.handle(limit);
    }

    @Override
    public Duration idleTime() {
      return connection.idleTime();
    }

    @Override
    public void close(boolean interrupt) {
      if (interrupt || endsAtOnce.getAsBoolean()) {
        connection.close(interrupt);
      }
    }
  }

  /** A connection with another reader and another writer, that knows its ends by heart. */
  private record Wrapped(
      ConnectionContext connection,
      Http1Reader dataReader,
      DataWriter dataWriter,
      PeerInfo remotePeer,
      PeerInfo localPeer)
      implements ConnectionContext {
    @Override
    public ListenerContext listenerContext() {
      return connection.listenerContext();
    }

    @Override
    public ExecutorService executor() {
      return connection.executor();
    }

    @Override
    public Router router() {
      return connection.router();
    }

    @Override
    public Optional<ProxyProtocolData> proxyProtocolData() {
      return connection.proxyProtocolData();
    }

    @Override
    public HelidonSocket serverSocket() {
      return connection.serverSocket();
    }

    @Override
    public boolean isSecure() {
      return connection.isSecure();
    }

    @Override
    public String socketId() {
      return connection.socketId();
    }

    @Override
    public String childSocketId() {
      return connection.childSocketId();
    }
  }
}
