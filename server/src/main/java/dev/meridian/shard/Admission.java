package dev.meridian.shard;

import com.google.protobuf.ByteString;
import dev.meridian.document.InvalidInputException;
import dev.meridian.peer.Authority;
import dev.meridian.peer.JoinToken;
import dev.meridian.peer.Pem;
import dev.meridian.peer.RefusalLog;
import dev.meridian.replica.RaftHost;
import dev.meridian.replica.ReplicatedStore;
import dev.meridian.shard.proto.JoinReply;
import dev.meridian.shard.proto.JoinRequest;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.StoreException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Lets nodes join the cluster of this one, or says why not. Any thread. */
final class Admission {
  private static final Logger LOG = LoggerFactory.getLogger(Admission.class);
  private static final String TOKEN_IS_NONE =
      "the token has expired, was used, or is not of this cluster; make a new one with"
          + " ./meridian token";

  private final RaftHost host;
  private final ClusterOptions options;
  private final Map<String, ReplicatedStore> groups;
  private final RefusalLog strangersRefused = new RefusalLog(LOG);
  private final RefusalLog joinsRefused = new RefusalLog(LOG);

  /**
   * For this node.
   *
   * @param groups of which it has a replica, by name; they change
   */
  Admission(RaftHost host, ClusterOptions options, Map<String, ReplicatedStore> groups) {
    this.host = host;
    this.options = options;
    this.groups = groups;
  }

  private Catalog catalog() {
    return new Catalog(Objects.requireNonNull(groups.get(Cluster.CATALOG)));
  }

  /** Answers a node that has a token and no certificate. */
  byte[] join(byte[] request) throws IOException {
    JoinRequest asked = JoinRequest.parseFrom(request);
    String where = RefusalLog.field(asked.getNode().getAddress());
    JoinReply reply;
    try {
      JoinToken token = JoinToken.parse(asked.getToken());
      if (groups.size() < 2) {
        return refuse("this node is starting; try again soon").toByteArray();
      }
      // First: strangers are to cost little and learn nothing.
      if (!catalog().isGranted(token, Instant.now())) {
        throw new InvalidInputException(TOKEN_IS_NONE);
      }
      reply = letIn(asked, token);
      if (!reply.getRefusal().isEmpty()) {
        joinsRefused.say(
            "A node was not let in that says it is at " + where + ": " + reply.getRefusal());
      }
    } catch (InvalidInputException e) {
      strangersRefused.say(
          "A node was not let in that says it is at "
              + where
              + ": it has no token that is good here");
      reply = refuse(String.valueOf(e.getMessage()));
    } catch (StoreException e) {
      reply = refuse(String.valueOf(e.getMessage()));
    }
    return reply.toByteArray();
  }

  private JoinReply letIn(JoinRequest asked, JoinToken token) throws IOException {
    JoinReply.Builder reply =
        JoinReply.newBuilder().setVersion(options.version()).setFormats(options.formats().encode());
    try {
      InetSocketAddress at = Member.address(asked.getNode().getAddress());
      String unfit =
          Formats.of(asked.getFormats())
              .refusal(asked.getNode().getVersion(), options.formats(), options.version());
      if (unfit != null) {
        return refuse(unfit);
      }
      if (at.getAddress() == null || at.getAddress().isAnyLocalAddress()) {
        return refuse(
            asked.getNode().getAddress()
                + " is no address at which others can reach it; start it with --peer or"
                + " --advertise and one that is");
      }
      if (isLoopback(at) != isLoopback(options.replica().reachableAt())) {
        return refuse(
            "it can be reached at "
                + asked.getNode().getAddress()
                + " and this cluster at "
                + Joining.info("n", options).getAddress()
                + ": one of them is only on its own machine. Start both with --peer and an address"
                + " that the other can reach");
      }
      Authority authority = Authority.load(Joining.trust(host.data()));
      String chain =
          Pem.text(
              authority.issue(
                  asked.getCertificateRequest().toByteArray(),
                  asked.getNode().getId(),
                  List.of(at.getHostString()),
                  Authority.NODE_VALIDITY,
                  Instant.now()));
      if (catalog().node(asked.getNode().getId(), ReadOptions.STRONG).isPresent()) {
        return refuse("there is a node '" + asked.getNode().getId() + "' already; try again");
      }
      List<Member> there =
          catalog().nodes(ReadOptions.STRONG).stream()
              .filter(
                  node ->
                      node.state() == Member.State.IN
                          && node.address().equals(asked.getNode().getAddress()))
              .toList();
      for (Member node : there) {
        if (groups.values().stream().anyMatch(group -> group.members().contains(node.id()))) {
          return refuse(
              "there is a node at "
                  + node.address()
                  + " already; if it has lost its data, let it go first, with './meridian leave "
                  + node.id()
                  + " --gone'");
        }
      }
      if (!catalog().redeem(token, Instant.now())) {
        return refuse(TOKEN_IS_NONE);
      }
      // One that holds nothing, at the same address, never got as far, or was emptied.
      there.forEach(node -> catalog().put(node.with(Member.State.GONE)));
      catalog().put(Member.of(asked.getNode(), System.currentTimeMillis()));
      LOG.info("{} at {} joined the cluster", asked.getNode().getId(), at);
      return reply
          .setCluster(host.identity().cluster().toString())
          .setChain(chain)
          .setAuthority(authority.secretText())
          .setOperatorKey(ByteString.copyFrom(Joining.operatorKey(host.data())))
          .build();
    } catch (InvalidInputException | StoreException e) {
      return refuse(String.valueOf(e.getMessage()));
    }
  }

  private static boolean isLoopback(InetSocketAddress at) {
    return at.getAddress() != null && at.getAddress().isLoopbackAddress();
  }

  private static JoinReply refuse(String why) {
    return JoinReply.newBuilder().setRefusal(why).build();
  }
}
