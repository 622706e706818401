package dev.meridian.site;

import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;

/**
 * How it is found out whether an address can serve.
 *
 * @param kind what is tried
 * @param port where; empty for that of the kind
 * @param path what is asked for; of HTTP and HTTPS
 * @param host whom is asked for: {@code Host} (RFC 9110, section 7.2) and the name in the
 *     certificate; of HTTP and HTTPS
 * @param statuses those that are good; empty for 200 to 399
 * @param verify whether the certificate must be good, as browsers would have it; of HTTPS
 * @param interval from one try to the next
 * @param timeout how long a try may take
 * @param down so many tries must fail in a row before the address counts as down
 * @param up so many must succeed in a row before it counts as up again
 */
public record HealthCheck(
    Kind kind,
    OptionalInt port,
    String path,
    String host,
    List<Integer> statuses,
    boolean verify,
    Duration interval,
    Duration timeout,
    int down,
    int up) {
  /** What is tried. */
  public enum Kind {
    /** Whether a connection is taken. */
    TCP(0),
    /** Whether a request is answered well. */
    HTTP(80),
    /** The same over TLS. */
    HTTPS(443);

    private final int port;

    Kind(int port) {
      this.port = port;
    }
  }

  /** Copies. */
  public HealthCheck {
    statuses = List.copyOf(statuses);
  }

  /** The port to try. */
  public int portToTry() {
    return port.orElse(kind.port);
  }
}
