package dev.meridian.lab;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The way to a node: others reach it through here, so that it can be cut, for all of them or for
 * one, both ways or one. A way that is cut takes connections and carries nothing, as a network that
 * loses all packets does; healed, it ends the connections of before, and new ones work.
 */
public final class Link implements AutoCloseable {
  /** Who is at the other end of connections, and whom the network keeps apart. */
  public interface Network {
    /** The number of the node that opened a connection to {@code link}, or 0 if nobody can tell. */
    int owner(Socket connection, InetSocketAddress link);

    /** Whether what one node sends the other is lost. */
    boolean isCut(int from, int to);
  }

  private static final int BUFFER_BYTES = 64 << 10;
  private static final int LOOK_MILLIS = 20;

  private final ServerSocket listener = new ServerSocket();
  private final InetSocketAddress at;
  private final InetSocketAddress to;
  private final int node;
  private final Network network;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private volatile boolean cut;

  /**
   * Listens.
   *
   * @param at where others reach the node
   * @param to where the node is
   * @param node its number
   */
  public Link(InetSocketAddress at, InetSocketAddress to, int node, Network network)
      throws IOException {
    this.at = at;
    this.to = to;
    this.node = node;
    this.network = network;
    listener.setReuseAddress(true);
    listener.bind(at);
    Thread.ofVirtual().name("link").start(this::accept);
  }

  /** Carries nothing from now on. */
  void cut() {
    cut = true;
  }

  void heal() {
    cut = false;
    endAll();
  }

  /** Ends the connections that there are. */
  public void endAll() {
    open.forEach(Link::end);
  }

  boolean isCut() {
    return cut;
  }

  private boolean isLost(int from, int to) {
    return cut || network.isCut(from, to);
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket from = listener.accept();
        open.add(from);
        Thread.ofVirtual().start(() -> carry(from));
      } catch (IOException e) {
        // Closed.
      }
    }
  }

  private void carry(Socket from) {
    try (from;
        Socket onward = new Socket()) {
      int other = network.owner(from, at);
      // A handshake needs both directions.
      while ((isLost(other, node) || isLost(node, other)) && !from.isClosed()) {
        Thread.sleep(LOOK_MILLIS);
      }
      onward.setTcpNoDelay(true);
      from.setTcpNoDelay(true);
      onward.connect(to, 2000);
      open.add(onward);
      Thread back = Thread.ofVirtual().start(() -> pump(onward, from, node, other));
      pump(from, onward, other, node);
      back.join();
      open.remove(onward);
    } catch (IOException e) {
      // The node is down: so is the connection.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      open.remove(from);
    }
  }

  private void pump(Socket from, Socket to, int sender, int receiver) {
    byte[] buffer = new byte[BUFFER_BYTES];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int n; (n = in.read(buffer)) > 0; ) {
        while (isLost(sender, receiver) && !from.isClosed()) {
          Thread.sleep(LOOK_MILLIS);
        }
        out.write(buffer, 0, n);
      }
    } catch (IOException e) {
      // Ended below.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      end(from);
      end(to);
    }
  }

  private static void end(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is ended then.
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    endAll();
  }
}
