package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.Socket;
import java.security.KeyPair;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedKeyManager;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.ClientCall;
import org.apache.ratis.thirdparty.io.grpc.ClientInterceptors;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor.MethodType;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.assertj.core.api.AbstractThrowableAssert;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who may talk to a node, over real connections. */
class PeerTlsTest {
  private final TestCluster cluster = TestCluster.create();
  private final PeerTls serverTls = cluster.tls("server");
  private final Set<String> removed = ConcurrentHashMap.newKeySet();
  private TestServer server;

  @BeforeEach
  void start() throws IOException {
    server =
        new TestServer(
            serverTls.serverContext(),
            PeerAuthentication.overTls(
                cluster.id, Set.of(TestServer.JOIN.getFullMethodName()), removed::contains));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private static Status.Code code(Throwable e) {
    return Status.fromThrowable(e).getCode();
  }

  /** No connection comes about, so nothing was called. */
  private AbstractThrowableAssert<?, ?> assertNoHandshake(SslContext client) {
    int before = server.received.size();
    var refused =
        assertThatThrownBy(() -> server.who(client))
            .isInstanceOf(StatusRuntimeException.class)
            .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.UNAVAILABLE));
    assertThat(server.received).hasSize(before);
    return refused;
  }

  @Test
  void nodesOfTheClusterTalkAndAreKnownByName() {
    assertThat(server.who(cluster.tls("alice").clientContext())).isEqualTo("alice");
    assertThat(server.who(cluster.tls("bob").clientContext("server"))).isEqualTo("bob");
  }

  @Test
  void callerWithoutCertificateMayCallWhatIsOpenAndNothingElse() {
    SslContext nameless =
        new JoinTrust(JoinToken.create(cluster.authority.certificate()), Clock.systemUTC())
            .clientContext();
    ManagedChannel channel = server.channel(nameless);
    try {
      assertThat(TestServer.call(channel, TestServer.JOIN, "let me in")).isEqualTo("nobody");
      assertThatThrownBy(() -> TestServer.who(channel))
          .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.UNAUTHENTICATED))
          .hasMessageContaining("test.Peers/Who needs a certificate");
      assertThat(server.received).containsExactly("let me in");
    } finally {
      TestServer.close(channel);
    }
  }

  /** Each may hold memory with a message that never ends. */
  @Test
  void fewWithoutACertificateAreServedAtOnceAndNodesDoNotMind() throws Exception {
    SslContext nameless =
        new JoinTrust(JoinToken.create(cluster.authority.certificate()), Clock.systemUTC())
            .clientContext();
    ManagedChannel strangers = server.channel(nameless);
    try {
      // As streams, whose beginning is sent at once. The server looks at them in any order, so more
      // are begun than there is room for: those that it refuses are told so.
      MethodDescriptor<byte[], byte[]> stream =
          TestServer.JOIN.toBuilder().setType(MethodType.CLIENT_STREAMING).build();
      Set<ClientCall<byte[], byte[]>> endless = ConcurrentHashMap.newKeySet();
      BlockingQueue<Status.Code> refused = new LinkedBlockingQueue<>();
      int tooMany = 5;
      for (int i = 0; i < PeerAuthentication.MOST_STRANGERS + tooMany; i++) {
        ClientCall<byte[], byte[]> call = strangers.newCall(stream, CallOptions.DEFAULT);
        endless.add(call);
        call.start(
            new ClientCall.Listener<>() {
              @Override
              public void onClose(Status status, Metadata trailers) {
                endless.remove(call);
                refused.add(status.getCode());
              }
            },
            new Metadata());
      }
      for (int i = 0; i < tooMany; i++) {
        assertThat(refused.poll(20, TimeUnit.SECONDS)).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
      }
      assertThat(endless).hasSize(PeerAuthentication.MOST_STRANGERS);
      assertThatThrownBy(() -> TestServer.call(strangers, TestServer.JOIN, "one more"))
          .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.RESOURCE_EXHAUSTED))
          .hasMessageContaining("busy");
      assertThat(server.who(cluster.tls("alice").clientContext())).isEqualTo("alice");
      endless.iterator().next().cancel("enough", null);
      // The server hears of the end a moment later, and of the first call's before the second's.
      for (int served = 0, tried = 0; served < 2; tried++) {
        try {
          assertThat(TestServer.call(strangers, TestServer.JOIN, "now")).isEqualTo("nobody");
          served++;
        } catch (StatusRuntimeException e) {
          assertThat(tried).as("no room is made").isLessThan(2000);
          Thread.sleep(5);
        }
      }
    } finally {
      TestServer.close(strangers);
    }
  }

  @Test
  void nodeOfAnotherAuthorityIsRefusedThoughItNamesTheCluster() {
    TestCluster forger = TestCluster.of(cluster.id);
    PeerTls forged = forger.tls("alice");
    // It trusts the server, so that it is the server who refuses.
    forged.trust(forger.trusted().with(cluster.authority.certificate()));
    assertNoHandshake(forged.clientContext());
  }

  @Test
  void serverOfAnotherAuthorityIsRefusedThoughItNamesTheCluster() {
    PeerTls node = TestCluster.of(cluster.id).tls("alice");
    assertNoHandshake(node.clientContext()).hasStackTraceContaining("not one of this cluster's");
  }

  @Test
  void nodeOfAnotherClusterIsRefused() {
    assertNoHandshake(TestCluster.create().tls("alice").clientContext())
        .hasStackTraceContaining("is of another cluster");
  }

  @Test
  void expiredCertificateIsRefused() {
    Instant then = Instant.now().minus(Duration.ofDays(40));
    NodeCertificate expired = cluster.node("alice", then, Duration.ofDays(30));
    assertNoHandshake(cluster.tls(expired).clientContext());

    serverTls.use(cluster.node("server", then, Duration.ofDays(30)));
    assertNoHandshake(cluster.tls("alice").clientContext()).hasStackTraceContaining("expired on");
  }

  @Test
  void certificateThatIsNotYetValidIsRefused() {
    Instant later = Instant.now().plus(Duration.ofDays(2));
    NodeCertificate early = cluster.node("alice", later, Duration.ofDays(30));
    assertNoHandshake(cluster.tls(early).clientContext());

    serverTls.use(cluster.node("server", later, Duration.ofDays(30)));
    assertNoHandshake(cluster.tls("alice").clientContext())
        .hasStackTraceContaining("is not valid before");
  }

  @Test
  void certificateOfANodeWhoseClockIsHalfAnHourAheadIsGood() {
    Instant ahead = Instant.now().plus(Duration.ofMinutes(30));
    NodeCertificate early = cluster.node("alice", ahead, Duration.ofDays(30));
    assertThat(server.who(cluster.tls(early).clientContext())).isEqualTo("alice");
  }

  @Test
  void clientThatExpectsOneNodeRefusesAnother() {
    assertNoHandshake(cluster.tls("alice").clientContext("bob"))
        .hasStackTraceContaining("The peer is server, where bob was to be");
  }

  @Test
  void renewedCertificatesAreShownOnNewConnectionsWhileOldOnesGoOn() {
    PeerTls alice = cluster.tls("alice");
    SslContext context = alice.clientContext();
    ManagedChannel old = server.channel(context);
    ManagedChannel renewed = server.channel(context);
    try {
      var before = TestServer.serials(old);
      alice.use(cluster.node("alice"));
      serverTls.use(cluster.node("server"));
      var after = TestServer.serials(renewed);
      assertThat(after)
          .containsExactly(
              alice.certificate().chain().getFirst().getSerialNumber(),
              serverTls.certificate().chain().getFirst().getSerialNumber())
          .doesNotContainAnyElementsOf(before);
      assertThat(TestServer.serials(old)).isEqualTo(before);
    } finally {
      TestServer.close(old);
      TestServer.close(renewed);
    }
  }

  @Test
  void oneAuthorityFollowsAnotherWithoutAnInterruption() {
    TestCluster next = TestCluster.of(cluster.id);
    TrustedAuthorities both = cluster.trusted().with(next.authority.certificate());
    PeerTls alice = cluster.tls("alice");
    SslContext client = alice.clientContext();
    assertThat(server.who(client)).isEqualTo("alice");
    serverTls.trust(both);
    assertThat(server.who(client)).isEqualTo("alice");
    alice.trust(both);
    alice.use(next.node("alice"));
    assertThat(server.who(client)).isEqualTo("alice");
    serverTls.use(next.node("server"));
    assertThat(server.who(client)).isEqualTo("alice");
    serverTls.trust(both.without(cluster.authority.certificate()));
    alice.trust(next.trusted());
    assertThat(server.who(client)).isEqualTo("alice");
    // Who slept through it is out.
    PeerTls bob = cluster.tls("bob");
    bob.trust(both);
    assertNoHandshake(bob.clientContext());
  }

  @Test
  void certificateThatPeersWouldRefuseIsNotTakenUp() {
    NodeCertificate first = serverTls.certificate();
    assertThatThrownBy(() -> serverTls.use(TestCluster.of(cluster.id).node("server")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> serverTls.use(cluster.node("alice")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> serverTls.trust(TestCluster.of(cluster.id).trusted()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(serverTls.certificate()).isSameAs(first);
  }

  @Test
  void removedMemberIsRefusedAtItsNextCallOnTheSameConnection() {
    ManagedChannel channel = server.channel(cluster.tls("alice").clientContext());
    try {
      assertThat(TestServer.who(channel)).isEqualTo("alice");
      removed.add("alice");
      assertThatThrownBy(() -> TestServer.who(channel))
          .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.PERMISSION_DENIED))
          .hasMessageContaining("alice was removed");
      // Not even with what is open to all.
      assertThatThrownBy(() -> TestServer.call(channel, TestServer.JOIN, "again"))
          .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.PERMISSION_DENIED));
      assertThat(server.received).containsExactly("who");
      assertThat(server.who(cluster.tls("bob").clientContext())).isEqualTo("bob");
    } finally {
      TestServer.close(channel);
    }
  }

  @Test
  void joiningNodeSendsNothingToAnotherClusterThanItsTokens() {
    TestCluster other = TestCluster.of(cluster.id);
    SslContext context =
        new JoinTrust(JoinToken.create(other.authority.certificate()), Clock.systemUTC())
            .clientContext();
    ManagedChannel channel = server.channel(context);
    try {
      assertThatThrownBy(() -> TestServer.call(channel, TestServer.JOIN, "secret"))
          .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.UNAVAILABLE))
          .hasStackTraceContaining("not of the cluster that the join token is for");
      assertThat(server.received).isEmpty();
    } finally {
      TestServer.close(channel);
    }
  }

  @Test
  void authorityThatIsOnlyAppendedToAForeignChainDoesNotWinAJoiningNode() throws Exception {
    // In the middle: a certificate of its own authority, and behind it the cluster's, which is
    // public.
    NodeCertificate forged = TestCluster.of(cluster.id).node("server");
    X509Certificate[] chain = {forged.chain().getFirst(), cluster.authority.certificate()};
    KeyManager keys = new FixedKeys(forged.key(), chain);
    ChainTrustManager all = new TrustAll();
    try (TestServer middle =
        new TestServer(
            Tls.server(keys, all),
            PeerAuthentication.overTls(
                cluster.id, Set.of(TestServer.JOIN.getFullMethodName()), removed::contains))) {
      SslContext joining =
          new JoinTrust(JoinToken.create(cluster.authority.certificate()), Clock.systemUTC())
              .clientContext();
      ManagedChannel channel = middle.channel(joining);
      try {
        assertThatThrownBy(() -> TestServer.call(channel, TestServer.JOIN, "secret"))
            .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.UNAVAILABLE))
            .hasStackTraceContaining("not one of this cluster's authority");
        assertThat(middle.received).isEmpty();
      } finally {
        TestServer.close(channel);
      }
    }
  }

  @Test
  void nodeCannotVouchForAnother() throws Exception {
    // Alice signs with her node's key as if it were an authority's, and shows the whole chain.
    NodeCertificate alice = cluster.node("alice");
    KeyPair key = NodeCertificate.newKey();
    var issuer =
        X500Name.getInstance(alice.chain().getFirst().getSubjectX500Principal().getEncoded());
    var builder =
        new JcaX509v3CertificateBuilder(
                issuer,
                BigInteger.TWO,
                Date.from(Instant.now().minusSeconds(60)),
                Date.from(Instant.now().plusSeconds(3600)),
                new X500Name("O=" + cluster.id + ",CN=mallory"),
                key.getPublic())
            .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
            .addExtension(
                Extension.extendedKeyUsage,
                false,
                new ExtendedKeyUsage(KeyPurposeId.id_kp_clientAuth));
    var leaf =
        Pem.certificate(
            builder
                .build(new JcaContentSignerBuilder(Keys.SIGNATURE).build(alice.key()))
                .getEncoded());
    KeyManager keys =
        new FixedKeys(
            key.getPrivate(), leaf, alice.chain().getFirst(), cluster.authority.certificate());
    assertNoHandshake(Tls.client(keys, new TrustAll()));
  }

  @Test
  void connectionsAreNeverResumed() throws Exception {
    // A plain JDK client, which would resume if it were offered to, and then ask nobody.
    AtomicInteger asked = new AtomicInteger();
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(
        new KeyManager[] {new PeerKeyManager(cluster.node("alice"))},
        new TrustManager[] {
          new ChainTrustManager() {
            @Override
            void check(X509Certificate[] chain, TrustedAuthorities.Purpose purpose) {
              asked.incrementAndGet();
            }
          }
        },
        null);
    for (int i = 1; i <= 3; i++) {
      assertThat(handshake(context, "TLSv1.3").isValid()).isTrue();
      assertThat(asked).hasValue(i);
    }
  }

  /** Shakes hands, and reads what the server says first. */
  private SSLSession handshake(SSLContext context, String version) throws IOException {
    try (SSLSocket socket =
        (SSLSocket)
            context
                .getSocketFactory()
                .createSocket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(20_000);
      var parameters = socket.getSSLParameters();
      parameters.setProtocols(new String[] {version});
      parameters.setApplicationProtocols(new String[] {"h2"});
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      // Tickets come before the first byte of HTTP/2's settings.
      assertThat(socket.getInputStream().read()).isNotNegative();
      return socket.getSession();
    }
  }

  @Test
  void tls12IsRefused() throws Exception {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(
        new KeyManager[] {new PeerKeyManager(cluster.node("alice"))},
        new TrustManager[] {new TrustAll()},
        null);
    assertThat(handshake(context, "TLSv1.3").getProtocol()).isEqualTo("TLSv1.3");
    assertThatThrownBy(() -> handshake(context, "TLSv1.2"))
        .isInstanceOf(SSLException.class)
        .hasMessageContaining("protocol_version");
  }

  @Test
  void serverThatSpeaksOnlyTls12IsRefused() throws Exception {
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(
        new KeyManager[] {new PeerKeyManager(cluster.node("server"))},
        new TrustManager[] {new TrustAll()},
        null);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (SSLServerSocket old =
        (SSLServerSocket)
            context
                .getServerSocketFactory()
                .createServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      old.setEnabledProtocols(new String[] {"TLSv1.2"});
      Thread accepting =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (Socket socket = old.accept()) {
                      ((SSLSocket) socket).startHandshake();
                    } catch (IOException e) {
                      failure.set(e);
                    }
                  });
      ManagedChannel channel =
          TestServer.channel(old.getLocalPort(), cluster.tls("alice").clientContext());
      try {
        assertThatThrownBy(() -> TestServer.who(channel))
            .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.UNAVAILABLE));
      } finally {
        TestServer.close(channel);
      }
      accepting.join();
      assertThat(failure.get()).isInstanceOf(SSLException.class);
    }
  }

  @Test
  void callsWithoutEncryptionAreRefusedEvenWhereTheyWouldBeOpen() throws IOException {
    try (TestServer plain =
        new TestServer(
            null,
            PeerAuthentication.overTls(
                cluster.id, Set.of(TestServer.JOIN.getFullMethodName()), removed::contains))) {
      ManagedChannel channel = plain.channel(null);
      try {
        assertThatThrownBy(() -> TestServer.call(channel, TestServer.JOIN, "secret"))
            .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.UNAUTHENTICATED));
      } finally {
        TestServer.close(channel);
      }
    }
  }

  @Test
  void plainTextOnLoopbackBelievesWhatCallersSay() throws IOException {
    try (TestServer plain =
        new TestServer(null, PeerAuthentication.overPlainLoopback(removed::contains))) {
      ManagedChannel channel = plain.channel(null);
      try {
        assertThat(TestServer.who(channel)).isEqualTo("nobody");
        var alice = ClientInterceptors.intercept(channel, PeerAuthentication.claim("alice"));
        assertThat(TestServer.who(alice)).isEqualTo("alice");
        removed.add("alice");
        assertThatThrownBy(() -> TestServer.who(alice))
            .satisfies(e -> assertThat(code(e)).isEqualTo(Status.Code.PERMISSION_DENIED));
      } finally {
        TestServer.close(channel);
      }
    }
  }

  /** Over TLS a header says nothing. */
  @Test
  void claimOverTlsIsNotBelieved() {
    ManagedChannel channel = server.channel(cluster.tls("alice").clientContext());
    try {
      var bob = ClientInterceptors.intercept(channel, PeerAuthentication.claim("bob"));
      assertThat(TestServer.who(bob)).isEqualTo("alice");
    } finally {
      TestServer.close(channel);
    }
  }

  private static final class TrustAll extends ChainTrustManager {
    @Override
    void check(X509Certificate[] chain, TrustedAuthorities.Purpose purpose) {}
  }

  /** Shows any chain, good or not. */
  private static final class FixedKeys extends X509ExtendedKeyManager {
    private final PrivateKey key;
    private final List<X509Certificate> chain;

    FixedKeys(PrivateKey key, X509Certificate... chain) {
      this.key = key;
      this.chain = List.of(chain);
    }

    @Override
    public String chooseEngineClientAlias(String[] types, Principal[] issuers, SSLEngine engine) {
      return "fixed";
    }

    @Override
    public @Nullable String chooseEngineServerAlias(
        String type, Principal[] issuers, SSLEngine engine) {
      return type.equals("EC") ? "fixed" : null;
    }

    @Override
    public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
      return "fixed";
    }

    @Override
    public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
      return "fixed";
    }

    @Override
    public String[] getClientAliases(String type, Principal[] issuers) {
      return new String[] {"fixed"};
    }

    @Override
    public String[] getServerAliases(String type, Principal[] issuers) {
      return new String[] {"fixed"};
    }

    @Override
    public X509Certificate[] getCertificateChain(String alias) {
      return chain.toArray(X509Certificate[]::new);
    }

    @Override
    public PrivateKey getPrivateKey(String alias) {
      return key;
    }
  }
}
