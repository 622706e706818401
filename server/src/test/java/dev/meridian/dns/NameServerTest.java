package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** The server over real sockets. */
class NameServerTest {
  private static final InetSocketAddress ANY_PORT =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  private static final NameServer.Options IMPATIENT =
      new NameServer.Options(2, 12, 8, Duration.ofMillis(500), Duration.ofSeconds(1));

  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private NameServer server;

  @BeforeEach
  void start() {
    server = NameServer.start(ANY_PORT, Sites.zones(Wired.ZONE), registry, IMPATIENT);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void answersOverUdpAndTcp() throws IOException {
    assertThat(server.ready()).isTrue();
    Message query = Wired.query("www.example.test", Type.A);
    Message udp = new Message(Wired.overUdp(server.address(), query.toWire()));
    assertThat(udp.getSection(Section.ANSWER)).hasSize(2);
    try (Socket socket = Wired.connect(server.address())) {
      Wired.send(socket, query.toWire());
      assertThat(Wired.receive(socket).getSection(Section.ANSWER)).hasSize(2);
    }
    assertThat(count("meridian.dns.queries", "udp")).isEqualTo(1);
    assertThat(count("meridian.dns.queries", "tcp")).isEqualTo(1);
  }

  /** Micrometer itself keeps nothing of what it counts. */
  @Test
  void countersGoOnAfterAGarbageCollection() throws Exception {
    WeakReference<Object> garbage = new WeakReference<>(new Object());
    while (garbage.get() != null) {
      System.gc();
      Thread.sleep(10);
    }
    answersOverUdpAndTcp();
  }

  private double count(String name, String transport) {
    return registry.find(name).tag("transport", transport).functionCounters().stream()
        .mapToDouble(io.micrometer.core.instrument.FunctionCounter::count)
        .sum();
  }

  @Test
  void truncatedAnswerIsWholeOverTcp() throws IOException {
    Message query = Wired.query("big.example.test", Type.TXT);
    Message udp = new Message(Wired.overUdp(server.address(), query.toWire()));
    assertThat(udp.getHeader().getFlag(Flags.TC)).isTrue();
    try (Socket socket = Wired.connect(server.address())) {
      Wired.send(socket, query.toWire());
      Message tcp = Wired.receive(socket);
      assertThat(tcp.getHeader().getFlag(Flags.TC)).isFalse();
      assertThat(tcp.getSection(Section.ANSWER)).hasSize(1);
    }
  }

  @Test
  void pipelinedQueriesAreAllAnswered() throws IOException {
    try (Socket socket = Wired.connect(server.address())) {
      List<Integer> ids = new ArrayList<>();
      java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
      for (int i = 0; i < 500; i++) {
        Message query = Wired.query((i % 2 == 0 ? "www" : "big") + ".example.test", Type.TXT);
        ids.add(query.getHeader().getID());
        byte[] wire = query.toWire();
        all.write(wire.length >> 8);
        all.write(wire.length);
        all.write(wire);
      }
      socket.getOutputStream().write(all.toByteArray());
      for (int id : ids) {
        assertThat(Wired.receive(socket).getHeader().getID()).isEqualTo(id);
      }
    }
  }

  @Test
  void queryInSingleBytesIsAnswered() throws IOException {
    byte[] query = Wired.query("example.test", Type.A).toWire();
    try (Socket socket = Wired.connect(server.address())) {
      socket.setTcpNoDelay(true);
      socket.getOutputStream().write(0);
      socket.getOutputStream().write(query.length);
      for (byte b : query) {
        socket.getOutputStream().write(b);
        socket.getOutputStream().flush();
      }
      assertThat(Wired.receive(socket).getSection(Section.ANSWER)).hasSize(1);
    }
  }

  @Test
  void clientThatTricklesIsCutOff() throws IOException {
    try (Socket socket = Wired.connect(server.address())) {
      socket.setSoTimeout(50);
      socket.getOutputStream().write(new byte[] {0, 100});
      // A byte now and then, below 100 in all: each arrives in time, the query never does.
      for (int i = 0; i < 98; i++) {
        try {
          socket.getOutputStream().write(0);
          if (socket.getInputStream().read() < 0) {
            return;
          }
        } catch (java.net.SocketTimeoutException e) {
          // The wait between two bytes.
        } catch (IOException e) {
          return;
        }
      }
      throw new AssertionError("still connected after " + 98 * 50 + " ms");
    }
  }

  @Test
  void clientThatDoesNotReadIsCutOff() throws IOException {
    byte[] query = Wired.query("big.example.test", Type.TXT).toWire();
    try (Socket socket = Wired.connect(server.address())) {
      assertThatThrownBy(
              () -> {
                // Far more answers than any window holds; the writes end when the server hangs up.
                for (int i = 0; i < 10_000_000; i++) {
                  Wired.send(socket, query);
                }
              })
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void connectionsPerClientAreLimitedAndGivenBack() throws Exception {
    byte[] query = Wired.query("example.test", Type.A).toWire();
    List<Socket> open = new ArrayList<>();
    try {
      for (int i = 0; i < IMPATIENT.connectionsPerClient(); i++) {
        Socket socket = Wired.connect(server.address());
        open.add(socket);
        Wired.send(socket, query);
        Wired.receive(socket);
      }
      try (Socket refused = Wired.connect(server.address())) {
        assertThatThrownBy(
                () -> {
                  Wired.send(refused, query);
                  Wired.receive(refused);
                })
            .isInstanceOf(IOException.class);
      }
    } finally {
      for (Socket socket : open) {
        socket.close();
      }
    }
    long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (true) {
      try (Socket socket = Wired.connect(server.address())) {
        Wired.send(socket, query);
        assertThat(Wired.receive(socket).getRcode()).isEqualTo(Rcode.NOERROR);
        return;
      } catch (IOException e) {
        assertThat(System.nanoTime()).as("places are given back").isLessThan(end);
      }
    }
  }

  @Test
  void frameTooShortForHeaderEndsTheConnection() throws IOException {
    try (Socket socket = Wired.connect(server.address())) {
      socket.getOutputStream().write(new byte[] {0, 3, 1, 2, 3});
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void takenPortIsNamedWithItsMend() throws IOException {
    int port = server.address().getPort();
    assertThatThrownBy(() -> NameServer.start(server.address(), Zones.NONE, registry).close())
        .hasMessageContaining("TCP 127.0.0.1:" + port)
        .hasMessageContaining("--dns 127.0.0.1:");

    try (DatagramSocket taken = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        ServerSocket free = new ServerSocket()) {
      InetSocketAddress address = (InetSocketAddress) taken.getLocalSocketAddress();
      free.bind(address); // only to know that TCP is free there
      free.close();
      assertThatThrownBy(() -> NameServer.start(address, Zones.NONE, registry).close())
          .hasMessageContaining("UDP 127.0.0.1:" + address.getPort())
          .hasMessageContaining("--dns 127.0.0.1:");
    }
  }

  @Test
  void addressOfAnotherMachineIsNamedWithItsMend() {
    assertThatThrownBy(
            () ->
                NameServer.start(new InetSocketAddress("192.0.2.1", 5399), Zones.NONE, registry)
                    .close())
        .hasMessageContaining("192.0.2.1:5399")
        .hasMessageContaining("does not have that address");
  }

  @Test
  void reloadUnderLoadLosesNothing() throws Exception {
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger answered = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    List<Thread> askers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      askers.add(
          Thread.startVirtualThread(
              () -> {
                long last = 0;
                while (!done.get()) {
                  try {
                    Message query = Wired.query("example.test", Type.SOA);
                    Record answer =
                        new Message(Wired.overUdp(server.address(), query.toWire()))
                            .getSection(Section.ANSWER)
                            .getFirst();
                    long serial = ((SOARecord) answer).getSerial();
                    if (serial < last) {
                      wrong.incrementAndGet();
                    }
                    last = serial;
                    answered.incrementAndGet();
                  } catch (IOException | RuntimeException e) {
                    wrong.incrementAndGet();
                    return;
                  }
                }
              }));
    }
    for (int serial = 2_024_010_102; serial < 2_024_010_152; serial++) {
      server.serve(Sites.zones(Wired.ZONE.replace("2024010101", String.valueOf(serial))));
      int seen = answered.get();
      while (answered.get() < seen + 5 && wrong.get() == 0) {
        Thread.onSpinWait();
      }
    }
    done.set(true);
    for (Thread asker : askers) {
      asker.join();
    }
    assertThat(wrong).hasValue(0);
    assertThat(answered.get()).isGreaterThan(200);
  }

  @Test
  void closedServerFreesItsPort() {
    InetSocketAddress address = server.address();
    server.close();
    assertThat(server.ready()).isFalse();
    server = NameServer.start(address, Sites.zones(Wired.ZONE), new SimpleMeterRegistry());
    assertThat(server.ready()).isTrue();
  }
}
