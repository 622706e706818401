package dev.meridian.dns;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A UDP socket by {@link DatagramChannel}: works everywhere, one system call a packet each way. */
final class ChannelUdpListener implements UdpListener {
  private static final Logger LOG = LoggerFactory.getLogger(ChannelUdpListener.class);

  private final DatagramChannel channel;
  private final UdpHandler handler;

  ChannelUdpListener(InetSocketAddress address, UdpHandler handler) throws IOException {
    this.handler = handler;
    channel = DatagramChannel.open();
    try {
      channel.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER);
      channel.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER);
      if (channel.supportedOptions().contains(StandardSocketOptions.SO_REUSEPORT)) {
        channel.setOption(StandardSocketOptions.SO_REUSEPORT, true);
      }
      channel.setOption(
          StandardSocketOptions.SO_REUSEADDR, !address.getAddress().isAnyLocalAddress());
      channel.bind(address);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  public void run() {
    ByteBuffer received = ByteBuffer.allocateDirect(MAX_QUERY);
    ByteBuffer sent = ByteBuffer.allocateDirect(Wire.MAX_UDP);
    byte[] in = new byte[MAX_QUERY];
    byte[] out = new byte[Wire.MAX_UDP];
    @Nullable SocketAddress[] from = new SocketAddress[1];
    handler.from(asked -> tell(from[0], asked));
    while (channel.isOpen()) {
      try {
        received.clear();
        SocketAddress client = channel.receive(received);
        from[0] = client;
        if (client == null) {
          continue;
        }
        handler.received();
        int length = received.position();
        received.get(0, in, 0, length);
        int written = handler.respond(in, length, out);
        if (written > 0) {
          sent.clear();
          sent.put(out, 0, written).flip();
          channel.send(sent, client);
        }
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException | RuntimeException e) {
        // A client at port 0, or one whose network says "unreachable": the next one may be fine.
        LOG.debug("A DNS packet over UDP failed.", e);
      }
    }
  }

  private static void tell(@Nullable SocketAddress from, Client client) {
    if (from instanceof InetSocketAddress address) {
      client.cameFrom(address.getAddress());
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("Closing a DNS socket failed.", e);
    }
  }
}
