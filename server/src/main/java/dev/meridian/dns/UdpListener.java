package dev.meridian.dns;

import java.io.IOException;
import java.net.InetSocketAddress;

/** One UDP socket, served by one thread from {@link #run} until {@link #close}. */
interface UdpListener extends Runnable, AutoCloseable {
  /** The largest query taken; what is longer is cut by the socket and is then malformed. */
  int MAX_QUERY = 4096;

  /** Kernel buffers for bursts; the system may grant less. */
  int SOCKET_BUFFER = 4 << 20;

  /** One query in so many is timed. */
  int SAMPLE = 512;

  /** Answers queries; returns when closed, and never because of what a packet holds. */
  @Override
  void run();

  /** Makes {@link #run} return, at most a moment later. */
  @Override
  void close();

  /** Opens a socket of the best kind this system has. */
  static UdpListener open(InetSocketAddress address, UdpHandler handler) throws IOException {
    return NativeUdpListener.isAvailable()
        ? new NativeUdpListener(address, handler)
        : new ChannelUdpListener(address, handler);
  }
}
