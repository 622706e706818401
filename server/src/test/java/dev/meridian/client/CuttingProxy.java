package dev.meridian.client;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A TCP proxy on loopback whose connections end as the test wants. It knows nothing of HTTP, so a
 * cut may fall anywhere.
 */
final class CuttingProxy implements AutoCloseable {
  /**
   * What becomes of one connection.
   *
   * @param requestBytes how much of what the client sends is passed on before the connection ends
   * @param answerBytes how much of what the server sends is
   * @param held the connection waits for this before anything is passed on
   */
  record Fate(long requestBytes, long answerBytes, CountDownLatch held) {
    static final Fate PASSES = new Fate(Long.MAX_VALUE, Long.MAX_VALUE, new CountDownLatch(0));

    static Fate answerCutAfter(long bytes) {
      return new Fate(Long.MAX_VALUE, bytes, new CountDownLatch(0));
    }

    static Fate requestCutAfter(long bytes) {
      return new Fate(bytes, Long.MAX_VALUE, new CountDownLatch(0));
    }

    static Fate heldUntil(CountDownLatch latch) {
      return new Fate(Long.MAX_VALUE, Long.MAX_VALUE, latch);
    }
  }

  private final int upstream;
  private final ServerSocket listener;
  private final Queue<Fate> fates = new ConcurrentLinkedQueue<>();
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final AtomicInteger accepted = new AtomicInteger();
  private final Thread acceptor;

  CuttingProxy(int upstream) throws IOException {
    this.upstream = upstream;
    this.listener = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
    this.acceptor = Thread.ofVirtual().start(this::accept);
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /** The next connection without a fate gets this one. */
  void next(Fate fate) {
    fates.add(fate);
  }

  /** Connections accepted so far. */
  int accepted() {
    return accepted.get();
  }

  /** Sockets of clients that are open now. */
  int open() {
    return open.size();
  }

  /** Ends every connection, after what has been passed on already. */
  void cutAll() throws IOException {
    for (Socket socket : open) {
      end(socket);
    }
  }

  /**
   * Refuses from now on. A socket that is closed while a thread waits in it listens until that
   * thread has left: a connection made meanwhile is reset instead of refused.
   */
  void stopListening() throws IOException, InterruptedException {
    listener.close();
    acceptor.join();
  }

  private void accept() {
    while (true) {
      Socket client;
      try {
        client = listener.accept();
      } catch (IOException e) {
        return; // closed
      }
      accepted.incrementAndGet();
      open.add(client);
      Fate fate = fates.poll();
      Thread.ofVirtual().start(() -> carry(client, fate == null ? Fate.PASSES : fate));
    }
  }

  private void carry(Socket client, Fate fate) {
    try (client;
        Socket server = new Socket(InetAddress.getLoopbackAddress(), upstream)) {
      fate.held().await();
      client.setTcpNoDelay(true);
      server.setTcpNoDelay(true);
      Thread up =
          Thread.ofVirtual().start(() -> copy(client, server, fate.requestBytes(), client, server));
      copy(server, client, fate.answerBytes(), client, server);
      up.join();
    } catch (IOException | InterruptedException e) {
      // Then it is cut.
    } finally {
      open.remove(client);
    }
  }

  /** Copies so much and then ends both. */
  private static void copy(Socket from, Socket to, long most, Socket client, Socket server) {
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      byte[] buffer = new byte[1 << 14];
      for (long left = most; left > 0; ) {
        int count = in.read(buffer, 0, (int) Math.min(buffer.length, left));
        if (count < 0) {
          break;
        }
        out.write(buffer, 0, count);
        left -= count;
      }
    } catch (IOException e) {
      // Ended by the other direction.
    }
    end(client);
    end(server);
  }

  /** What was written still arrives: the end comes behind it, and no reset. */
  private static void end(Socket socket) {
    try {
      socket.shutdownOutput();
      socket.shutdownInput();
    } catch (IOException e) {
      // It has ended already.
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : open) {
      socket.close();
    }
  }
}
