package dev.meridian.dns;

import dev.meridian.site.Certificates;
import dev.meridian.site.Limits;
import dev.meridian.site.Listeners;
import dev.meridian.site.MadeCertificate;
import dev.meridian.site.Rules;
import dev.meridian.site.Site;
import dev.meridian.site.Tls;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A name server that is asked over TLS, too, with the certificate of its site. */
final class TlsServer implements AutoCloseable {
  private static final InetSocketAddress ANY_PORT =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

  final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  final Tls files;
  final NameServer server;
  private final Certificates certificates;

  TlsServer(Path folder, MadeCertificate made, Zones zones, NameServer.Options options)
      throws IOException {
    files = new Tls(folder.resolve("cert.pem"), folder.resolve("key.pem"));
    made.write(files);
    Site site =
        new Site(
            folder,
            "test",
            List.of("example.test"),
            Listeners.DEFAULT,
            Optional.of(files),
            Rules.DEFAULT,
            Map.of(),
            Sites.names(List.of()),
            Limits.DEFAULT);
    certificates = new Certificates(() -> site, "dns-tls");
    server = NameServer.start(ANY_PORT, zones, registry, options);
    server.listenTls(ANY_PORT, certificates.context());
  }

  /** Where it listens for TLS. */
  InetSocketAddress address() {
    return server.tlsAddress().orElseThrow();
  }

  /** Its port for TLS. */
  String port() {
    return String.valueOf(address().getPort());
  }

  double failedHandshakes() {
    return registry.get("meridian.dns.handshakes.failed").counter().count();
  }

  /** Open connections. */
  double open(String transport) {
    return registry.get("meridian.dns.connections").tag("transport", transport).gauge().value();
  }

  /** What a counter says of a transport, all its other labels together. */
  double count(String name, String transport) {
    return registry.find(name).tag("transport", transport).functionCounters().stream()
        .mapToDouble(FunctionCounter::count)
        .sum();
  }

  @Override
  public void close() {
    server.close();
    certificates.close();
  }
}
