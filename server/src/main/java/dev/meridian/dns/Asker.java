package dev.meridian.dns;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Section;

/**
 * Asks many servers at once, on virtual threads, with a limit on how many at a time and on how long
 * each may take. For any thread.
 */
final class Asker implements AutoCloseable {
  private static final int AT_ONCE = 64;
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final Duration TCP_PATIENCE = Duration.ofSeconds(3);
  private static final int TRIES = 2;

  private final Semaphore places = new Semaphore(AT_ONCE);
  private final AtomicInteger asked = new AtomicInteger();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  private interface Attempt<T> {
    T get() throws IOException;
  }

  /** Thrown when this machine has no way to such an address: that is no fault of the server. */
  static final class NoNetwork extends IOException {
    private static final long serialVersionUID = 1;

    NoNetwork(IOException cause) {
      super("this machine has no network for such addresses", cause);
    }
  }

  /** How many questions have been asked. */
  int asked() {
    return asked.get();
  }

  /** A question for a server that should know the answer itself, with signatures. */
  static Message query(Name name, int type) {
    Message query = plain(name, type);
    query.addRecord(new OPTRecord(Wire.MAX_UDP, 0, 0, Wire.DO), Section.ADDITIONAL);
    return query;
  }

  /** The same, as before EDNS. */
  static Message plain(Name name, int type) {
    Message query = Resolving.query(name, type);
    query.getHeader().unsetFlag(Flags.RD);
    return query;
  }

  /** Asks over UDP, and over TCP if the answer does not fit. */
  Message ask(InetSocketAddress server, Message query) throws IOException {
    Message answer = udp(server, query);
    return answer.getHeader().getFlag(Flags.TC) ? tcp(server, query) : answer;
  }

  /** Asks over TCP, and over UDP where that is not to be had. */
  Message askTcp(InetSocketAddress server, Message query) throws IOException {
    try {
      return tcp(server, query);
    } catch (NoNetwork e) {
      throw e;
    } catch (IOException e) {
      return udp(server, query);
    }
  }

  Message udp(InetSocketAddress server, Message query) throws IOException {
    return attempt(
        () -> Exchange.read(query, Exchange.overUdp(server, query.toWire(), PATIENCE, TRIES)));
  }

  Message tcp(InetSocketAddress server, Message query) throws IOException {
    return attempt(
        () -> Exchange.read(query, Exchange.overTcp(server, query.toWire(), TCP_PATIENCE)));
  }

  /** Asks resolvers one after another until one answers. */
  Message resolve(List<InetSocketAddress> resolvers, Message query) throws IOException {
    query.getHeader().setFlag(Flags.RD);
    // What does not validate is to be seen, too: why it does not is for the checks to say.
    query.getHeader().setFlag(Flags.CD);
    IOException last = new IOException("this machine has no resolver");
    for (InetSocketAddress resolver : resolvers) {
      try {
        return ask(resolver, query);
      } catch (InterruptedIOException e) {
        throw e;
      } catch (IOException e) {
        last = new IOException("the resolver " + text(resolver) + ": " + e.getMessage(), e);
      }
    }
    throw last;
  }

  /** Whether somebody takes TCP connections there. */
  void connect(InetSocketAddress at) throws IOException {
    attempt(
        () -> {
          try (Socket socket = new Socket()) {
            socket.connect(at, (int) PATIENCE.toMillis());
            return true;
          }
        });
  }

  private <T> T attempt(Attempt<T> attempt) throws IOException {
    try {
      places.acquire();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
    try {
      asked.incrementAndGet();
      return attempt.get();
    } catch (SocketTimeoutException e) {
      throw new IOException("no answer", e);
    } catch (PortUnreachableException e) {
      throw new IOException("nobody listens there", e);
    } catch (IOException e) {
      throw reason(e);
    } finally {
      places.release();
    }
  }

  private static IOException reason(IOException e) {
    String said = String.valueOf(e.getMessage());
    if (said.contains("Network is unreachable")
        || said.contains("Cannot assign requested address")
        || said.contains("family not supported")) {
      return new NoNetwork(e);
    }
    return said.startsWith("Connection refused") ? new IOException("refused", e) : e;
  }

  /**
   * Does all of it at once.
   *
   * @return the results, in the same order
   */
  <T> List<T> all(List<Callable<T>> tasks) throws InterruptedException {
    List<T> results = new ArrayList<>();
    for (Future<T> done : threads.invokeAll(tasks)) {
      try {
        results.add(done.get());
      } catch (ExecutionException e) {
        throw new IllegalStateException("A check failed in a way it must not", e.getCause());
      }
    }
    return results;
  }

  /** Begins something; to cancel it interrupts it. */
  <T> Future<T> begin(Callable<T> task) {
    return threads.submit(task);
  }

  static String text(InetSocketAddress address) {
    return text(address.getAddress()).contains(":")
        ? "[" + text(address.getAddress()) + "]:" + address.getPort()
        : text(address.getAddress()) + ":" + address.getPort();
  }

  static String text(InetAddress address) {
    return address.getHostAddress();
  }

  /** Interrupts what is still under way. */
  @Override
  public void close() {
    threads.shutdownNow();
  }
}
