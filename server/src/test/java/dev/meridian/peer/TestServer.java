package dev.meridian.peer;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.Channel;
import org.apache.ratis.thirdparty.io.grpc.ClientCall;
import org.apache.ratis.thirdparty.io.grpc.ClientInterceptor;
import org.apache.ratis.thirdparty.io.grpc.ClientInterceptors;
import org.apache.ratis.thirdparty.io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import org.apache.ratis.thirdparty.io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import org.apache.ratis.thirdparty.io.grpc.Grpc;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor.MethodType;
import org.apache.ratis.thirdparty.io.grpc.Server;
import org.apache.ratis.thirdparty.io.grpc.ServerServiceDefinition;
import org.apache.ratis.thirdparty.io.grpc.netty.NegotiationType;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyServerBuilder;
import org.apache.ratis.thirdparty.io.grpc.stub.ClientCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.ServerCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.StreamObserver;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.jspecify.annotations.Nullable;

/** A gRPC server on loopback whose two methods answer who called. */
final class TestServer implements AutoCloseable {
  static final MethodDescriptor<byte[], byte[]> WHO = method("test.Peers/Who");
  static final MethodDescriptor<byte[], byte[]> JOIN = method("test.Peers/Join");

  private static final long CALL_SECONDS = 20;

  private final Server server;

  /** What callers sent, in the order in which it came. */
  final Queue<String> received = new ConcurrentLinkedQueue<>();

  TestServer(@Nullable SslContext tls, PeerAuthentication authentication) throws IOException {
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0));
    if (tls != null) {
      builder.sslContext(tls);
    }
    server =
        builder
            .addService(
                ServerServiceDefinition.builder("test.Peers")
                    .addMethod(WHO, ServerCalls.asyncUnaryCall(this::answer))
                    .addMethod(JOIN, ServerCalls.asyncUnaryCall(this::answer))
                    .build())
            .intercept(authentication)
            .build()
            .start();
  }

  private void answer(byte[] question, StreamObserver<byte[]> answer) {
    received.add(new String(question, StandardCharsets.UTF_8));
    String node = PeerAuthentication.NODE.get();
    answer.onNext((node == null ? "nobody" : node).getBytes(StandardCharsets.UTF_8));
    answer.onCompleted();
  }

  int port() {
    return server.getPort();
  }

  /** A new connection, with TLS or without. */
  ManagedChannel channel(@Nullable SslContext tls) {
    return channel(port(), tls);
  }

  static ManagedChannel channel(int port, @Nullable SslContext tls) {
    NettyChannelBuilder builder =
        NettyChannelBuilder.forAddress("127.0.0.1", port).proxyDetector(target -> null);
    return (tls == null
            ? builder.negotiationType(NegotiationType.PLAINTEXT)
            : builder.useTransportSecurity().sslContext(tls))
        .build();
  }

  /** Who the server says calls on this connection. */
  static String call(Channel channel, MethodDescriptor<byte[], byte[]> method, String text) {
    byte[] answer =
        ClientCalls.blockingUnaryCall(
            channel,
            method,
            CallOptions.DEFAULT.withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS),
            text.getBytes(StandardCharsets.UTF_8));
    return new String(answer, StandardCharsets.UTF_8);
  }

  static String who(Channel channel) {
    return call(channel, WHO, "who");
  }

  /** Calls on a connection of its own. */
  String who(@Nullable SslContext tls) {
    ManagedChannel channel = channel(tls);
    try {
      return who(channel);
    } finally {
      close(channel);
    }
  }

  /** The serial numbers of the certificates that client and server show on this connection. */
  static List<BigInteger> serials(Channel channel) {
    CompletableFuture<SSLSession> session = new CompletableFuture<>();
    ClientInterceptor look =
        new ClientInterceptor() {
          @Override
          public <Q, A> ClientCall<Q, A> interceptCall(
              MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
            return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
              @Override
              public void start(Listener<A> listener, Metadata headers) {
                super.start(
                    new SimpleForwardingClientCallListener<A>(listener) {
                      @Override
                      public void onHeaders(Metadata answer) {
                        session.complete(getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION));
                        super.onHeaders(answer);
                      }
                    },
                    headers);
              }
            };
          }
        };
    who(ClientInterceptors.intercept(channel, look));
    SSLSession shown = session.join();
    try {
      return List.of(
          ((X509Certificate) shown.getLocalCertificates()[0]).getSerialNumber(),
          ((X509Certificate) shown.getPeerCertificates()[0]).getSerialNumber());
    } catch (SSLPeerUnverifiedException e) {
      throw new AssertionError(e);
    }
  }

  static void close(ManagedChannel channel) {
    channel.shutdownNow();
    await(channel::awaitTermination);
  }

  @Override
  public void close() {
    server.shutdownNow();
    await(server::awaitTermination);
  }

  private interface Termination {
    boolean await(long time, TimeUnit unit) throws InterruptedException;
  }

  private static void await(Termination termination) {
    try {
      if (!termination.await(CALL_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError("does not end");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static MethodDescriptor<byte[], byte[]> method(String name) {
    return MethodDescriptor.newBuilder(new Bytes(), new Bytes())
        .setType(MethodType.UNARY)
        .setFullMethodName(name)
        .build();
  }

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
