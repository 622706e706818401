package dev.meridian.peer;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.ClientStreamTracer;
import org.apache.ratis.thirdparty.io.grpc.ConnectivityState;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder;
import org.apache.ratis.thirdparty.io.grpc.stub.ClientCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.StreamObserver;
import org.apache.ratis.thirdparty.io.netty.channel.ChannelOption;

/**
 * Calls what other nodes offer as {@link PeerService}. Any thread may call, at best a virtual one:
 * calls block, unless it is said that the answer comes later. One connection a node, opened when it
 * is first called and again after it broke.
 */
public final class PeerClient implements AutoCloseable {
  /**
   * How often, at most, a connection that cannot be had is tried. Left alone, gRPC waits up to two
   * minutes before it looks again, and a node that was away for long would be taken for one that
   * still is.
   */
  private static final Duration RECONNECT = Duration.ofMillis(250);

  /** A peer that is there takes a connection sooner; one that was cut off is asked anew. */
  private static final int CONNECT_TIMEOUT_MILLIS = 3_000;

  /** Largest answer. */
  private static final int MAX_ANSWER_BYTES = 64 << 20;

  private final UnaryOperator<NettyChannelBuilder> security;
  private final Map<InetSocketAddress, Link> links = new ConcurrentHashMap<>();
  private volatile boolean closed;

  private PeerClient(UnaryOperator<NettyChannelBuilder> security) {
    this.security = security;
  }

  /** Calls in plain text: for nodes on one machine that asked for it. */
  public static PeerClient plainText() {
    return new PeerClient(NettyChannelBuilder::usePlaintext);
  }

  /** Calls over channels that {@code security} has secured. */
  public static PeerClient secured(UnaryOperator<NettyChannelBuilder> security) {
    return new PeerClient(security);
  }

  /**
   * Calls a method of the node at {@code to} and waits for the answer.
   *
   * @param deadline longest wait
   * @throws PeerException if there is no answer; it says whether the request may have arrived
   */
  public byte[] call(InetSocketAddress to, String method, byte[] request, Duration deadline)
      throws PeerException {
    AtomicBoolean sent = new AtomicBoolean();
    Link link = link(to);
    try {
      return ClientCalls.blockingUnaryCall(
          link.channel, PeerService.method(method), options(deadline, sent), request);
    } catch (StatusRuntimeException e) {
      link.reconnect();
      throw problem(to, sent, e);
    }
  }

  /**
   * Calls a method of the node at {@code to}; the answer, or a {@link PeerException}, comes later,
   * on a thread that must not be blocked, as it may be the one that reads connections.
   */
  public CompletableFuture<byte[]> callLater(
      InetSocketAddress to, String method, byte[] request, Duration deadline) {
    AtomicBoolean sent = new AtomicBoolean();
    CompletableFuture<byte[]> answer = new CompletableFuture<>();
    Link link;
    try {
      link = link(to);
    } catch (PeerException e) {
      return CompletableFuture.failedFuture(e);
    }
    ClientCalls.asyncUnaryCall(
        link.channel.newCall(PeerService.method(method), options(deadline, sent)),
        request,
        new StreamObserver<byte[]>() {
          @Override
          public void onNext(byte[] value) {
            answer.complete(value);
          }

          @Override
          public void onError(Throwable e) {
            link.reconnect();
            answer.completeExceptionally(problem(to, sent, e));
          }

          @Override
          public void onCompleted() {
            // A unary call has its answer by now.
          }
        });
    return answer;
  }

  private static CallOptions options(Duration deadline, AtomicBoolean sent) {
    return CallOptions.DEFAULT
        .withDeadlineAfter(Math.max(1, deadline.toMillis()), TimeUnit.MILLISECONDS)
        .withMaxInboundMessageSize(MAX_ANSWER_BYTES)
        .withStreamTracerFactory(new Sent(sent));
  }

  private static PeerException problem(InetSocketAddress to, AtomicBoolean sent, Throwable e) {
    Status status = Status.fromThrowable(e);
    Status.Code code = status.getCode();
    String why = status.getDescription();
    // What the other side refused before it looked at the request.
    boolean refused =
        code == Status.Code.UNIMPLEMENTED
            // Our own word for it: gRPC has the same code for answers that are too large.
            || (code == Status.Code.RESOURCE_EXHAUSTED && PeerService.BUSY.equals(why))
            || code == Status.Code.UNAUTHENTICATED
            || code == Status.Code.PERMISSION_DENIED;
    return new PeerException(
        sent.get() && !refused,
        code == Status.Code.PERMISSION_DENIED,
        "Node " + to.getHostString() + ":" + to.getPort() + ": " + (why != null ? why : code),
        e);
  }

  private Link link(InetSocketAddress to) throws PeerException {
    // By name: two names that led to one address once are two nodes.
    Link link =
        links.computeIfAbsent(
            InetSocketAddress.createUnresolved(to.getHostString(), to.getPort()), this::open);
    if (closed) {
      link.channel.shutdownNow();
      throw new PeerException(
          false, false, "This node is stopping.", new IllegalStateException("closed"));
    }
    return link;
  }

  private Link open(InetSocketAddress to) {
    return new Link(
        CallThreads.of(
                security.apply(NettyChannelBuilder.forAddress(to.getHostString(), to.getPort())))
            .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_TIMEOUT_MILLIS)
            // A peer that vanished without a word is noticed, and its calls end.
            .keepAliveTime(10, TimeUnit.SECONDS)
            .keepAliveTimeout(3, TimeUnit.SECONDS)
            .build());
  }

  /** Ends all calls. Does not throw. */
  @Override
  public void close() {
    closed = true;
    links.values().forEach(link -> link.channel.shutdownNow());
  }

  /** The connection to a node, which gRPC opens when there are calls. */
  private static final class Link {
    final ManagedChannel channel;

    /** When it was last tried sooner than gRPC would. */
    private final AtomicLong reconnected = new AtomicLong(System.nanoTime() - RECONNECT.toNanos());

    Link(ManagedChannel channel) {
      this.channel = channel;
    }

    /** Has the next calls find a peer that is back. */
    void reconnect() {
      if (channel.getState(false) != ConnectivityState.TRANSIENT_FAILURE) {
        return;
      }
      long last = reconnected.get();
      long now = System.nanoTime();
      if (now - last >= RECONNECT.toNanos() && reconnected.compareAndSet(last, now)) {
        channel.resetConnectBackoff();
      }
    }
  }

  /** Notes that a request went to the connection: from then on it may arrive. */
  private static final class Sent extends ClientStreamTracer.Factory {
    private final AtomicBoolean sent;

    Sent(AtomicBoolean sent) {
      this.sent = sent;
    }

    @Override
    public ClientStreamTracer newClientStreamTracer(
        ClientStreamTracer.StreamInfo info, Metadata headers) {
      return new ClientStreamTracer() {
        @Override
        public void outboundMessageSent(int number, long wireBytes, long uncompressedBytes) {
          sent.set(true);
        }
      };
    }
  }
}
