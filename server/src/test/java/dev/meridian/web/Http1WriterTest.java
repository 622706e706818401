package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.socket.NioSocket;
import io.helidon.common.socket.SocketWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class Http1WriterTest {
  private SocketChannel server;
  private SocketChannel client;
  private Http1Writer writer;

  @BeforeEach
  void connect() throws IOException {
    try (ServerSocketChannel listener = ServerSocketChannel.open()) {
      listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      client = SocketChannel.open(listener.getLocalAddress());
      server = listener.accept();
    }
    writer = new Http1Writer(SocketWriter.create(NioSocket.server(server, "a", "b")), server);
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    server.close();
  }

  /** Small ones go through the engine, large ones do not, and their order is kept. */
  @Test
  void whatIsWrittenArrivesWholeAndInOrder() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    CompletableFuture<byte[]> read =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return Channels.newInputStream(client).readAllBytes();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    ByteArrayOutputStream sent = new ByteArrayOutputStream();
    int[] sizes = {0, 1, 8191, 8192, 8193, 65_535, 65_536, 65_537, 131_072, 3_000_000};
    for (int i = 0; i < 200; i++) {
      byte[] head = bytes(random, random.nextInt(600));
      byte[] body = bytes(random, sizes[i < sizes.length ? i : random.nextInt(9)]);
      sent.write(head);
      sent.write(body);
      switch (random.nextInt(4)) {
        case 0 -> writer.write(BufferData.create(head), BufferData.create(body));
        case 1 -> {
          BufferData both = BufferData.growing(300);
          both.write(head);
          both.write(body);
          writer.write(both);
        }
        case 2 -> writer.writeNow(BufferData.create(head), BufferData.create(body));
        default -> {
          writer.writeNow(BufferData.create(head));
          writer.writeNow(BufferData.create(body));
        }
      }
    }
    writer.flush();
    server.shutdownOutput();
    assertThat(read.get()).as("seed %d", seed).isEqualTo(sent.toByteArray());
  }

  /** What the engine expects when its client is gone. */
  @Test
  void clientThatIsGoneIsTold() throws IOException {
    client.close();
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 10_000; i++) {
                writer.write(BufferData.create(new byte[100_000]));
              }
            })
        .isInstanceOf(UncheckedIOException.class);
  }

  private static byte[] bytes(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }
}
