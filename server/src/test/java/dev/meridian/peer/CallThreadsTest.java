package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor.MethodType;
import org.apache.ratis.thirdparty.io.grpc.Server;
import org.apache.ratis.thirdparty.io.grpc.ServerServiceDefinition;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyServerBuilder;
import org.apache.ratis.thirdparty.io.grpc.stub.ClientCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.ServerCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.StreamObserver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who hands over what was read, and who does not wait on that thread. */
class CallThreadsTest {
  private static final long SECONDS = 20;

  /** What the threads that read connections are called. */
  private static final String READER = "grpc-default-worker";

  /** A method as Ratis has them: not one of {@link PeerService}. */
  private static final MethodDescriptor<byte[], byte[]> OTHER =
      MethodDescriptor.<byte[], byte[]>newBuilder()
          .setType(MethodType.UNARY)
          .setFullMethodName("test.Raft/where")
          .setRequestMarshaller(PeerService.method("x").getRequestMarshaller())
          .setResponseMarshaller(PeerService.method("x").getResponseMarshaller())
          .build();

  private final PeerService service = new PeerService();
  private final PeerClient client = PeerClient.plainText();
  private Server server;
  private InetSocketAddress at;

  private static byte[] here() {
    Thread here = Thread.currentThread();
    return (here.isVirtual() ? "virtual" : here.getName()).getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  @BeforeEach
  void start() throws Exception {
    server =
        CallThreads.of(NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0)))
            .addService(
                ServerServiceDefinition.builder("test.Raft")
                    .addMethod(OTHER, ServerCalls.asyncUnaryCall((_, answer) -> where(answer)))
                    .build())
            .fallbackHandlerRegistry(service)
            .build()
            .start();
    at = new InetSocketAddress("127.0.0.1", server.getPort());
  }

  private static void where(StreamObserver<byte[]> answer) {
    answer.onNext(here());
    answer.onCompleted();
  }

  @AfterEach
  void stop() {
    client.close();
    server.shutdownNow();
  }

  private String call(String method, String request) throws Exception {
    return text(
        client.call(
            at, method, request.getBytes(StandardCharsets.UTF_8), Duration.ofSeconds(SECONDS)));
  }

  @Test
  void whatNeedsNoWaitIsAnsweredByTheThreadThatReadItAndTheRestByAnother() throws Exception {
    service.offer("fence", request -> text(request).equals("prompt") ? here() : null, _ -> here());
    assertThat(call("fence", "prompt")).startsWith(READER);
    assertThat(call("fence", "wait")).isEqualTo("virtual");
  }

  @Test
  void promptAnswerThatFailsIsAFailedCallAndMakesRoomForTheNext() throws Exception {
    service.offer(
        "fails",
        _ -> {
          throw new IllegalStateException("no luck");
        },
        _ -> here());
    for (int i = 0; i < 3; i++) {
      assertThat(
              client
                  .callLater(at, "fails", new byte[0], Duration.ofSeconds(SECONDS))
                  .handle((_, e) -> String.valueOf(e))
                  .get(SECONDS, TimeUnit.SECONDS))
          .contains("no luck");
    }
    assertThat(service.drain(Duration.ofSeconds(SECONDS))).isTrue();
  }

  @Test
  void answersAreHandedOverByTheThreadThatReadThem() throws Exception {
    service.offer("echo", request -> request);
    CompletableFuture<String> thread = new CompletableFuture<>();
    CompletableFuture<byte[]> answer =
        client.callLater(at, "echo", new byte[0], Duration.ofSeconds(SECONDS));
    var unused = answer.whenComplete((_, _) -> thread.complete(text(here())));
    // Where the answer was there first, this thread has run it.
    assertThat(thread.get(SECONDS, TimeUnit.SECONDS))
        .satisfiesAnyOf(
            name -> assertThat(name).startsWith(READER),
            name -> assertThat(name).isEqualTo(Thread.currentThread().getName()));
  }

  @Test
  void callsAndAnswersOfRatisHaveThreadsOfTheirOwn() throws Exception {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress("127.0.0.1", at.getPort()).usePlaintext().build();
    try {
      CompletableFuture<String> served = new CompletableFuture<>();
      CompletableFuture<String> heard = new CompletableFuture<>();
      ClientCalls.asyncUnaryCall(
          channel.newCall(OTHER, CallOptions.DEFAULT),
          new byte[0],
          new StreamObserver<byte[]>() {
            @Override
            public void onNext(byte[] value) {
              served.complete(text(value));
              heard.complete(text(here()));
            }

            @Override
            public void onError(Throwable e) {
              served.completeExceptionally(e);
            }

            @Override
            public void onCompleted() {
              // Its answer was there before.
            }
          });
      assertThat(served.get(SECONDS, TimeUnit.SECONDS)).startsWith("raft-call-");
      assertThat(heard.get(SECONDS, TimeUnit.SECONDS)).doesNotStartWith(READER);
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void failureBeforeACallWasSentIsNotHandedOverWithinIt() throws Exception {
    // Nobody listens there any more, and it is known.
    server.shutdownNow().awaitTermination();
    ManagedChannel channel =
        CallThreads.of(NettyChannelBuilder.forAddress("127.0.0.1", at.getPort()).usePlaintext())
            .build();
    try {
      for (int i = 0; i < 10; i++) {
        CompletableFuture<Thread> told = new CompletableFuture<>();
        ClientCalls.asyncUnaryCall(
            channel.newCall(OTHER, CallOptions.DEFAULT),
            new byte[0],
            new StreamObserver<byte[]>() {
              @Override
              public void onNext(byte[] value) {
                told.completeExceptionally(new AssertionError("answered"));
              }

              @Override
              public void onError(Throwable e) {
                told.complete(Thread.currentThread());
              }

              @Override
              public void onCompleted() {
                told.completeExceptionally(new AssertionError("completed"));
              }
            });
        assertThat(told.get(SECONDS, TimeUnit.SECONDS)).isNotSameAs(Thread.currentThread());
      }
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void handshakesAreNotDoneByTheThreadsThatReadConnections() throws Exception {
    Queue<String> checkers = new ConcurrentLinkedQueue<>();
    TestCluster cluster = TestCluster.create();
    InstantSource watched =
        () -> {
          checkers.add(Thread.currentThread().getName());
          return Instant.now();
        };
    PeerTls tls = new PeerTls(cluster.node("n1"), cluster.trusted(), watched);
    service.offer("echo", request -> request);
    Server secured =
        CallThreads.of(NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0)))
            .sslContext(tls.serverContext())
            .fallbackHandlerRegistry(service)
            .build()
            .start();
    checkers.clear();
    try (PeerClient to = PeerClient.secured(builder -> builder.sslContext(tls.clientContext()))) {
      byte[] answer =
          to.call(
              new InetSocketAddress("127.0.0.1", secured.getPort()),
              "echo",
              new byte[] {1},
              Duration.ofSeconds(SECONDS));
      assertThat(answer).containsExactly(1);
      // Each side has looked at the other's certificate.
      assertThat(checkers)
          .hasSizeGreaterThanOrEqualTo(2)
          .allSatisfy(name -> assertThat(name).doesNotStartWith(READER));
    } finally {
      secured.shutdownNow();
    }
  }
}
