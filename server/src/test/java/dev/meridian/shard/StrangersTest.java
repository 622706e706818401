package dev.meridian.shard;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.google.protobuf.ByteString;
import dev.meridian.document.DocumentPath;
import dev.meridian.peer.Authority;
import dev.meridian.peer.JoinToken;
import dev.meridian.peer.JoinTrust;
import dev.meridian.peer.NodeCertificate;
import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.shard.proto.JoinReply;
import dev.meridian.shard.proto.JoinRequest;
import dev.meridian.shard.proto.NodeInfo;
import dev.meridian.store.ReadOptions;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Who is not to take part is told why, the cluster's log says it, and the cluster goes on. */
@Timeout(120)
class StrangersTest {
  private static final long SEED =
      Long.getLong("meridian.strangers.seed", ThreadLocalRandom.current().nextLong(1, 1_000_000));
  private static final String NO_HANDSHAKE = "did not get through the TLS handshake";
  private static final Duration CALL = Duration.ofSeconds(10);

  @TempDir Path folder;

  /** All threads write into it. */
  private static final class Lines extends AppenderBase<ILoggingEvent> {
    final Queue<String> lines = new ConcurrentLinkedQueue<>();

    @Override
    protected void append(ILoggingEvent event) {
      lines.add(event.getFormattedMessage());
    }
  }

  private final Lines log = new Lines();
  private Clusters clusters;
  private Cluster first;

  @BeforeEach
  void start() throws Exception {
    log.start();
    root().addAppender(log);
    clusters = new Clusters(folder, 3);
    first = clusters.start(0);
    while (first.status().nodes().isEmpty()) {
      Thread.sleep(20); // it has yet to tell where it is
    }
  }

  @AfterEach
  void stop() {
    clusters.close();
    root().detachAppender(log);
  }

