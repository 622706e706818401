package dev.meridian.dns;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * DNS over TCP (RFC 7766): a virtual thread a connection, queries answered in the order they came,
 * several before the first is read if the client likes.
 *
 * <p>Every wait on a client has one deadline, kept by one sweeper: a whole query must arrive, or a
 * response be taken, within the idle time, however slowly bytes trickle. With more than half of the
 * places taken it is a fifth of that, so that those who only sit there make room.
 *
 * <p>With TLS (RFC 7858) the handshake is a part of the wait for the first query.
 */
final class TcpListener implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TcpListener.class);
  private static final int FIRST_BUFFER = 512;
  private static final int FRAME = 2;
  private static final long SWEEP_MILLIS = 100;

  /** Zones on their way to secondaries at once. */
  private static final int MOST_TRANSFERS = 32;

  private static final long NEVER = Long.MAX_VALUE;
  private static final long TENTH_MILLIS = 100;

  private final ServerSocket server;
  private final NameServer.Options options;
  private final Responder.Counters counters;
  private final Function<Responder.Counters, Responder> responders;
  private final @Nullable Handshakes handshakes;
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
  private final ConcurrentHashMap<InetAddress, Integer> perClient = new ConcurrentHashMap<>();
  private final AtomicInteger open = new AtomicInteger();
  private final Semaphore transfers = new Semaphore(MOST_TRANSFERS);
  private final Thread accepter;
  private final Thread sweeper;
  private volatile boolean closing;

  /**
   * Creates it.
   *
   * @param handshakes make its connections secure; null for plain ones
   */
  TcpListener(
      ServerSocket server,
      NameServer.Options options,
      Responder.Counters counters,
      Function<Responder.Counters, Responder> responders,
      @Nullable Handshakes handshakes,
      MeterRegistry registry) {
    this.server = server;
    this.options = options;
    this.counters = counters;
    this.responders = responders;
    this.handshakes = handshakes;
    String transport = handshakes == null ? "tcp" : "tls";
    Gauge.builder("meridian.dns.connections", open, AtomicInteger::get)
        .description("Open connections")
        .tag("transport", transport)
        .register(registry);
    String name = "dns-" + transport;
    accepter = Thread.ofPlatform().daemon().name(name + "-accept").unstarted(this::accept);
    sweeper = Thread.ofPlatform().daemon().name(name + "-sweep").unstarted(this::sweep);
  }

  void start() {
    accepter.start();
    sweeper.start();
  }

  boolean isAlive() {
    return accepter.isAlive();
  }

  private void accept() {
    while (!closing) {
      Socket socket;
      try {
        socket = server.accept();
      } catch (IOException e) {
        if (closing) {
          return;
        }
        // Out of file handles, most likely: others must end before more can begin.
        LOG.warn("A DNS connection could not be accepted: {}", e.getMessage());
        pause(SWEEP_MILLIS);
        continue;
      }
      InetAddress client = socket.getInetAddress();
      if (!admit(client)) {
        counters.dropped();
        closeQuietly(socket);
        continue;
      }
      Connection connection = new Connection(socket, client);
      connections.add(connection);
      Thread.ofVirtual().name("dns-tcp").start(connection);
    }
  }

  private boolean admit(InetAddress client) {
    if (open.get() >= options.connections()) {
      return false;
    }
    int mine = perClient.merge(client, 1, Integer::sum);
    if (mine > options.connectionsPerClient()) {
      leave(client);
      return false;
    }
    open.incrementAndGet();
    return true;
  }

  private void leave(InetAddress client) {
    perClient.computeIfPresent(client, (_, count) -> count == 1 ? null : count - 1);
  }

  private void sweep() {
    while (!closing) {
      pause(SWEEP_MILLIS);
      long now = System.nanoTime();
      for (Connection connection : connections) {
        connection.closeIfLate(now);
      }
    }
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      LOG.debug("Closing a DNS connection failed.", e);
    }
  }

  private Duration patience() {
    return open.get() > options.connections() / 2 ? options.idle().dividedBy(5) : options.idle();
  }

  /** Takes no more connections, and ends those that wait for a query. */
  void drain() {
    closing = true;
    try {
      server.close();
    } catch (IOException e) {
      LOG.debug("Closing the DNS listener failed.", e);
    }
    sweeper.interrupt();
    connections.forEach(Connection::end);
  }

  /**
   * {@linkplain #drain() Drains}, gives those that are answering a moment, then closes them all.
   */
  @Override
  public void close() {
    drain();
    long end = System.nanoTime() + options.grace().toNanos();
    while (System.nanoTime() < end && !connections.isEmpty()) {
      pause(10);
      if (Thread.currentThread().isInterrupted()) {
        break;
      }
    }
    connections.forEach(connection -> closeQuietly(connection.socket));
  }

  private final class Connection implements Runnable, Responder.Stream {
    /**
     * As it was accepted: closing it ends every wait, while a secure one's close may wait itself.
     */
    private final Socket socket;

    private final InetAddress client;
    private final Responder responder;
    private byte[] in = new byte[FIRST_BUFFER];
    private byte[] out = new byte[FIRST_BUFFER];
    private int filled;

    /** When the wait under way ends at the latest; set by the connection, read by the sweeper. */
    private volatile long deadline = NEVER;

    /** Whether it was asked to end; of the sweeper. */
    private boolean late;

    Connection(Socket socket, InetAddress client) {
      this.socket = socket;
      this.client = client;
      responder = responders.apply(counters);
      responder.from(asked -> asked.cameFrom(client));
      responder.over(this);
    }

    @Override
    public int idleTenths() {
      return (int) (patience().toMillis() / TENTH_MILLIS);
    }

    @Override
    public boolean isSecret() {
      return handshakes != null;
    }

    /**
     * Lets it end as if the client had closed: who waits for a query says good-bye in TLS's way.
     */
    void end() {
      try {
        socket.shutdownInput();
      } catch (IOException e) {
        LOG.trace("A DNS connection has ended already.", e);
      }
    }

    /** Ends it; where that does not help by the next time, closes it. */
    void closeIfLate(long now) {
      long until = deadline;
      if (until == NEVER || now - until <= 0) {
        return;
      }
      if (late) {
        closeQuietly(socket);
      } else {
        late = true;
        end();
      }
    }

    @Override
    public void run() {
      try (socket) {
        socket.setTcpNoDelay(true);
        // One deadline from query to query: neither a trickle of bytes nor a full window extends
        // it.
        startWait();
        try (Socket used = handshakes == null ? socket : handshakes.secure(socket)) {
          InputStream input = used.getInputStream();
          OutputStream output = used.getOutputStream();
          while (!closing && read(input) && answerAll(output)) {
            // On to the next queries.
          }
          if (handshakes != null) {
            // Without it, closing would first warn that something was cancelled.
            used.shutdownOutput();
          }
        }
      } catch (IOException e) {
        LOG.trace("A DNS connection ended.", e);
      } catch (RuntimeException e) {
        LOG.warn("A DNS connection failed and was closed.", e);
      } finally {
        connections.remove(this);
        leave(client);
        open.decrementAndGet();
      }
    }

    private void startWait() {
      long until = System.nanoTime() + patience().toNanos();
      deadline = until == NEVER ? until - 1 : until;
    }

    private boolean read(InputStream input) throws IOException {
      int count = input.read(in, filled, in.length - filled);
      filled += Math.max(count, 0);
      return count > 0;
    }

    /** Answers all whole queries that have arrived; false if the client breaks the rules. */
    private boolean answerAll(OutputStream output) throws IOException {
      int at = 0;
      int pending = 0;
      while (filled - at >= FRAME) {
        int length = Wire.getShort(in, at);
        if (length < Wire.HEADER_LENGTH || length > UdpListener.MAX_QUERY) {
          send(output, pending);
          return false;
        }
        if (filled - at - FRAME < length) {
          break;
        }
        int needed = FRAME + responder.largestResponse();
        if (out.length - pending < needed) {
          send(output, pending);
          pending = 0;
          out = out.length < needed ? new byte[needed] : out;
        }
        int written = responder.respond(in, at + FRAME, length, out, pending + FRAME, true);
        if (written == Responder.TRANSFER) {
          send(output, pending);
          pending = 0;
          transfer(output, responder.transfer());
        } else if (written > 0) {
          Wire.putShort(out, pending, written);
          pending += FRAME + written;
        }
        at += FRAME + length;
      }
      send(output, pending);
      if (at > 0) {
        System.arraycopy(in, at, in, 0, filled - at);
        filled -= at;
        startWait();
      }
      if (filled == in.length) {
        in = Arrays.copyOf(in, FRAME + UdpListener.MAX_QUERY);
      }
      return true;
    }

    /**
     * Sends a zone, each message within the idle time; putting it together has no limit. If too
     * many are on their way, the connection ends, and the secondary comes again.
     */
    private void transfer(OutputStream output, OutboundTransfer transfer) throws IOException {
      if (!transfers.tryAcquire()) {
        throw new IOException("too many zones are on their way to secondaries");
      }
      deadline = NEVER;
      try {
        byte[] message = new byte[FRAME + OutboundTransfer.ROOM];
        int length = transfer.next(message, FRAME);
        if (!transfer.isCurrent()) {
          counters.transferred(transfer.isIncremental());
        }
        while (length > 0) {
          Wire.putShort(message, 0, length);
          startWait();
          output.write(message, 0, FRAME + length);
          length = transfer.next(message, FRAME);
        }
      } finally {
        transfers.release();
        startWait();
      }
    }

    private void send(OutputStream output, int length) throws IOException {
      if (length > 0) {
        startWait();
        output.write(out, 0, length);
      }
    }
  }
}
