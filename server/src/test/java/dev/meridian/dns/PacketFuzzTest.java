package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.meridian.geo.Prefix;
import dev.meridian.site.Secondary;
import dev.meridian.site.TransferKey;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.EDNSOption;
import org.xbill.DNS.GenericEDNSOption;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;

/**
 * Generated packets: raw bytes and real queries with a few things broken. The response is well
 * formed, within the client's size and to the question, or there is none. {@code
 * -Dmeridian.fuzz.packets=1000000} makes more of them, {@code -Dmeridian.fuzz.seed} others.
 */
class PacketFuzzTest {
  private static final int PACKETS = Integer.getInteger("meridian.fuzz.packets", 250_000);
  private static final int OVER_SOCKET = 4_000;
  private static final long SEED = Long.getLong("meridian.fuzz.seed", 20_240_101L);
  private static final List<String> NAMES =
      List.of(
          "example.test",
          "www.example.test",
          "big.example.test",
          "sub.example.test",
          "x.sub.example.test",
          "q.r.s.wild.example.test",
          "long.way.alias.example.test",
          "intowild.example.test",
          "intosub.example.test",
          "b.c.example.test",
          "nothing.example.test",
          "example.org",
          ".");
  private static final int[] TYPES = {
    Type.A,
    Type.NS,
    Type.SOA,
    Type.MX,
    Type.TXT,
    Type.ANY,
    Type.DS,
    Type.OPT,
    Type.IXFR,
    0,
    65280,
    Type.DNSKEY,
    Type.RRSIG,
    Type.NSEC,
    Type.CDS,
    Denial.NXNAME,
  };

  /** A client subnet of the family 0, which tells no address. */
  private static final String NO_ADDRESS = "000800040000";

  private static final String SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

  private final Random random = new Random(SEED);

