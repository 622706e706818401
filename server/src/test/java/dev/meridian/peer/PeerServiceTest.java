package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.ClientCall;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.Server;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyServerBuilder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a node does for its peers, and how it ends doing so. */
class PeerServiceTest {
  private static final Duration LONG = Duration.ofSeconds(20);

  /** More than a connection carries of what nobody reads. */
  private static final int LARGE = 3 << 20;

  private final PeerService service = new PeerService();
  private final CompletableFuture<Void> handled = new CompletableFuture<>();
  private Server server;
  private ManagedChannel channel;

  @BeforeEach
  void start() throws Exception {
    service.offer(
        "large",
        _ -> {
          handled.complete(null);
          return new byte[LARGE];
        });
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
            .fallbackHandlerRegistry(service)
            .build()
            .start();
    channel = NettyChannelBuilder.forAddress("127.0.0.1", server.getPort()).usePlaintext().build();
  }

  @AfterEach
  void stop() {
    channel.shutdownNow();
    server.shutdownNow();
  }

  private ClientCall<byte[], byte[]> ask(CompletableFuture<Integer> answer) {
    ClientCall<byte[], byte[]> call =
        channel.newCall(PeerService.method("large"), CallOptions.DEFAULT);
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onMessage(byte[] message) {
            answer.complete(message.length);
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            answer.completeExceptionally(status.asException());
          }
        },
        new Metadata());
    call.sendMessage(new byte[0]);
    call.halfClose();
    return call;
  }

  @Test
  void drainedIsOnlyWhoseAnswersAreSent() throws Exception {
    CompletableFuture<Integer> answer = new CompletableFuture<>();
    ClientCall<byte[], byte[]> call = ask(answer); // and does not read yet
    handled.get(LONG.toSeconds(), TimeUnit.SECONDS);
    assertThat(service.drain(Duration.ofMillis(500))).isFalse();
    call.request(2);
    assertThat(answer.get(LONG.toSeconds(), TimeUnit.SECONDS)).isEqualTo(LARGE);
  }

  @Test
  void answerArrivesThoughTheServerEndsOnceDrained() throws Exception {
    CompletableFuture<Integer> answer = new CompletableFuture<>();
    ClientCall<byte[], byte[]> call = ask(answer);
    handled.get(LONG.toSeconds(), TimeUnit.SECONDS);
    CompletableFuture<Boolean> drained = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                drained.complete(service.drain(LONG));
              } catch (InterruptedException e) {
                drained.completeExceptionally(e);
              }
            });
    call.request(2);
    assertThat(drained.get(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
    server.shutdownNow();
    assertThat(answer.get(LONG.toSeconds(), TimeUnit.SECONDS)).isEqualTo(LARGE);
  }

  @Test
  void callerThatHangsUpIsNotWaitedFor() throws Exception {
    ClientCall<byte[], byte[]> call = ask(new CompletableFuture<>());
    handled.get(LONG.toSeconds(), TimeUnit.SECONDS);
    call.cancel("enough", null);
    assertThat(service.drain(LONG)).isTrue();
    try (PeerClient client = PeerClient.plainText()) {
      assertThatThrownBy(
              () ->
                  client.call(
                      new InetSocketAddress("127.0.0.1", server.getPort()),
                      "large",
                      new byte[0],
                      LONG))
          .isInstanceOfSatisfying(PeerException.class, e -> assertThat(e.reached()).isFalse())
          .hasMessageContaining("busy");
    }
  }
}
