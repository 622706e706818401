package dev.meridian.peer;

import java.net.InetSocketAddress;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.Channel;
import org.apache.ratis.thirdparty.io.grpc.ClientCall;
import org.apache.ratis.thirdparty.io.grpc.ClientInterceptor;
import org.apache.ratis.thirdparty.io.grpc.Context;
import org.apache.ratis.thirdparty.io.grpc.Contexts;
import org.apache.ratis.thirdparty.io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import org.apache.ratis.thirdparty.io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import org.apache.ratis.thirdparty.io.grpc.Grpc;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor;
import org.apache.ratis.thirdparty.io.grpc.ServerCall;
import org.apache.ratis.thirdparty.io.grpc.ServerCallHandler;
import org.apache.ratis.thirdparty.io.grpc.ServerInterceptor;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * Lets a node's calls in and tells {@link #NODE who calls}; refuses everybody else's, before a byte
 * of their message is read. It stands before all services of a server.
 *
 * <p>A refused call ends with {@code UNAUTHENTICATED} if the caller shows no certificate, and with
 * {@code PERMISSION_DENIED} if it shows one of a member that was removed. Of those without a
 * certificate, a few are let in at once, and the others told that the node is busy.
 */
public final class PeerAuthentication implements ServerInterceptor {
  /** The id of the node that calls; empty during calls of those who show no certificate. */
  public static final Context.Key<String> NODE = Context.key("meridian-node");

  private static final Metadata.Key<String> HEADER =
      Metadata.Key.of("meridian-node", Metadata.ASCII_STRING_MARSHALLER);

  /** Where a session keeps whose it is, so that its certificate is read once. */
  private static final String KNOWN = "dev.meridian.peer.node";

  /** Calls of those without a certificate at once; a message of theirs takes memory, too. */
  static final int MOST_STRANGERS = 8;

  private static final RefusalLog REFUSALS =
      new RefusalLog(LoggerFactory.getLogger(PeerAuthentication.class));

  private static final RefusalLog REMOVED_REFUSED =
      new RefusalLog(LoggerFactory.getLogger(PeerAuthentication.class));

  private final Semaphore strangers = new Semaphore(MOST_STRANGERS);
  private final @Nullable UUID cluster;
  private final Set<String> open;
  private final Predicate<String> removed;

  private PeerAuthentication(@Nullable UUID cluster, Set<String> open, Predicate<String> removed) {
    this.cluster = cluster;
    this.open = Set.copyOf(open);
    this.removed = removed;
  }

  /**
   * For a server with {@link PeerTls#serverContext}.
   *
   * @param cluster the id that certificates must name
   * @param open full names ({@code service/method}) of what may be called without a certificate
   * @param removed whether the node with an id is a member no more; asked at each call, so it must
   *     not wait
   */
  public static PeerAuthentication overTls(
      UUID cluster, Set<String> open, Predicate<String> removed) {
    return new PeerAuthentication(cluster, open, removed);
  }

  /**
   * For a server without TLS, for which somebody asked: callers on this machine's loopback address
   * pass and are believed what their {@link #claim} says; others are refused.
   */
  public static PeerAuthentication overPlainLoopback(Predicate<String> removed) {
    return new PeerAuthentication(null, Set.of(), removed);
  }

  /** Tells the server of {@link #overPlainLoopback} who calls. */
  public static ClientInterceptor claim(String node) {
    if (!Subject.isName(node)) {
      throw new IllegalArgumentException("not the name of a node: " + node);
    }
    return new ClientInterceptor() {
      @Override
      public <Q, A> ClientCall<Q, A> interceptCall(
          MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
        return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
          @Override
          public void start(Listener<A> listener, Metadata headers) {
            headers.put(HEADER, node);
            super.start(listener, headers);
          }
        };
      }
    };
  }

  @Override
  public <Q, A> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    String node;
    try {
      node = cluster == null ? claimed(call, headers) : shown(call, cluster);
    } catch (CertificateException e) {
      return refuse(call, Status.UNAUTHENTICATED, e.getMessage());
    }
    if (node == null) {
      return cluster == null ? next.startCall(call, headers) : stranger(call, headers, next);
    }
    if (removed.test(node)) {
      return refuse(
          call, Status.PERMISSION_DENIED, "The node " + node + " was removed from the cluster");
    }
    return Contexts.interceptCall(Context.current().withValue(NODE, node), call, headers, next);
  }

  /** Whose certificate was shown; null if none was. */
  private static @Nullable String shown(ServerCall<?, ?> call, UUID cluster)
      throws CertificateException {
    SSLSession session = call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
    if (session == null) {
      // Not for the methods that are open either: what they are sent is secret.
      throw new CertificateException("The connection is not encrypted");
    }
    if (session.getValue(KNOWN) instanceof String known) {
      return known;
    }
    X509Certificate certificate;
    try {
      certificate = (X509Certificate) session.getPeerCertificates()[0];
    } catch (SSLPeerUnverifiedException e) {
      return null;
    }
    // The handshake has checked it; but should a server ever be given another context, then no
    // certificate of the world's must make its holder a node.
    Subject subject = Subject.of(certificate.getSubjectX500Principal());
    if (!subject.cluster().equals(cluster)) {
      throw new CertificateException("The certificate is one of another cluster");
    }
    session.putValue(KNOWN, subject.name());
    return subject.name();
  }

  /** Who the caller says it is; null if it does not say. */
  private static @Nullable String claimed(ServerCall<?, ?> call, Metadata headers)
      throws CertificateException {
    if (!(call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR) instanceof InetSocketAddress a)
        || a.getAddress() == null
        || !a.getAddress().isLoopbackAddress()) {
      throw new CertificateException("Without TLS only this machine's own processes may call");
    }
    String node = headers.get(HEADER);
    if (node != null && !Subject.isName(node)) {
      throw new CertificateException("The header meridian-node does not hold the name of a node");
    }
    return node;
  }

  private <Q, A> ServerCall.Listener<Q> stranger(
      ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
    String method = call.getMethodDescriptor().getFullMethodName();
    if (!open.contains(method)) {
      return refuse(call, Status.UNAUTHENTICATED, method + " needs a certificate of the cluster");
    }
    if (!strangers.tryAcquire()) {
      return refuse(call, Status.RESOURCE_EXHAUSTED, PeerService.BUSY);
    }
    try {
      return new Stranger<>(next.startCall(call, headers));
    } catch (RuntimeException | Error e) {
      strangers.release(); // nobody is told of its end
      throw e;
    }
  }

  /** Makes room when its call ends, which gRPC tells once, in one of two ways. */
  private final class Stranger<Q> extends SimpleForwardingServerCallListener<Q> {
    Stranger(ServerCall.Listener<Q> listener) {
      super(listener);
    }

    @Override
    public void onComplete() {
      strangers.release();
      super.onComplete();
    }

    @Override
    public void onCancel() {
      strangers.release();
      super.onCancel();
    }
  }

  private static <Q, A> ServerCall.Listener<Q> refuse(
      ServerCall<Q, A> call, Status status, @Nullable String why) {
    (status == Status.PERMISSION_DENIED ? REMOVED_REFUSED : REFUSALS)
        .say(
            "A call from "
                + call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR)
                + " was refused: "
                + why);
    call.close(status.withDescription(why), new Metadata());
    return new ServerCall.Listener<>() {};
  }
}