  private static Logger root() {
    return (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  }

  private List<String> said() {
    return List.copyOf(log.lines);
  }

  private void assertSaid(String... parts) {
    assertThat(said()).anySatisfy(line -> assertThat(line).contains(parts));
  }

  private void assertUndisturbed() {
    first.store().write(Clusters.put("items/a", "1"));
    assertThat(first.store().get(DocumentPath.parse("items/a"), ReadOptions.STRONG)).isPresent();
    assertThat(first.status().nodes()).hasSize(1);
    assertThat(first.status().members().replicas()).containsOnlyKeys(first.self());
  }

  private String token() throws IOException {
    return first.newToken(Duration.ofMinutes(5), false);
  }

  private Authority authority() throws IOException {
    return Authority.load(Joining.trust(clusters.data(0)));
  }

  @Test
  void tokenThatTheClusterDidNotMakeOrThatWasUsed() throws Exception {
    String forged = JoinToken.create(authority().certificate()).text();
    assertThatThrownBy(() -> clusters.join(1, 0, forged))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("the token has expired, was used, or is not of this cluster");
    assertSaid(
        "127.0.0.1:" + clusters.address(1).getPort() + ": it has no token that is good here");
    assertUndisturbed();
    assertThat(Cluster.isNode(clusters.data(1))).isFalse();

    String once = token();
    clusters.join(1, 0, once);
    assertThatThrownBy(() -> clusters.join(2, 0, once)).hasMessageContaining("was used");
  }

  @Test
  void tokenOfAnotherClusterIsNotSentToThisOne() throws Exception {
    Cluster other = clusters.start(1);
    String others = other.newToken(Duration.ofMinutes(5), false);
    assertThatThrownBy(() -> clusters.join(2, 0, others))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("it is of another cluster than the token");
    assertUndisturbed();
  }

  @Test
  void nodeOfAnotherCluster() throws Exception {
    Cluster unused = clusters.start(1);
    try (PeerClient client = Cluster.client(clusters.data(1))) {
      do { // another test's line may have been a moment ago
        assertThatThrownBy(() -> client.call(clusters.address(0), Cluster.PING, new byte[0], CALL))
            .isInstanceOf(PeerException.class);
        Thread.sleep(200);
      } while (said().stream().noneMatch(line -> line.contains(NO_HANDSHAKE)));
    }
    assertUndisturbed();
  }

  @Test
  void nameOrAddressOfANodeThatThereIs() throws Exception {
    JoinToken token = JoinToken.parse(token());
    JoinReply reply = ask(token, first.self(), clusters.address(1));
    assertThat(reply.getRefusal()).contains("there is a node '" + first.self() + "' already");
    assertThat(reply.getChain()).isEmpty();
    assertThat(reply.getAuthority()).isEmpty();
    assertSaid("was not let in", ": there is a node '" + first.self() + "' already");

    reply = ask(token, "n1234", clusters.address(0));
    assertThat(reply.getRefusal())
        .contains("there is a node at")
        .contains("./meridian leave " + first.self() + " --gone");
    assertUndisturbed();
    // The token was not used up.
    clusters.join(1, 0, token.text());
  }

  @Test
  void lineOfAStranger() throws Exception {
    JoinToken token = JoinToken.parse(token());
    String line = "a\n12:00:00 INFO \u001b[31mb:1\u00e4";
    assertThat(ask(JoinToken.create(authority().certificate()), line, line).getRefusal())
        .isNotEmpty();
    assertSaid("says it is at a?12:00:00?INFO??[31mb:1?: it has no token that is good here");
    // Whoever has a token may be told what is wrong with its address, but not write a line either.
    assertThat(ask(token, "n1234", line).getRefusal()).contains("is no HOST:PORT");
    assertThat(said()).noneMatch(said -> said.contains("INFO \u001b") || said.contains("\n12:00"));
    assertUndisturbed();
  }

  private JoinReply ask(JoinToken token, String node, InetSocketAddress at) throws Exception {
    return ask(token, node, at.getHostString() + ":" + at.getPort());
  }

  private JoinReply ask(JoinToken token, String node, String at) throws Exception {
    JoinTrust trust = new JoinTrust(token, InstantSource.system());
    try (PeerClient client =
        PeerClient.secured(builder -> builder.sslContext(trust.clientContext()))) {
      return JoinReply.parseFrom(
          client.call(
              clusters.address(0),
              Cluster.JOIN,
              JoinRequest.newBuilder()
                  .setToken(token.text())
                  .setNode(NodeInfo.newBuilder().setId(node).setAddress(at))
                  .setCertificateRequest(
                      ByteString.copyFrom(NodeCertificate.request(NodeCertificate.newKey())))
                  .build()
                  .toByteArray(),
              CALL));
    }
  }

  @Test
  void buildThatIsTooOldOrTooNewDoesNotJoin() throws Exception {
    String token = token();
    int newest = Formats.OURS.newest();
    assertThatThrownBy(
            () -> clusters.start(clusters.joining(1, 0, token).withFormats(newest + 1, newest + 2)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Meridian other-test, which understands the formats")
        .hasMessageContaining("it is too new");
    assertSaid("was not let in", ": it runs Meridian other-test", "it is too new");
    assertUndisturbed();
    assertThat(Cluster.isNode(clusters.data(1))).isFalse();
    clusters.join(1, 0, token); // which was not used up
  }

  @Test
  void buildThatIsTooOldDoesNotComeBack() throws Exception {
    int newest = Formats.OURS.newest();
    clusters.closeAll();
    first = clusters.start(clusters.options(0).withFormats(newest + 1, newest + 2));
    assertThatThrownBy(() -> clusters.join(1, 0, token())).hasMessageContaining("it is too old");
    Cluster second =
        clusters.start(clusters.joining(1, 0, token()).withFormats(newest, newest + 1));
    second.close();
    assertThatThrownBy(() -> clusters.start(1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot take part beside the one at 127.0.0.1:")
        .hasMessageContaining("it is too old. Upgrade it.");
    Cluster back = clusters.start(clusters.options(1).withFormats(newest, newest + 1));
    back.store().write(Clusters.put("items/b", "2"));
  }

  /** Then nobody can be asked before. */
  @Test
  void buildThatIsTooNewAndStartsTogetherWithTheOthers() throws Exception {
    int newest = Formats.OURS.newest() + 1;
    String token = first.newToken(Duration.ofMinutes(5), true);
    clusters.join(1, 0, token);
    clusters.join(2, 0, token);
    while (first.status().members().replicas().size() < 3) {
      Thread.sleep(20);
    }
    clusters.closeAll();
    try (ExecutorService atOnce = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Cluster> unfit =
          atOnce.submit(() -> clusters.start(clusters.options(2).withFormats(newest, newest)));
      Future<Cluster> back = atOnce.submit(() -> clusters.start(0));
      Future<Cluster> other = atOnce.submit(() -> clusters.start(1));
      assertThatThrownBy(unfit::get)
          .hasRootCauseInstanceOf(IOException.class)
          .rootCause()
          .hasMessageContaining("it is too new");
      other.get().store().write(Clusters.put("items/a", "1"));
      assertThat(back.get().store().get(DocumentPath.parse("items/a"), ReadOptions.STRONG))
          .isPresent();
    }
  }

  @Test
  void whatIsNoNodeAtAll() throws Exception {
    Random random = new Random(SEED);
    byte[] noise = new byte[1 + random.nextInt(5000)];
    random.nextBytes(noise);
    List<byte[]> sent =
        List.of(
            noise,
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(US_ASCII),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(US_ASCII),
            new byte[64 << 10],
            // A TLS record that promises more than comes; a handshake message that is none.
            HexFormat.of().parseHex("1603010200010001fc0303"),
            HexFormat.of().parseHex("160301000401000000"),
            new byte[0]);
    try (ExecutorService atOnce = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Boolean>> ends =
          sent.stream().map(bytes -> atOnce.submit(() -> isHungUpOn(bytes))).toList();
      assertUndisturbed();
      for (int i = 0; i < sent.size(); i++) {
        assertThat(ends.get(i).get()).as("%d, seed %d", i, SEED).isTrue();
      }
    }
    assertUndisturbed();
    while (said().stream().noneMatch(line -> line.contains(NO_HANDSHAKE))) {
      assertThat(isHungUpOn(sent.get(1))).isTrue(); // one of the lines in ten seconds is this
      Thread.sleep(100);
    }
  }

  /** Whether the other side ends the connection, rather than wait for ever. */
  private boolean isHungUpOn(byte[] bytes) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(clusters.address(0));
      socket.setSoTimeout(30_000);
      socket.getOutputStream().write(bytes);
      return socket.getInputStream().readAllBytes().length < 1000;
    } catch (SocketException e) {
      return true; // reset
    }
  }
}
