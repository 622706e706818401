package dev.meridian.shard;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.meridian.document.InvalidInputException;
import dev.meridian.peer.Authority;
import dev.meridian.peer.JoinToken;
import dev.meridian.peer.JoinTrust;
import dev.meridian.peer.NodeCertificate;
import dev.meridian.peer.PeerClient;
import dev.meridian.peer.PeerException;
import dev.meridian.peer.Pem;
import dev.meridian.peer.TrustedAuthorities;
import dev.meridian.replica.Identity;
import dev.meridian.replica.RaftHost;
import dev.meridian.shard.proto.JoinReply;
import dev.meridian.shard.proto.JoinRequest;
import dev.meridian.shard.proto.NodeInfo;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.UUID;

/** Makes an empty data folder that of a node of an existing cluster, by asking one of its nodes. */
final class Joining {
  private static final Duration CALL = Duration.ofSeconds(20);

  /** The operator's key, the same on every node, as the web tier names it. */
  static final String OPERATOR_KEY = "operator.key";

  private Joining() {}

  /** Where a data folder keeps what {@code peer} needs. */
  static Path trust(Path data) {
    return data.resolve("peer");
  }

  /**
   * Joins. A crash in the middle leaves a folder that can join again.
   *
   * @throws IOException if the cluster cannot be reached or refuses; the message says why
   */
  static void join(Path data, ClusterOptions options) throws IOException {
    ClusterOptions.Join join = options.join().orElseThrow();
    JoinToken token = join.token();
    if (token == null) {
      throw new IOException(
          "The data folder "
              + data
              + " is no node's, so joining needs a token from './meridian token'.");
    }
    String node = Identity.newNode();
    KeyPair key = NodeCertificate.newKey();
    JoinRequest request =
        JoinRequest.newBuilder()
            .setToken(token.text())
            .setNode(info(node, options))
            .setCertificateRequest(ByteString.copyFrom(NodeCertificate.request(key)))
            .setFormats(options.formats().encode())
            .build();
    JoinReply reply = ask(join, token, request);
    if (!reply.getRefusal().isEmpty()) {
      throw new IOException("The cluster does not let this node join: " + reply.getRefusal());
    }
    try {
      String unfit =
          options
              .formats()
              .refusal(options.version(), Formats.of(reply.getFormats()), reply.getVersion());
      if (unfit != null) {
        throw new IOException("This node cannot join: " + unfit + ".");
      }
      List<X509Certificate> chain = Pem.certificates(reply.getChain());
      if (!token.isOf(chain.getLast())) {
        throw new IOException("The answer is not of the cluster that the join token is for.");
      }
      UUID cluster = UUID.fromString(reply.getCluster());
      Files.createDirectories(data);
      NodeCertificate.of(key.getPrivate(), chain).save(trust(data));
      TrustedAuthorities.of(List.of(chain.getLast())).save(trust(data));
      Authority.parse(reply.getAuthority()).save(trust(data));
      writeOperatorKey(data, reply.getOperatorKey().toByteArray());
      // Last: from now on the folder is a node's.
      RaftHost.join(data, cluster, node);
    } catch (InvalidInputException | IllegalArgumentException e) {
      throw new IOException("The cluster's answer cannot be used: " + e.getMessage(), e);
    }
  }

  private static JoinReply ask(ClusterOptions.Join join, JoinToken token, JoinRequest request)
      throws IOException {
    JoinTrust trust = new JoinTrust(token, InstantSource.system());
    try (PeerClient client =
        PeerClient.secured(builder -> builder.sslContext(trust.clientContext()))) {
      return JoinReply.parseFrom(
          client.call(join.node(), Cluster.JOIN, request.toByteArray(), CALL));
    } catch (PeerException e) {
      throw new IOException(
          "No node of the cluster answers at "
              + join.node().getHostString()
              + ":"
              + join.node().getPort()
              + " (its --peer address), or it is of another cluster than the token: "
              + e.getMessage(),
          e);
    } catch (InvalidProtocolBufferException e) {
      throw new IOException("The cluster's answer cannot be read.", e);
    }
  }

  static NodeInfo info(String node, ClusterOptions options) {
    var at = options.replica().reachableAt();
    return NodeInfo.newBuilder()
        .setId(node)
        .setAddress(at.getHostString() + ":" + at.getPort())
        .setZone(options.zone())
        .setVersion(options.version())
        .setHttp(options.http())
        .build();
  }

  private static void writeOperatorKey(Path data, byte[] key) throws IOException {
    if (key.length == 0) {
      return;
    }
    Path draft = data.resolve(OPERATOR_KEY + ".new");
    Files.deleteIfExists(draft);
    Files.createFile(
        draft, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.write(draft, key, StandardOpenOption.WRITE);
    Files.move(
        draft,
        data.resolve(OPERATOR_KEY),
        java.nio.file.StandardCopyOption.ATOMIC_MOVE,
        java.nio.file.StandardCopyOption.REPLACE_EXISTING);
  }

  /** Reads the token that an operator typed. */
  static JoinToken token(String text) {
    return JoinToken.parse(text.strip());
  }

  static byte[] operatorKey(Path data) throws IOException {
    Path file = data.resolve(OPERATOR_KEY);
    return Files.exists(file)
        ? Files.readString(file, StandardCharsets.US_ASCII).getBytes(StandardCharsets.US_ASCII)
        : new byte[0];
  }
}
