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
 * The way to a node: others reach it through here, so that it can be cut. A link that is cut takes
 * connections and carries nothing, as a network that loses all packets does; healed, it ends the
 * connections of before, and new ones work.
 */
final class Link implements AutoCloseable {
  private static final int BUFFER_BYTES = 64 << 10;

  private final ServerSocket listener = new ServerSocket();
  private final InetSocketAddress to;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private volatile boolean cut;

  Link(InetSocketAddress at, InetSocketAddress to) throws IOException {
    this.to = to;
    listener.setReuseAddress(true);
    listener.bind(at);
    Thread.ofVirtual().name("link").start(this::accept);
  }

  void cut() {
    cut = true;
  }

  void heal() {
    cut = false;
    open.forEach(Link::end);
  }

  boolean isCut() {
    return cut;
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
      while (cut && !from.isClosed()) {
        Thread.sleep(20);
      }
      onward.setTcpNoDelay(true);
      from.setTcpNoDelay(true);
      onward.connect(to, 2000);
      open.add(onward);
      Thread back = Thread.ofVirtual().start(() -> pump(onward, from));
      pump(from, onward);
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

  private void pump(Socket from, Socket to) {
    byte[] buffer = new byte[BUFFER_BYTES];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int n; (n = in.read(buffer)) > 0; ) {
        while (cut && !from.isClosed()) {
          Thread.sleep(20);
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
    open.forEach(Link::end);
  }
}
