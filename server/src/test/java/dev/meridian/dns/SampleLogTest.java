package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import dev.meridian.site.ResponseLimit;
import dev.meridian.site.SampleRate;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Type;

/** The sample log over real sockets. */
class SampleLogTest {
  private static final NameServer.Options TWO_THREADS =
      new NameServer.Options(2, 64, 64, Duration.ofSeconds(10), Duration.ofSeconds(1));

  @TempDir Path folder;
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final Lines lines = new Lines();
  private final Logger log = (Logger) LoggerFactory.getLogger("queries");
  private NameServer server;

  /** Keeps the lines that are logged. */
  private static final class Lines extends AppenderBase<ILoggingEvent> {
    private final LinkedBlockingQueue<Map<String, String>> kept = new LinkedBlockingQueue<>();
    private final CountDownLatch reading = new CountDownLatch(1);
    private volatile boolean stuck;

    @Override
    protected void append(ILoggingEvent event) {
      if (stuck) {
        try {
          reading.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
      kept.add(
          event.getKeyValuePairs().stream()
              .collect(Collectors.toMap(pair -> pair.key, pair -> String.valueOf(pair.value))));
    }

    Map<String, String> next() throws InterruptedException {
      @Nullable Map<String, String> line = kept.poll(30, TimeUnit.SECONDS);
      assertThat(line).as("a line in the log").isNotNull();
      return line == null ? Map.of() : line;
    }
  }

  @BeforeEach
  void start() throws IOException {
    server = serve("127.0.0.1");
    lines.start();
    log.setLevel(Level.INFO);
    log.setAdditive(false);
    log.addAppender(lines);
  }

  private NameServer serve(String address) throws IOException {
    return NameServer.start(
        new InetSocketAddress(address, 0), GeoSite.zones(folder), registry, TWO_THREADS);
  }

  @AfterEach
  void stop() {
    lines.reading.countDown();
    server.close();
    log.detachAppender(lines);
    log.setAdditive(true);
  }

  private void all() {
    server.sample(Optional.of(new SampleRate(1, 10_000)));
  }

  private void dig(String... more) throws Exception {
    String host = server.address().getAddress().getHostAddress();
    List<String> command = new ArrayList<>(List.of("dig", "@" + host, "+tries=1"));
    command.addAll(List.of("-p", String.valueOf(server.address().getPort())));
    command.addAll(List.of(more));
    assertThat(Programs.run(command.toArray(String[]::new))).contains("status:");
  }

  private double samples(String outcome) {
    return registry.get("meridian.dns.samples").tag("outcome", outcome).functionCounter().count();
  }

  private static void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(10);
    }
  }

  @Test
  void lineSaysWhatWasAskedAndAnsweredAndOfClientsOnlyTheirNetworks() throws Exception {
    all();
    dig("WWW.First.near.test", "+subnet=81.2.70.77/32", "+nocookie");
    assertThat(lines.next())
        .containsEntry("transport", "udp")
        .containsEntry("client", "127.0.0.0/24")
        .containsEntry("subnet", "81.2.70.0/24")
        .containsEntry("name", "www.first.near.test")
        .containsEntry("type", "A")
        .containsEntry("rcode", "NXDOMAIN")
        .containsEntry("do", "false")
        .containsEntry("cookie", "false")
        .doesNotContainKey("region")
        .extractingByKey("bytes")
        .satisfies(bytes -> assertThat(Integer.parseInt(bytes)).isBetween(50, 200));
    dig("first.near.test", "AAAA", "+subnet=2a00:1:2:3:4::/80", "+dnssec", "+tcp");
    assertThat(lines.next())
        .containsEntry("transport", "tcp")
        .containsEntry("subnet", "2a00:1:2:0:0:0:0:0/48")
        .containsEntry("rcode", "NOERROR")
        .containsEntry("region", "eu")
        .containsEntry("do", "true")
        .containsEntry("cookie", "true");
    dig("all.near.test", "+subnet=81.0.0.0/8");
    assertThat(lines.next())
        .containsEntry("subnet", "81.0.0.0/8") // told shorter than we cut it
        .containsEntry("region", "eu+us+asia");
    dig("example.com", "TYPE65280");
    assertThat(lines.next())
        .containsEntry("rcode", "REFUSED")
        .containsEntry("type", "TYPE65280")
        .doesNotContainKey("subnet");
  }

  @Test
  void addressesOfIpv6AreCutToo() throws Exception {
    server.close();
    server = serve("::1");
    all();
    dig("near.test");
    assertThat(lines.next()).containsEntry("client", "0:0:0:0:0:0:0:0/48");
  }

