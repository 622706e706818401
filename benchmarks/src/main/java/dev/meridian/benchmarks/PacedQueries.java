package dev.meridian.benchmarks;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.Arrays;
import java.util.List;

/**
 * Asks a name server at an even rate and takes the time to each answer. dnsperf sends what a rate
 * allows in bursts, and what it measures then is how long its own bursts wait; this sends each
 * query when it is due, and spins in between. Times count from when a query was due, so a sender
 * that is late makes an answer late, too. One thread; nothing is allocated while it runs.
 */
final class PacedQueries {
  private static final int SOCKETS = 8;
  private static final int SOCKET_BUFFER = 1 << 22;

  /** Queries under way are told apart by their ids. */
  private static final int IDS = 1 << 16;

  private static final long PATIENCE_NANOS = 2_000_000_000L;

  /**
   * What came of it.
   *
   * @param latencies times to the answers in nanoseconds, sorted
   * @param lost queries without an answer after two seconds, or with another than NOERROR
   */
  record Result(int[] latencies, long lost) {
    /** In milliseconds; one that was lost took for ever. */
    double percentileMillis(double part) {
      int at = (int) ((latencies.length + lost) * part);
      return at < latencies.length ? latencies[at] / 1e6 : Double.POSITIVE_INFINITY;
    }
  }

  private final DatagramChannel[] sockets = new DatagramChannel[SOCKETS];
  private final ByteBuffer packet = ByteBuffer.allocateDirect(1500);
  private final long[] due = new long[IDS];
  private final int[] latencies;
  private int answered;
  private long wrong;

  private PacedQueries(int port, int count) throws IOException {
    latencies = new int[count];
    for (int i = 0; i < SOCKETS; i++) {
      sockets[i] = DatagramChannel.open();
      sockets[i].setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER);
      sockets[i].connect(new InetSocketAddress("127.0.0.1", port));
      sockets[i].configureBlocking(false);
    }
  }

  /**
   * Asks.
   *
   * @param queries in wire form; asked in turn, again and again
   * @param rate a second
   */
  static Result ask(int port, List<byte[]> queries, int rate, int seconds) throws IOException {
    PacedQueries paced = new PacedQueries(port, Math.multiplyExact(rate, seconds));
    try {
      return paced.run(queries, rate);
    } finally {
      for (DatagramChannel socket : paced.sockets) {
        socket.close();
      }
    }
  }

  private Result run(List<byte[]> queries, int rate) throws IOException {
    long begun = System.nanoTime();
    long under = 0;
    for (int i = 0; i < latencies.length; i++) {
      long when = begun + (long) (i * 1e9 / rate);
      for (int socket = 0; System.nanoTime() < when; socket++) {
        receive(sockets[socket % SOCKETS]);
      }
      int id = i % IDS;
      if (due[id] != 0) {
        under++; // 65,536 later it is still not answered
      }
      due[id] = when;
      packet.clear();
      packet.put(queries.get(i % queries.size())).putShort(0, (short) id).flip();
      while (sockets[i % SOCKETS].write(packet) == 0) {
        Thread.onSpinWait();
      }
      // An answer takes a look at its own socket, however late the sender is.
      receive(sockets[(i + 1) % SOCKETS]);
    }
    long end = System.nanoTime() + PATIENCE_NANOS;
    for (int socket = 0; answered + wrong + under < latencies.length; socket++) {
      receive(sockets[socket % SOCKETS]);
      if (System.nanoTime() > end) {
        break;
      }
    }
    int[] sorted = Arrays.copyOf(latencies, answered);
    Arrays.sort(sorted);
    return new Result(sorted, latencies.length - answered);
  }

  private void receive(DatagramChannel socket) throws IOException {
    packet.clear();
    if (socket.read(packet) < 12) {
      return;
    }
    long now = System.nanoTime();
    int id = packet.getShort(0) & 0xffff;
    if (due[id] != 0) {
      if ((packet.get(3) & 15) == 0) {
        latencies[answered++] = (int) Math.min(now - due[id], Integer.MAX_VALUE);
      } else {
        wrong++;
      }
      due[id] = 0;
    }
  }
}
