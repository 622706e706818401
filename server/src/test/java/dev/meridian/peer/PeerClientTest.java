package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetSocketAddress;
import java.time.Duration;
import org.apache.ratis.thirdparty.io.grpc.Server;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyServerBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class PeerClientTest {
  /** gRPC, left alone, would then wait for another seven seconds or so before it looks again. */
  private static final Duration AWAY = Duration.ofMillis(19_500);

  private static final Duration SOON = Duration.ofSeconds(3);

  @Test
  void peerThatWasAwayForLongIsFoundSoonAfterItIsBack() throws Exception {
    InetSocketAddress address = FreePort.find();
    PeerService service = new PeerService();
    service.offer("echo", request -> request);
    Server server = null;
    try (PeerClient client = PeerClient.plainText()) {
      long until = System.nanoTime() + AWAY.toNanos();
      while (System.nanoTime() - until < 0) {
        assertThatThrownBy(() -> echo(client, address))
            .isInstanceOfSatisfying(PeerException.class, e -> assertThat(e.reached()).isFalse());
        Thread.sleep(20);
      }
      server = NettyServerBuilder.forAddress(address).fallbackHandlerRegistry(service).build();
      server.start();
      long back = System.nanoTime();
      while (!answers(client, address)) {
        assertThat(Duration.ofNanos(System.nanoTime() - back)).isLessThan(SOON);
        Thread.sleep(20);
      }
    } finally {
      if (server != null) {
        server.shutdownNow();
      }
    }
  }

  private static byte[] echo(PeerClient client, InetSocketAddress to) throws PeerException {
    return client.call(to, "echo", new byte[] {1}, Duration.ofSeconds(20));
  }

  private static boolean answers(PeerClient client, InetSocketAddress to) {
    try {
      return echo(client, to).length == 1;
    } catch (PeerException e) {
      return false;
    }
  }
}
