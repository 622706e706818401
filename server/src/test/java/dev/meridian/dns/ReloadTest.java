package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.Site;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** A big zone is read anew while it is asked. */
class ReloadTest {
  private static final int NAMES = 100_000;
  private static final int CLIENTS = 4;
  private static final int RELOADS = 3;

  /** Of each client; so few fit any socket's buffer, however long the server is kept. */
  private static final int IN_FLIGHT = 16;

  /** Milliseconds; who waits for an answer this long has lost it. */
  private static final int LOST = 30_000;

  @TempDir Path folder;

  @Test
  void reloadOfABigZoneLosesNoQuery() throws Exception {
    Zones zones = Zones.NONE.next(site(0), Optional.of(Sites.WEB), null);
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (NameServer server = NameServer.start(any, zones, new SimpleMeterRegistry());
        ExecutorService threads = Executors.newCachedThreadPool()) {
      AtomicBoolean over = new AtomicBoolean();
      CountDownLatch answered = new CountDownLatch(CLIENTS);
      List<Future<Set<Integer>>> clients = new ArrayList<>();
      for (int i = 0; i < CLIENTS; i++) {
        int seed = i;
        clients.add(threads.submit(() -> ask(server.address(), seed, over, answered)));
      }
      try {
        assertThat(answered.await(LOST, TimeUnit.MILLISECONDS)).isTrue();
        for (int version = 1; version <= RELOADS; version++) {
          server.serve(server.zones().next(site(version), Optional.of(Sites.WEB), null));
        }
      } finally {
        over.set(true);
      }
      for (Future<Set<Integer>> client : clients) {
        // Old answers first, new ones in the end: it was asked all the while.
        assertThat(client.get()).contains(0, RELOADS);
      }
    }
  }

  /** A site whose every name has the version in its address. */
  private Site site(int version) throws IOException {
    StringBuilder zone =
        new StringBuilder("@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n");
    for (int i = 0; i < NAMES; i++) {
      zone.append("host").append(i).append(" A ").append(address(version, i)).append('\n');
    }
    Files.writeString(folder.resolve("example.test.zone"), zone);
    return Sites.site(
        folder, List.of("example.test"), Sites.names(List.of(Path.of("example.test.zone"))));
  }

  private static String address(int version, int host) {
    return (10 + version) + "." + (host >> 16) + "." + (host >> 8 & 0xff) + "." + (host & 0xff);
  }

  /** Asks until it is over, and then once for what is newest; gives the versions that it saw. */
  private static Set<Integer> ask(
      InetSocketAddress server, int seed, AtomicBoolean over, CountDownLatch answered)
      throws IOException {
    Set<Integer> versions = new HashSet<>();
    Random random = new Random(seed);
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(server);
      socket.setSoTimeout(LOST);
      boolean last;
      do {
        last = over.get();
        askSome(socket, random, versions);
        answered.countDown();
      } while (!last);
    }
    return versions;
  }

  /** Sends some queries, and waits for the answer of each. */
  private static void askSome(DatagramSocket socket, Random random, Set<Integer> versions)
      throws IOException {
    int[] hosts = new int[IN_FLIGHT];
    for (int id = 0; id < IN_FLIGHT; id++) {
      hosts[id] = random.nextInt(NAMES);
      Message query = Wired.query("host" + hosts[id] + ".example.test", Type.A);
      query.getHeader().setID(id);
      byte[] wire = query.toWire();
      socket.send(new DatagramPacket(wire, wire.length));
    }
    Set<Integer> ids = new HashSet<>();
    for (int i = 0; i < IN_FLIGHT; i++) {
      DatagramPacket packet = new DatagramPacket(new byte[512], 512);
      socket.receive(packet);
      Message answer = new Message(java.util.Arrays.copyOf(packet.getData(), packet.getLength()));
      int id = answer.getHeader().getID();
      assertThat(ids.add(id)).as("answered once").isTrue();
      assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
      ARecord record = (ARecord) answer.getSection(Section.ANSWER).getFirst();
      int version = record.getAddress().getAddress()[0] - 10;
      assertThat(version).isBetween(0, RELOADS);
      assertThat(record.getAddress().getHostAddress()).isEqualTo(address(version, hosts[id]));
      versions.add(version);
    }
  }
}
