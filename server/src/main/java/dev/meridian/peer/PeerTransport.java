package dev.meridian.peer;

import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyServerBuilder;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;

/** How nodes reach each other: one port for Raft and for {@link PeerService}, in one manner. */
public interface PeerTransport {
  /** The parameter with the {@link SslContext} of calls to other members; absent: plain text. */
  String CLIENT_CONTEXT = "meridian.peer.client-context";

  /** What the node's Raft server is to be built with, to offer {@code service} beside Raft. */
  Parameters parameters(PeerService service);

  /** A client for other nodes' services; the caller closes it. */
  PeerClient client();

  /**
   * With mutual TLS: only nodes of the cluster are let in, except to a few methods.
   *
   * @param open names of the methods that may be called without a certificate
   * @param removed whether a node is a member no more; must not wait
   */
  static PeerTransport secured(PeerTls tls, Set<String> open, Predicate<String> removed) {
    PeerAuthentication authentication =
        PeerAuthentication.overTls(
            tls.cluster(),
            open.stream().map(PeerService::fullName).collect(Collectors.toUnmodifiableSet()),
            removed);
    return new PeerTransport() {
      @Override
      public Parameters parameters(PeerService service) {
        FailedHandshakes.watch();
        Parameters parameters = new Parameters();
        parameters.put(CLIENT_CONTEXT, tls.clientContext(), SslContext.class);
        GrpcConfigKeys.Server.setServicesCustomizer(
            parameters,
            (builder, types) ->
                offer(builder, service)
                    .sslContext(tls.serverContext())
                    .intercept(authentication)
                    .handshakeTimeout(10, TimeUnit.SECONDS));
        return parameters;
      }

      @Override
      public PeerClient client() {
        return PeerClient.secured(builder -> builder.sslContext(tls.clientContext()));
      }
    };
  }

  /** Without encryption: for nodes on one machine that were asked to. */
  static PeerTransport plainText() {
    return new PeerTransport() {
      @Override
      public Parameters parameters(PeerService service) {
        Parameters parameters = new Parameters();
        GrpcConfigKeys.Server.setServicesCustomizer(
            parameters, (builder, types) -> offer(builder, service));
        return parameters;
      }

      @Override
      public PeerClient client() {
        return PeerClient.plainText();
      }
    };
  }

  private static NettyServerBuilder offer(NettyServerBuilder builder, PeerService service) {
    return CallThreads.of(builder)
        .fallbackHandlerRegistry(service)
        // Clients ask after 10 s of silence whether the connection still lives.
        .permitKeepAliveTime(5, TimeUnit.SECONDS);
  }
}
