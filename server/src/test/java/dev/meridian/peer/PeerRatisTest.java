package dev.meridian.peer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.replica.RaftTransport;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.ratis.RaftConfigKeys;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.statemachine.impl.BaseStateMachine;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real members of a Raft group, which talk over this TLS. */
class PeerRatisTest {
  private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final List<String> NAMES = List.of("a", "b", "c");

  private final TestCluster cluster = TestCluster.create();
  private final RaftGroupId groupId = RaftGroupId.valueOf(UUID.randomUUID());
  private final List<Member> members = new ArrayList<>();

  @TempDir Path folder;

  private record Member(RaftServer server, Queue<String> applied, RaftGroupId groupId) {
    RaftServer.Division division() {
      try {
        return server.getDivision(groupId);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }

    boolean leads() {
      return division().getInfo().isLeaderReady();
    }
  }

  private static final class Applying extends BaseStateMachine {
    final Queue<String> applied = new ConcurrentLinkedQueue<>();

    @Override
    public CompletableFuture<Message> applyTransaction(TransactionContext entry) {
      var data = entry.getStateMachineLogEntry().getLogData();
      applied.add(data.toString(StandardCharsets.UTF_8));
      updateLastAppliedTermIndex(entry.getLogEntry().getTerm(), entry.getLogEntry().getIndex());
      return CompletableFuture.completedFuture(Message.EMPTY);
    }
  }

  private Member start(RaftPeer self, RaftGroup group, PeerTls tls, String data)
      throws IOException {
    RaftProperties properties = new RaftProperties();
    RaftConfigKeys.Rpc.setType(properties, new RaftTransport());
    int port = Integer.parseInt(self.getAddress().substring("127.0.0.1:".length()));
    GrpcConfigKeys.Server.setHost(properties, "127.0.0.1");
    GrpcConfigKeys.Server.setPort(properties, port);
    RaftServerConfigKeys.setStorageDir(properties, List.of(folder.resolve(data).toFile()));
    Parameters parameters = new Parameters();
    parameters.put(PeerTransport.CLIENT_CONTEXT, tls.clientContext(), SslContext.class);
    PeerAuthentication authentication =
        PeerAuthentication.overTls(tls.cluster(), Set.of(), node -> false);
    GrpcConfigKeys.Server.setServicesCustomizer(
        parameters,
        (builder, types) -> builder.sslContext(tls.serverContext()).intercept(authentication));
    Applying machine = new Applying();
    RaftServer server =
        RaftServer.newBuilder()
            .setServerId(self.getId())
            .setGroup(group)
            .setStateMachine(machine)
            .setProperties(properties)
            .setParameters(parameters)
            .build();
    Member member = new Member(server, machine.applied, groupId);
    members.add(member);
    server.start();
    return member;
  }

  @AfterEach
  void stop() throws IOException {
    for (Member member : members) {
      member.server.close();
    }
  }

  private static void await(String what, BooleanSupplier condition) {
    long until = System.nanoTime() + LIMIT_NANOS;
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("in time: " + what).isLessThan(until);
      LockSupport.parkNanos(5_000_000);
    }
  }

  private RaftGroup group() throws IOException {
    List<ServerSocket> free = new ArrayList<>();
    List<RaftPeer> peers = new ArrayList<>();
    try {
      for (String name : NAMES) {
        ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        free.add(socket);
        peers.add(
            RaftPeer.newBuilder()
                .setId(name)
                .setAddress("127.0.0.1:" + socket.getLocalPort())
                .build());
      }
    } finally {
      for (ServerSocket socket : free) {
        socket.close();
      }
    }
    return RaftGroup.valueOf(groupId, peers);
  }

  private RaftClientReply write(Member leader, String text) throws Exception {
    return leader
        .server
        .submitClientRequestAsync(
            RaftClientRequest.newBuilder()
                .setClientId(ClientId.randomId())
                .setServerId(leader.server.getId())
                .setGroupId(groupId)
                .setCallId(1)
                .setMessage(Message.valueOf(text))
                .setType(RaftClientRequest.writeRequestType())
                .build())
        .get(60, TimeUnit.SECONDS);
  }

  @Test
  void membersOfTheClusterReplicateAndOneOfAnotherAuthorityTakesNoPart() throws Exception {
    RaftGroup group = group();
    RaftPeer[] peers = NAMES.stream().map(n -> peer(group, n)).toArray(RaftPeer[]::new);
    Member a = start(peers[0], group, cluster.tls("a"), "a");
    Member b = start(peers[1], group, cluster.tls("b"), "b");
    // It names the cluster and would trust it; only its certificate is of another authority.
    TestCluster forger = TestCluster.of(cluster.id);
    PeerTls forged = forger.tls("c");
    forged.trust(forger.trusted().with(cluster.authority.certificate()));
    Member foreign = start(peers[2], group, forged, "foreign");

    await("a primary", () -> a.leads() || b.leads());
    Member leader = a.leads() ? a : b;
    assertThat(write(leader, "hello").isSuccess()).isTrue();
    await("a has it", () -> a.applied.contains("hello"));
    await("b has it", () -> b.applied.contains("hello"));

    // It has asked for votes by now, and was not heard.
    await(
        "the foreign one asks for votes",
        () -> foreign.division().getInfo().getCurrentRole() == RaftPeerRole.CANDIDATE);
    assertThat(foreign.applied).isEmpty();
    assertThat(foreign.division().getRaftLog().getLastEntryTermIndex()).isNull();
    assertThat(foreign.division().getInfo().getLeaderId()).isNull();
    assertThat(leader.leads()).isTrue();
    foreign.server.close();
    members.remove(foreign);

    // The same member with a certificate of the cluster catches up.
    Member c = start(peers[2], group, cluster.tls("c"), "c");
    await("c has it", () -> c.applied.contains("hello"));
  }

  private static RaftPeer peer(RaftGroup group, String name) {
    return group.getPeers().stream()
        .filter(peer -> peer.getId().toString().equals(name))
        .findFirst()
        .orElseThrow();
  }
}
