package dev.meridian.replica;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.ratis.grpc.server.GrpcServices;
import org.apache.ratis.grpc.server.GrpcServicesImpl;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotReplyProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcReplyProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteReplyProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionReplyProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.rpc.RpcType;
import org.apache.ratis.server.leader.LogAppender;
import org.apache.ratis.server.protocol.RaftServerAsynchronousProtocol;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ratis' calls of other members, but for two things. A candidate whose peer could not be reached
 * opens a connection with its next request. gRPC would let more and more time pass, up to two
 * minutes, before it tries one again; if a majority was away, and only this member has the last
 * entries, there would be no leader for so long after the others are back. And a hand-over that
 * cannot begin is refused, rather than failed.
 */
final class RaftRpc implements GrpcServices {
  private static final Logger LOG = LoggerFactory.getLogger(RaftRpc.class);

  final GrpcServicesImpl ratis;

  /** Who sends entries to other members, of all groups that this server leads. */
  private final Set<LogAppender> appenders = ConcurrentHashMap.newKeySet();

  RaftRpc(GrpcServicesImpl ratis) {
    this.ratis = ratis;
  }

  void began(LogAppender appender) {
    appenders.add(appender);
  }

  void ended(LogAppender appender) {
    appenders.remove(appender);
  }

  /**
   * Tells the other members of a group at once what is committed, without an entry: with the
   * heartbeat that is due anyway. Does nothing where this server does not lead.
   */
  void announce(RaftGroupId group) {
    for (LogAppender appender : appenders) {
      if (appender.getServer().getGroup().getGroupId().equals(group)) {
        appender.triggerHeartbeat();
      }
    }
  }

  @Override
  public RequestVoteReplyProto requestVote(RequestVoteRequestProto request) throws IOException {
    try {
      return ratis.requestVote(request);
    } catch (StatusRuntimeException e) {
      if (e.getStatus().getCode() == Status.Code.UNAVAILABLE) {
        RaftPeerId peer = RaftPeerId.valueOf(request.getServerRequest().getReplyId());
        ratis.handleException(peer, e, true);
      }
      throw e;
    }
  }

  @Override
  public AppendEntriesReplyProto appendEntries(AppendEntriesRequestProto request)
      throws IOException {
    return ratis.appendEntries(request);
  }

  @Override
  public InstallSnapshotReplyProto installSnapshot(InstallSnapshotRequestProto request)
      throws IOException {
    return ratis.installSnapshot(request);
  }

  @Override
  public StartLeaderElectionReplyProto startLeaderElection(
      StartLeaderElectionRequestProto request) {
    try {
      return ratis.startLeaderElection(request);
    } catch (IOException | RuntimeException e) {
      // If Ratis hears of this before it looks whether there was an error, it never gets over
      // the hand-over, and its leader takes no request any more. A refusal ends when its time is
      // over.
      LOG.info("A hand-over could not begin: {}", e.getMessage());
      RaftRpcRequestProto asked = request.getServerRequest();
      return StartLeaderElectionReplyProto.newBuilder()
          .setServerReply(
              RaftRpcReplyProto.newBuilder()
                  .setRequestorId(asked.getRequestorId())
                  .setReplyId(asked.getReplyId())
                  .setRaftGroupId(asked.getRaftGroupId())
                  .setCallId(asked.getCallId())
                  .setSuccess(false))
          .build();
    }
  }

  @Override
  public RaftServerAsynchronousProtocol async() {
    return ratis.async();
  }

  @Override
  public void handleException(RaftPeerId peer, Exception e, boolean reconnect) {
    ratis.handleException(peer, e, reconnect);
  }

  @Override
  public void notifyNotLeader(RaftGroupId group) {
    ratis.notifyNotLeader(group);
  }

  @Override
  public void addRaftPeers(Collection<RaftPeer> peers) {
    ratis.addRaftPeers(peers);
  }

  @Override
  public RpcType getRpcType() {
    return ratis.getRpcType();
  }

  @Override
  public InetSocketAddress getInetSocketAddress() {
    return ratis.getInetSocketAddress();
  }

  @Override
  public InetSocketAddress getClientServerAddress() {
    return ratis.getClientServerAddress();
  }

  @Override
  public InetSocketAddress getAdminServerAddress() {
    return ratis.getAdminServerAddress();
  }

  @Override
  public void start() throws IOException {
    ratis.start();
  }

  @Override
  public void close() throws IOException {
    ratis.close();
  }
}
