package dev.meridian.dns;

import dev.meridian.dns.DnsCheck.Finding;
import dev.meridian.dns.DnsCheck.Report;
import dev.meridian.peer.FreePort;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A small world of names on loopback addresses, all on one port: NSD has {@code test}, unbound is
 * the resolver, and {@code city.test} is served by whom a test likes.
 */
final class CheckWorld implements AutoCloseable {
  static final String PARENT = "127.53.1.1";
  static final String RESOLVER = "127.53.2.1";
  static final String NS1 = "127.53.3.1";
  static final String NS2 = "127.53.4.1";

  /** What the parent says in a world where all is well. */
  static final String DELEGATION =
      """
      city IN NS ns1.city
      city IN NS ns2.city
      ns1.city IN A 127.53.3.1
      ns2.city IN A 127.53.4.1
      """;

  private final Path folder;
  private final int port;
  private final Deque<AutoCloseable> closing = new ArrayDeque<>();

  CheckWorld(Path folder) throws IOException {
    this.folder = folder;
    port = FreePort.find().getPort();
  }

  int port() {
    return port;
  }

  InetSocketAddress at(String address) {
    return new InetSocketAddress(address, port);
  }

  /** A zone of two servers, as it is when all is well. */
  static String zone(long serial) {
    return """
        $ORIGIN city.test.
        $TTL 300
        @    IN SOA ns1 hostmaster %d 3600 600 1209600 300
        @    IN NS  ns1
        @    IN NS  ns2
        @    IN MX  10 mail
        @    IN A   127.53.3.1
        www  IN CNAME @
        mail IN A   127.53.3.1
        ns1  IN A   127.53.3.1
        ns2  IN A   127.53.4.1
        _imaps._tcp IN SRV 0 1 993 mail
        """
        .formatted(serial);
  }

  /** Starts the zone above, with this to say of the zones below it, and the resolver. */
  void above(String delegation) throws Exception {
    String zone =
        """
        $ORIGIN test.
        $TTL 3600
        @  IN SOA ns hostmaster 1 3600 600 1209600 300
        @  IN NS ns
        ns IN A 127.53.1.1
        """;
    nsd(PARENT, Map.of("test", zone + delegation), "");
    unbound(
        RESOLVER,
        """
        stub-zone:
          name: "test"
          stub-addr: 127.53.1.1@%1$d
        stub-zone:
          name: "city.test"
          stub-addr: 127.53.3.1@%1$d
        """
            .formatted(port));
  }

  /** Starts NSD with these zones. */
  void nsd(String address, Map<String, String> zones, String forEach) throws Exception {
    Path home = Files.createDirectories(folder.resolve("nsd-" + address));
    StringBuilder config = new StringBuilder();
    for (Map.Entry<String, String> zone : zones.entrySet()) {
      Files.writeString(home.resolve(zone.getKey()), zone.getValue());
      config
          .append("zone:\n  name: ")
          .append(zone.getKey())
          .append("\n  zonefile: ")
          .append(zone.getKey())
          .append('\n')
          .append(forEach.isEmpty() ? "" : "  " + forEach + "\n");
    }
    closing.push(Nsd.start(home, List.of(at(address)), config.toString()));
  }

  /** Starts unbound with these zones of its own or of others. */
  void unbound(String address, String zones) throws Exception {
    Path home = Files.createDirectories(folder.resolve("unbound-" + address));
    Path file =
        Files.writeString(
            home.resolve("unbound.conf"),
            """
            server:
              interface: %1$s
              port: %2$d
              username: ""
              chroot: ""
              directory: "%3$s"
              pidfile: "%3$s/pid"
              use-syslog: no
              logfile: ""
              num-threads: 1
              do-ip6: no
              do-not-query-localhost: no
              local-zone: "test." nodefault
              root-hints: ""
              module-config: "iterator"
              qname-minimisation: no
            remote-control:
              control-enable: no
            """
                    .formatted(address, port, home)
                + zones);
    start(address, home, "unbound", "-d", "-c", file.toString());
  }

  private void start(String address, Path home, String... command) throws Exception {
    List<String> all = new ArrayList<>(List.of(command));
    all.set(0, Programs.find(command[0]).toString());
    Path log = home.resolve("log");
    Process process =
        new ProcessBuilder(all).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    closing.push(
        () -> {
          process.destroy();
          if (!process.waitFor(10, TimeUnit.SECONDS)) {
            process.destroyForcibly();
          }
        });
    Programs.awaitAnswer(at(address), process, log);
  }

  /** Starts our name server. */
  void ours(String address, Zones zones) {
    closing.push(NameServer.start(at(address), zones, new SimpleMeterRegistry()));
  }

  /** Answers over UDP, while TCP is refused. */
  void udpOnly(String address, Zones zones) throws IOException {
    udp(address, zones, (query, answer) -> answer);
  }

  /**
   * Answers over UDP alone, and in its own way.
   *
   * @param way what becomes of a query and our answer; with null nothing is sent
   */
  void udp(String address, Zones zones, BiFunction<byte[], byte[], byte @Nullable []> way)
      throws IOException {
    DatagramSocket socket = new DatagramSocket(at(address));
    Responder responder = Wired.responder(zones);
    Thread thread =
        Thread.ofVirtual()
            .start(
                () -> {
                  while (!socket.isClosed()) {
                    DatagramPacket packet = new DatagramPacket(new byte[4096], 4096);
                    try {
                      socket.receive(packet);
                      byte[] query = Arrays.copyOf(packet.getData(), packet.getLength());
                      byte[] answer = way.apply(query, Wired.raw(responder, query, false));
                      if (answer != null) {
                        socket.send(
                            new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
                      }
                    } catch (SocketException e) {
                      return;
                    } catch (IOException e) {
                      throw new UncheckedIOException(e);
                    }
                  }
                });
    closing.push(
        () -> {
          socket.close();
          thread.join();
        });
  }

  /** Takes connections as a web server does. */
  int web(String address) throws IOException {
    ServerSocket socket = new ServerSocket();
    socket.bind(new InetSocketAddress(address, 0));
    closing.push(socket);
    return socket.getLocalPort();
  }

  DnsCheck.Settings settings(Set<Integer> webPorts) {
    return new DnsCheck.Settings(
        List.of(at(RESOLVER)),
        List.of(),
        Optional.empty(),
        port,
        List.of("city.test", "www.city.test"),
        List.of(),
        webPorts);
  }

  /** Checks the zone. */
  String check() throws Exception {
    return check(settings(Set.of(web(NS1))));
  }

  static String check(DnsCheck.Settings settings) throws Exception {
    List<Report> reports = new DnsCheck(settings).run(List.of("city.test"), _ -> {});
    return lines(reports.getFirst());
  }

  /** A line for each finding, such as {@code error server ns2.city.test 127.53.4.1: is lame}. */
  static String lines(Report report) {
    return report.findings().stream()
        .map(CheckWorld::line)
        .collect(Collectors.joining("\n", "", "\n"));
  }

  private static String line(Finding finding) {
    return finding.level().name().toLowerCase(Locale.ROOT)
        + " "
        + finding.check()
        + (finding.where().isEmpty() ? "" : " " + finding.where())
        + ": "
        + finding.found();
  }

  @Override
  public void close() throws Exception {
    while (!closing.isEmpty()) {
      closing.pop().close();
    }
  }
}
