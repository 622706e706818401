package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.Resolver;
import org.xbill.DNS.SimpleResolver;

/** What a parent says, asked over real sockets. */
class ParentServersTest {
  private static final String PARENT =
      """
      $ORIGIN test.
      $TTL 7200
      @       IN SOA ns hostmaster 1 3600 600 86400 60
      @       IN NS ns
      %s
      ns      IN A 127.0.0.1
      gone    IN A 127.0.0.99
      example IN NS ns
      bare    IN NS ns
      example IN DS 12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
      a.b     IN TXT "an empty name above"
      """;

  private static NameServer serve(String more) {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    return NameServer.start(any, Sites.zones(PARENT.formatted(more)), new SimpleMeterRegistry());
  }

  private static ParentServers servers(NameServer server) {
    return new ParentServers(
        () -> {
          Resolver resolver = new SimpleResolver(server.address());
          resolver.setTimeout(Duration.ofSeconds(10));
          return resolver;
        },
        server.address().getPort());
  }

  private static WireName name(String text) {
    return WireName.of(org.xbill.DNS.Name.fromConstantString(text));
  }

  @Test
  void whatAllServersSayIsHeard() {
    try (NameServer server = serve("")) {
      ParentDs.Said said = servers(server).ask(name("example.test.")).orElseThrow();
      assertThat(said.ttl()).isEqualTo(Duration.ofHours(2));
      assertThat(said.servers()).hasSize(1);
      assertThat(said.servers().getFirst()).hasSize(1);
      assertThat(Wire.getShort(said.servers().getFirst().getFirst(), 0)).isEqualTo(12345);
      // There is none: that is known, too.
      ParentDs.Said none = servers(server).ask(name("bare.test.")).orElseThrow();
      assertThat(none.servers().getFirst()).isEmpty();
      // The parent's zone is found although there is a name between that is none.
      assertThat(servers(server).ask(name("c.a.b.test."))).isPresent();
    }
  }

  /** One that does not answer may still say what the others have taken back. */
  @Test
  void oneSilentServerMakesItUnknown() {
    try (NameServer server = serve("@ IN NS gone")) {
      assertThat(servers(server).ask(name("example.test."))).isEmpty();
    }
  }

  @Test
  void keysThatWeServeAreWhatOurParentSays(@TempDir Path folder) throws IOException {
    Signing signing = new Signing(folder.resolve("dnssec"), InstantSource.system());
    String parent = PARENT.formatted("").replaceAll("(?m)^example IN DS.*$", "");
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (NameServer server =
        NameServer.start(
            any, Sites.signed(signing, parent, Wired.ZONE), new SimpleMeterRegistry())) {
      WireName apex = name("example.test.");
      SigningKey key =
          new KeyFolder(folder.resolve("dnssec")).read(apex).orElseThrow().active().key();
      ParentDs.Said said = servers(server).ask(apex).orElseThrow();
      assertThat(said.everywhere(key, apex)).isTrue();
      assertThat(said.anywhere(SigningKey.generate())).isFalse();
    }
  }
}