  @Test
  void hostileNamesAreEscaped() throws Exception {
    all();
    dig("a\\010b\\027[31m\\\".x\\.y\\\\.\\255\\000.near.test");
    String name = lines.next().getOrDefault("name", "");
    assertThat(name).isEqualTo("a\\010b\\027[31m\\\".x\\.y\\\\.\\255\\000.near.test");
    assertThat(name.chars()).allMatch(c -> c >= 0x21 && c <= 0x7e);
  }

  @Test
  void oneInSoManyIsLoggedAtRandomAndNoMoreThanSoManyASecond() throws Exception {
    Client client = new Client();
    try (SampleLog sampled = new SampleLog(new SimpleMeterRegistry())) {
      long now = System.nanoTime();
      assertThat(sampled.wants(client, now)).isFalse();
      sampled.rate(Optional.of(new SampleRate(100, 10_000)));
      int wanted = 0;
      for (int i = 0; i < 100_000; i++) {
        wanted += sampled.wants(client, now + i * 1_000_000L) ? 1 : 0;
      }
      assertThat(wanted).isBetween(800, 1200); // six standard deviations
      sampled.rate(Optional.of(new SampleRate(1, 50)));
      now += TimeUnit.DAYS.toNanos(1);
      for (int second = 0; second < 3; second++) {
        wanted = 0;
        for (int i = 0; i < 1000; i++) {
          wanted += sampled.wants(client, now) ? 1 : 0;
          // A thread whose time is behind has no second of its own.
          wanted += sampled.wants(client, now - 1_500_000_000) ? 1 : 0;
        }
        assertThat(wanted).isEqualTo(50);
        now += TimeUnit.SECONDS.toNanos(1);
      }
      sampled.rate(Optional.empty());
      assertThat(sampled.wants(client, now)).isFalse();
    }
  }

  @Test
  void serverAnswersWhileNobodyTakesTheLogAndCountsWhatIsLost() throws Exception {
    lines.stuck = true;
    all();
    byte[] query = Wired.query("plain.near.test", Type.A).toWire();
    int asked = SampleLog.QUEUE + 500;
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    int sent = 0;
    while (samples("dropped") < 100) {
      assertThat(Wired.overUdp(server.address(), query)).isNotEmpty();
      assertThat(System.nanoTime()).isLessThan(end);
      sent++;
    }
    assertThat(sent).isGreaterThan(SampleLog.QUEUE).isLessThan(asked + 20_000);
    int all = sent;
    lines.stuck = false;
    lines.reading.countDown();
    await(() -> samples("logged") + samples("dropped") + samples("capped") == all);
    assertThat(lines.kept).hasSize((int) samples("logged"));
  }

  @Test
  void logIsSwitchedWhileServingAndWrittenToItsEnd() throws Exception {
    dig("near.test");
    all();
    dig("plain.near.test");
    assertThat(lines.next()).containsEntry("name", "plain.near.test");
    server.sample(Optional.empty());
    dig("near.test");
    all();
    dig("mail.near.test");
    server.close();
    assertThat(lines.next()).containsEntry("name", "mail.near.test");
    assertThat(lines.kept).isEmpty();
    assertThat(samples("logged")).isEqualTo(2);
  }

  @Test
  void queriesBeyondTheLimitSaySo() throws Exception {
    server.limit(Optional.of(new ResponseLimit(1, 1, List.of())));
    all();
    byte[] query = GeoSite.query("near.test", Type.A, "81.2.70.0/24").toWire();
    boolean limited = false;
    for (int asked = 0; !limited; asked++) {
      assertThat(asked).isLessThan(1000);
      Wired.overUdp(server.address(), query);
      Map<String, String> line = lines.next();
      limited = line.getOrDefault("rcode", "").equals("limited");
      assertThat(line.containsKey("region")).isNotEqualTo(limited);
    }
  }

  @Test
  void malformedQueriesAndThoseWithoutQuestionLogNothing() throws Exception {
    all();
    byte[] two = Wired.query("near.test", Type.A).toWire();
    two[5] = 2;
    assertThat(Wired.overUdp(server.address(), two)).hasSize(Wire.HEADER_LENGTH);
    server.cookies(new byte[16], new byte[16]);
    dig("+header-only", "+cookie=2464c4abcf10c957", "near.test");
    dig("mail.near.test");
    assertThat(lines.next()).containsEntry("name", "mail.near.test");
  }
}
