package dev.meridian.peer;

import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyServerBuilder;
import org.slf4j.LoggerFactory;

/**
 * Says that something connected to the peer port and did not get through the TLS handshake. gRPC
 * tells of it nowhere but in its own log, among the details; so that is listened to.
 */
final class FailedHandshakes {
  private static final RefusalLog REFUSALS =
      new RefusalLog(LoggerFactory.getLogger(FailedHandshakes.class));

  /** How gRPC's line begins. */
  private static final String FAILED = "TLS negotiation failed for new client.";

  /** Held, as the JDK forgets loggers that nobody holds. */
  private static final Logger NEGOTIATIONS =
      Logger.getLogger(NettyServerBuilder.class.getPackageName() + ".ProtocolNegotiators");

  private FailedHandshakes() {}

  /** Listens from now on. */
  static void watch() {
    NEGOTIATIONS.setFilter(FailedHandshakes::isForOthers);
    NEGOTIATIONS.setLevel(Level.FINE);
  }

  private static boolean isForOthers(LogRecord line) {
    if (line.getMessage() != null && line.getMessage().startsWith(FAILED)) {
      REFUSALS.say(
          "A connection to the peer port did not get through the TLS handshake. If it was a node's, see"
              + " its cluster, its certificate and its clock");
    }
    return line.getLevel().intValue() > Level.FINE.intValue();
  }
}
