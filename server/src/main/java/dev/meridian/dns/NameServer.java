package dev.meridian.dns;

import dev.meridian.document.Json;
import dev.meridian.site.ResponseLimit;
import dev.meridian.site.SampleRate;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The authoritative name server, over UDP, TCP and TLS. It answers from a snapshot of zones that is
 * swapped whole ({@link #serve}), so a reload drops no query. Nothing a client sends stops it.
 */
public final class NameServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NameServer.class);

  /** How often a port free for both UDP and TCP is looked for when any will do. */
  private static final int PORT_TRIES = 20;

  /** Connections that may wait to be accepted. */
  private static final int BACKLOG = 256;

  private static final Usual DNS = new Usual("--dns", 5353);
  private static final Usual DNS_TLS = new Usual("--dns-tls", 8853);

  /** Most names that {@link #asked} tells of. */
  public static final int MAX_NAMES = Census.MAX_NAMES;

  private final InetSocketAddress address;
  private final List<UdpListener> udp = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final TcpListener tcp;
  private final MeterRegistry registry;
  private final Options options;

  /** A budget a UDP thread, and this one for all connections. */
  private final SigningBudget connectionsBudget = new SigningBudget();

  /** Null while there is none; set once. */
  private volatile @Nullable TcpListener tls;

  private volatile @Nullable InetSocketAddress tlsAddress;
  private final Conduct conduct = new Conduct();
  private final Notifier notifier;
  private final Census census;
  private final SampleLog samples;
  private volatile Zones zones;
  private volatile boolean closed;

  /** As {@link #limit} was told; guarded by this. */
  private Optional<ResponseLimit> limited = Optional.empty();

  /** As {@link #sample} was told; guarded by this. */
  private Optional<SampleRate> sampled = Optional.empty();

  /**
   * Bounds on what the server spends.
   *
   * @param udpThreads threads, each with a socket of its own
   * @param connections most TCP connections at once, and as many over TLS
   * @param connectionsPerClient most of them from one address
   * @param idle how long a TCP client may take to send a query or to take its response
   * @param grace how long {@link NameServer#close} waits for answers under way
   */
  record Options(
      int udpThreads, int connections, int connectionsPerClient, Duration idle, Duration grace) {
    static final Options DEFAULT =
        new Options(
            Math.clamp(Runtime.getRuntime().availableProcessors(), 1, 64),
            1024,
            64,
            Duration.ofSeconds(10),
            Duration.ofSeconds(2));
  }

  /** What to propose to people: a flag and a port for it. */
  private record Usual(String flag, int port) {
    String at(int other) {
      return flag + " 127.0.0.1:" + other;
    }
  }

  private NameServer(
      InetSocketAddress address,
      ServerSocket server,
      Zones zones,
      MeterRegistry registry,
      Options options)
      throws IOException {
    this.address = address;
    this.zones = zones;
    this.registry = registry;
    this.options = options;
    Timer timer = Tally.timer(registry);
    List<Tally> tallies = new ArrayList<>();
    census = new Census(registry);
    census.expect(zones.roster());
    samples = new SampleLog(registry);
    try {
      for (int i = 0; i < options.udpThreads(); i++) {
        Tally tally = new Tally(false, census.sheet(false));
        tallies.add(tally);
        UdpListener listener =
            UdpListener.open(
                address,
                new UdpHandler(
                    new Responder(this::zones, tally, new SigningBudget(), conduct), timer));
        udp.add(listener);
        threads.add(Thread.ofPlatform().daemon().name("dns-udp-" + i).unstarted(listener));
      }
    } catch (IOException e) {
      udp.forEach(UdpListener::close);
      throw e;
    }
    tcp = streams(server, null);
    Tally.register(registry, "udp", tallies);
    notifier = new Notifier(address, registry);
  }

  private TcpListener streams(ServerSocket server, @Nullable Handshakes handshakes) {
    Tally tally = new Tally(true, census.sheet(true));
    Tally.registerStreams(registry, handshakes == null ? "tcp" : "tls", tally);
    return new TcpListener(
        server,
        options,
        tally,
        counters -> new Responder(this::zones, counters, connectionsBudget, conduct),
        handshakes,
        registry);
  }

  /**
   * Starts answering. On return queries are answered.
   *
   * @param address where to listen, UDP and TCP; with port 0, on a port free for both
   * @throws UncheckedIOException if the address cannot be had; the message says how to mend it
   */
  public static NameServer start(InetSocketAddress address, Zones zones, MeterRegistry registry) {
    return start(address, zones, registry, Options.DEFAULT);
  }

  static NameServer start(
      InetSocketAddress address, Zones zones, MeterRegistry registry, Options options) {
    resolved(address, DNS);
    for (int tries = 1; ; tries++) {
      try {
        return tryStart(address, zones, registry, options);
      } catch (IOException e) {
        if (address.getPort() != 0 || tries == PORT_TRIES) {
          throw new UncheckedIOException(e.getMessage(), e);
        }
      }
    }
  }

  private static NameServer tryStart(
      InetSocketAddress asked, Zones zones, MeterRegistry registry, Options options)
      throws IOException {
    // TCP first: its port has one owner, while UDP sockets that share theirs would let a second
    // server of the same user take half of the queries unnoticed.
    ServerSocket server = new ServerSocket();
    try {
      bind(server, asked, "TCP", DNS);
      InetSocketAddress bound = new InetSocketAddress(asked.getAddress(), server.getLocalPort());
      probeUdp(bound);
      NameServer started = new NameServer(bound, server, zones, registry, options);
      zones.keepSerials();
      started.threads.forEach(Thread::start);
      started.tcp.start();
      started.notifier.serving(zones.transfers());
      LOG.info("Names are answered on {} (UDP and TCP) for {}.", text(bound), zones.apexes());
      return started;
    } catch (IOException | RuntimeException e) {
      server.close();
      throw e;
    }
  }

  /**
   * Answers over TLS, too (RFC 7858), as over TCP and with places of its own, until {@link #close}.
   * To be called once at most.
   *
   * @param where to listen; with port 0, on a free one
   * @param context has the certificate that clients are shown
   * @throws UncheckedIOException if the address cannot be had; the message says how to mend it
   */
  public void listenTls(InetSocketAddress where, SSLContext context) {
    resolved(where, DNS_TLS);
    try {
      ServerSocket server = new ServerSocket();
      try {
        bind(server, where, "TLS", DNS_TLS);
      } catch (IOException e) {
        server.close();
        throw e;
      }
      InetSocketAddress bound = new InetSocketAddress(where.getAddress(), server.getLocalPort());
      TcpListener listener = streams(server, new Handshakes(context, registry));
      tls = listener;
      tlsAddress = bound;
      listener.start();
      LOG.info("Names are answered on {} with TLS.", text(bound));
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private static void resolved(InetSocketAddress address, Usual usual) {
    if (address.isUnresolved()) {
      throw new UncheckedIOException(
          new BindException(
              "the name server cannot listen on '"
                  + address.getHostString()
                  + "', which has no address; give one, such as "
                  + usual.at(usual.port)
                  + "."));
    }
  }

  private static void bind(
      ServerSocket server, InetSocketAddress address, String transport, Usual usual)
      throws IOException {
    try {
      server.bind(address, BACKLOG);
    } catch (IOException e) {
      throw bindFailure(transport, address, e, usual);
    }
  }

  /** Binds alone once: the sockets that serve share their port, and would share it with others. */
  private static void probeUdp(InetSocketAddress address) throws IOException {
    try (DatagramChannel probe = DatagramChannel.open()) {
      // Multicast DNS (avahi, browsers) listens on 5353 of all addresses, and lets others in; what
      // is sent to our own address reaches the socket bound to just that.
      probe.setOption(
          StandardSocketOptions.SO_REUSEADDR, !address.getAddress().isAnyLocalAddress());
      probe.bind(address);
    } catch (IOException e) {
      throw bindFailure("UDP", address, e, DNS);
    }
  }

  private static IOException bindFailure(
      String transport, InetSocketAddress address, IOException cause, Usual usual) {
    int port = address.getPort();
    String reason = String.valueOf(cause.getMessage());
    String mend;
    if (port > 0 && port < 1024 && reason.contains("ermission")) {
      mend =
          "ports below 1024 need a right; give it (sudo sysctl net.ipv4.ip_unprivileged_port_start="
              + port
              + ") or another port, such as "
              + usual.at(usual.port);
    } else if (reason.contains("annot assign")) {
      mend =
          "this machine does not have that address; give one it has, such as "
              + usual.at(usual.port);
    } else {
      int other = port == usual.port ? usual.port + 1 : usual.port;
      mend =
          "another program has the port"
              + (port == 5353
                  ? " (multicast DNS does on many machines, or another Meridian)"
                  : port == 53 ? " (systemd-resolved does on many machines)" : "")
              + "; give another, such as "
              + usual.at(other);
    }
    return new BindException(
        "the name server cannot listen on "
            + transport
            + " "
            + text(address)
            + " ("
            + reason
            + "): "
            + mend
            + ".");
  }

  private static String text(InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return address;
  }

  /** Where it listens for TLS, if it does. */
  public Optional<InetSocketAddress> tlsAddress() {
    return Optional.ofNullable(tlsAddress);
  }

  /** What it answers from. */
  public Zones zones() {
    return zones;
  }

  /** Answers from {@code next} from now on; queries under way finish with what they began with. */
  public void serve(Zones next) {
    next.keepSerials();
    census.expect(next.roster());
    zones = next;
    notifier.serving(next.transfers());
    LOG.info("Names are now answered from {} names in {}.", next.names(), next.apexes());
  }

  /** The same zones, with other regions ready from now on. Not while {@link #serve} is called. */
  public void serve(Readiness readiness) {
    zones = zones.with(readiness);
  }

  /** Bounds responses over UDP from now on; with nothing, not at all. */
  public synchronized void limit(Optional<ResponseLimit> settings) {
    if (!settings.equals(limited)) {
      limited = settings;
      conduct.limit(settings.map(RateLimit::new).orElse(null));
    }
  }

  /** Logs some of the queries from now on, on logger {@code queries}; with nothing, none. */
  public synchronized void sample(Optional<SampleRate> rate) {
    if (!rate.equals(sampled)) {
      sampled = rate;
      samples.rate(rate);
      conduct.samples(rate.isPresent() ? samples : null);
    }
  }

  /**
   * What is asked, as a JSON object: {@code queries} in the last {@code seconds}, {@code regions}
   * with their answers since the start, and {@code names} with their queries in those seconds: at
   * least so many, and at most. Names that do not exist are counted as one, below the deepest name
   * above them that does.
   *
   * @param most names at most, up to {@link #MAX_NAMES}; with 0 there is no such member
   */
  public Json asked(int most) {
    return census.report(most);
  }

  /**
   * Gives clients cookies (RFC 7873) from now on, by which they escape that bound.
   *
   * @param secret 16 bytes, the same on all servers of the site
   * @param before the secret before; the same if there was none
   */
  public void cookies(byte[] secret, byte[] before) {
    conduct.cookies(new Cookies(secret, before));
  }

  /**
   * Tells those who ask which server this is, from now on: by the names {@code id.server} and
   * {@code hostname.bind} of class CH (RFC 4892), and by the option NSID (RFC 5001).
   *
   * @param text 1 to 63 characters of ASCII; empty to tell nobody
   */
  public void identity(Optional<String> text) {
    conduct.identity(text);
  }

  /** Whether all of its threads are answering. */
  public boolean ready() {
    TcpListener secure = tls;
    return !closed
        && tcp.isAlive()
        && (secure == null || secure.isAlive())
        && threads.stream().allMatch(Thread::isAlive);
  }

  /** Stops listening; answers under way over connections are finished, in bounds. Never throws. */
  @Override
  public void close() {
    closed = true;
    notifier.close();
    udp.forEach(UdpListener::close);
    TcpListener secure = tls;
    if (secure != null) {
      // Ends what it can while the other one waits.
      secure.drain();
    }
    tcp.close();
    if (secure != null) {
      secure.close();
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
      try {
        thread.join(Duration.ofSeconds(2));
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    samples.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
