package dev.meridian.web;

import io.helidon.common.socket.PeerInfo;
import io.helidon.common.socket.SocketContext;
import io.helidon.common.socket.SocketOptions;
import io.helidon.webserver.http.ServerRequest;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketOption;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends connections of a listener that hold a place and ask for nothing: silent ones, unfinished TLS
 * handshakes, heads of requests that arrive byte by byte ("slowloris"), answers' ends that nobody
 * follows with a request. A connection may be without a request for so long; when three quarters of
 * the places are taken, for a tenth of that, so that whoever hoards places cannot keep others out.
 *
 * <p>The engine tells of requests only when their head is complete. So this counts what it needs to
 * know from there: the time since the connection came or last had a request. It learns of new
 * connections as the engine's {@link SocketOptions}, which see each socket first.
 */
final class OpenConnections implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OpenConnections.class);
  private static final Duration PERIOD = Duration.ofMillis(250);
  private static final int SCARCE_DIVISOR = 10;

  /**
   * How long a connection may be without a request while the listener drains: longer than a client
   * that is at work takes between two, or the next would meet a closed connection.
   */
  private static final long DRAIN_IDLE_NANOS = 1_000_000_000;

  private final int places;
  private final long idleNanos;
  private final Map<Ends, Connection> open = new ConcurrentHashMap<>();
  private final Thread thread;
  private volatile boolean draining;

  /**
   * Watches until {@link #close}.
   *
   * @param places most open connections
   * @param idle longest time without a request
   */
  OpenConnections(int places, Duration idle) {
    this.places = places;
    this.idleNanos = idle.toNanos();
    thread = Thread.ofPlatform().daemon().name("web-connections").start(this::run);
  }

  /** What tells connections apart: a client may use one port for several of our addresses. */
  private record Ends(SocketAddress client, SocketAddress here) {}

  /** One of them. */
  static final class Connection {
    private final SocketChannel channel;

    /** Requests being handled; guarded by this, as is {@link #idleSince}. */
    private int requests;

    private long idleSince = System.nanoTime();

    /** Whether it speaks HTTP/2: it tells its client by itself when it ends. */
    private volatile boolean http2;

    /** Whether its input was ended; of the watching thread alone. */
    private boolean ended;

    private Connection(SocketChannel channel) {
      this.channel = channel;
    }

    private synchronized void enter() {
      requests++;
    }

    private synchronized void leave() {
      requests--;
      idleSince = System.nanoTime();
    }

    private synchronized boolean isIdle(long nowNanos, long limitNanos) {
      return requests == 0 && nowNanos - idleSince > limitNanos;
    }
  }

  /**
   * A request's head has come.
   *
   * @return to be given to {@link #leave} when it is answered; null for a connection that is closed
   */
  @Nullable Connection enter(ServerRequest request) {
    Connection connection = find(request.remotePeer(), request.localPeer());
    if (connection != null) {
      connection.http2 = request.prologue().protocolVersion().startsWith("2");
      connection.enter();
    }
    return connection;
  }

  private @Nullable Connection find(PeerInfo client, PeerInfo here) {
    return open.get(new Ends(client.address(), here.address()));
  }

  /** What a connection goes over; null if it is closed. */
  @Nullable SocketChannel channel(SocketContext connection) {
    Connection known = find(connection.remotePeer(), connection.localPeer());
    return known == null ? null : known.channel;
  }

  void leave(@Nullable Connection connection) {
    if (connection != null) {
      connection.leave();
    }
  }

  /** Connections now open. */
  int count() {
    return open.size();
  }

  /**
   * From now on every answer is its connection's last, and says so; connections without a request
   * are ended soon.
   */
  void drain() {
    draining = true;
  }

  /**
   * Told of each connection that there is, when the listener has stopped listening and drains.
   *
   * @return whether the engine is to end this connection, as only it can: it was upgraded to HTTP/2
   */
  boolean drain(SocketContext connection) {
    drain();
    Connection known = find(connection.remotePeer(), connection.localPeer());
    return known != null && known.http2;
  }

  /** Whether it drains. */
  boolean isDraining() {
    return draining;
  }

  private void run() {
    try {
      while (true) {
        Thread.sleep(PERIOD);
        look(System.nanoTime());
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private void look(long nowNanos) {
    open.values().removeIf(connection -> !connection.channel.isOpen());
    long limit = open.size() > places / 4 * 3 ? idleNanos / SCARCE_DIVISOR : idleNanos;
    if (draining) {
      limit = Math.min(limit, DRAIN_IDLE_NANOS);
    }
    for (Connection connection : open.values()) {
      if (connection.isIdle(nowNanos, limit)) {
        end(connection);
      }
    }
  }

  /** Its reader finds the end of its input, and closes; if it has not by the next look, we do. */
  private static void end(Connection connection) {
    try {
      if (connection.ended) {
        connection.channel.close();
      } else {
        connection.ended = true;
        connection.channel.shutdownInput();
      }
    } catch (IOException e) {
      log.debug("Could not end an idle connection", e);
    }
  }

  /** Options of the listener's sockets: {@code base}, and that each is known here. */
  SocketOptions watching(SocketOptions base) {
    return new Watching(base);
  }

  @Override
  public void close() {
    thread.interrupt();
  }

  private final class Watching implements SocketOptions {
    private final SocketOptions base;

    Watching(SocketOptions base) {
      this.base = base;
    }

    @Override
    public void configureSocket(SocketChannel channel) {
      base.configureSocket(channel);
      try {
        open.put(
            new Ends(channel.getRemoteAddress(), channel.getLocalAddress()),
            new Connection(channel));
      } catch (IOException e) {
        log.debug("A connection was gone before it was looked at", e);
      }
    }

    @Override
    public void configureSocket(Socket socket) {
      base.configureSocket(socket);
    }

    @Override
    public Map<SocketOption<?>, Object> socketOptions() {
      return base.socketOptions();
    }

    @Override
    public Duration connectTimeout() {
      return base.connectTimeout();
    }

    @Override
    public Duration readTimeout() {
      return base.readTimeout();
    }

    @Override
    public Optional<Integer> socketReceiveBufferSize() {
      return base.socketReceiveBufferSize();
    }

    @Override
    public Optional<Integer> socketSendBufferSize() {
      return base.socketSendBufferSize();
    }

    @Override
    public boolean socketReuseAddress() {
      return base.socketReuseAddress();
    }

    @Override
    public boolean socketKeepAlive() {
      return base.socketKeepAlive();
    }

    @Override
    public boolean tcpNoDelay() {
      return base.tcpNoDelay();
    }
  }
}
