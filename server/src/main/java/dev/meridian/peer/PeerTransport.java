package dev.meridian.peer;

import java.util.concurrent.TimeUnit;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.grpc.GrpcConfigKeys;

/** How nodes reach each other: one port for Raft and for {@link PeerService}, in one manner. */
public interface PeerTransport {
  /** What the node's Raft server is to be built with, to offer {@code service} beside Raft. */
  Parameters parameters(PeerService service);

  /** A client for other nodes' services; the caller closes it. */
  PeerClient client();

  /** Without encryption: for nodes on one machine that were asked to. */
  static PeerTransport plainText() {
    return new PeerTransport() {
      @Override
      public Parameters parameters(PeerService service) {
        Parameters parameters = new Parameters();
        GrpcConfigKeys.Server.setServicesCustomizer(
            parameters,
            (builder, types) ->
                builder
                    .fallbackHandlerRegistry(service)
                    // Clients ask after 10 s of silence whether the connection still lives.
                    .permitKeepAliveTime(5, TimeUnit.SECONDS));
        return parameters;
      }

      @Override
      public PeerClient client() {
        return PeerClient.plainText();
      }
    };
  }
}