  private byte[] packet() throws IOException {
    int kind = random.nextInt(10);
    if (kind == 0) {
      byte[] raw = new byte[random.nextInt(600)];
      random.nextBytes(raw);
      return raw;
    }
    Message query =
        Wired.query(
            NAMES.get(random.nextInt(NAMES.size())), TYPES[1 + random.nextInt(TYPES.length - 2)]);
    if (random.nextBoolean()) {
      Wired.edns(query, random.nextInt(8) == 0 ? 1 : 0, random.nextInt(5000), random.nextBoolean());
    } else if (random.nextBoolean()) {
      query.addRecord(
          new OPTRecord(random.nextInt(5000), 0, 0, 0, List.of(subnet())), Section.ADDITIONAL);
    }
    if (random.nextInt(4) == 0) {
      signed(query);
    }
    byte[] wire = query.toWire();
    if (kind == 1) {
      wire = Arrays.copyOf(wire, random.nextInt(wire.length + 20));
    }
    for (int breaks = kind < 3 ? 0 : random.nextInt(5); breaks > 0; breaks--) {
      int at = random.nextInt(wire.length);
      switch (random.nextInt(6)) {
        case 0 -> wire[at] = (byte) random.nextInt(256);
        case 1 -> wire[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> wire[at] = (byte) (0xc0 | random.nextInt(64)); // a pointer
        case 3 -> wire[Math.min(wire.length - 1, 4 + random.nextInt(8))] = (byte) random.nextInt(4);
        case 4 -> wire[at] = (byte) 63;
        default -> wire = Arrays.copyOf(wire, wire.length + 1 + random.nextInt(12));
      }
    }
    return wire;
  }

  /** An option of RFC 7871, more often right than not. */
  private EDNSOption subnet() {
    boolean v4 = random.nextBoolean();
    int source = random.nextInt(v4 ? 33 : 129);
    byte[] data = new byte[4 + (source + 7) / 8 + (random.nextInt(8) == 0 ? 1 : 0)];
    random.nextBytes(data);
    Wire.putShort(data, 0, random.nextInt(16) == 0 ? 3 : v4 ? 1 : 2);
    data[2] = (byte) source;
    data[3] = (byte) (random.nextInt(8) == 0 ? 1 : 0);
    if (source % 8 != 0 && random.nextInt(8) > 0) {
      data[3 + (source + 7) / 8] &= (byte) (0xff << (8 - source % 8));
    }
    return new GenericEDNSOption(ClientSubnet.CODE, data);
  }

  /** By the key that the server has, or by another. */
  private void signed(Message query) {
    boolean known = random.nextBoolean();
    String name = known ? "ns2.test." : "x".repeat(1 + random.nextInt(63)) + ".test.";
    new TSIG(random.nextInt(8) == 0 ? TSIG.HMAC_SHA512 : TSIG.HMAC_SHA256, name, SECRET)
        .apply(query, null);
  }

  private static int allowed(byte[] query) {
    try {
      Message message = new Message(query);
      return message.getOPT() == null
          ? Wire.MAX_UDP
          : Math.clamp(message.getOPT().getPayloadSize(), Wire.MIN_UDP, Wire.MAX_UDP);
    } catch (IOException | RuntimeException e) {
      return Wire.MIN_UDP;
    }
  }

  private static void check(byte[] query, byte[] answer, boolean tcp, String which)
      throws IOException {
    boolean mustBeSilent = query.length < 12 || (query[2] & 0x80) != 0;
    assertThat(answer.length == 0).as(which).isEqualTo(mustBeSilent);
    if (mustBeSilent) {
      return;
    }
    if (hex(answer).contains(NO_ADDRESS)) {
      return; // which dnsjava cannot read
    }
    Message message = new Message(answer);
    assertThat(answer).as(which).startsWith(query[0], query[1]);
    assertThat(answer[2] & 0x80).as(which).isEqualTo(0x80);
    // Nothing is left behind the last record: written again, it has the same sections.
    for (int section = 0; section < 4; section++) {
      assertThat(message.getSection(section).size())
          .as(which)
          .isEqualTo(message.getHeader().getCount(section));
    }
    if (!tcp) {
      int most = message.getOPT() == null ? Wire.MIN_UDP : allowed(query);
      // A wrong signature is told with all that its names have, and nothing else.
      most = message.getTSIG() == null ? most : Math.max(most, query.length + 64);
      assertThat(answer.length).as(which).isLessThanOrEqualTo(most);
    }
    if (message.getHeader().getCount(Section.QUESTION) == 1) {
      int end = 12 + WireName.lengthAt(query, 12) + 4;
      assertThat(Arrays.mismatch(query, 12, end, answer, 12, end)).as(which).isEqualTo(-1);
    }
  }

  @Test
  void everyPacketGetsWellFormedResponseOrNone() {
    Secondary follower =
        new Secondary(
            Prefix.parse("0.0.0.0/0").orElseThrow(),
            Optional.of(TransferKey.parse("hmac-sha256:ns2.test:" + SECRET)),
            Optional.empty());
    everyPacketIsAnswered(Sites.copied(List.of(follower), Wired.ZONE));
  }

  @Test
  void everyPacketGetsWellFormedResponseOrNoneFromSignedZones(@TempDir Path folder) {
    Signing signing = new Signing(folder, InstantSource.system());
    everyPacketIsAnswered(Sites.signed(signing, Wired.ZONE));
  }

  private void everyPacketIsAnswered(Zones zones) {
    Responder responder = Wired.responder(zones);
    int[] responses = new int[16];
    for (int i = 0; i < PACKETS; i++) {
      int number = i;
      byte[][] query = {{}};
      assertThatCode(
              () -> {
                query[0] = packet();
                boolean tcp = number % 4 == 0;
                byte[] before = query[0].clone();
                byte[] answer = Wired.raw(responder, query[0], tcp);
                assertThat(query[0]).isEqualTo(before);
                check(query[0], answer, tcp, "packet");
                if (answer.length > 0) {
                  responses[answer[3] & 0xf]++;
                }
              })
          .as(() -> "seed " + SEED + ", packet " + number + ": " + hex(query[0]))
          .doesNotThrowAnyException();
    }
    // The generator reaches every kind of answer.
    for (int rcode : new int[] {0, 1, 3, 4, 5}) {
      assertThat(responses[rcode]).as("seed %d, rcode %d", SEED, rcode).isGreaterThan(100);
    }
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  @Test
  void garbageOverSocketNeverStopsTheServer() throws IOException {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (NameServer server =
            NameServer.start(any, Sites.zones(Wired.ZONE), new SimpleMeterRegistry());
        DatagramSocket socket = new DatagramSocket()) {
      for (int i = 0; i < OVER_SOCKET; i++) {
        byte[] query = packet();
        socket.send(new DatagramPacket(query, query.length, server.address()));
        if (i % 100 == 0) {
          byte[] good = Wired.query("example.test", Type.A).toWire();
          Message answer = new Message(Wired.overUdp(server.address(), good));
          assertThat(answer.getSection(Section.ANSWER)).as("seed %d", SEED).hasSize(1);
          assertThat(answer.getQuestion().getName()).isEqualTo(Name.fromString("example.test."));
        }
      }
      assertThat(server.ready()).isTrue();
    }
  }
}
