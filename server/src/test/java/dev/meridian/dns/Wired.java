package dev.meridian.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Queries by dnsjava, straight to a responder or over sockets. */
final class Wired {
  /** The zone most tests ask. */
  static final String ZONE =
      """
      $ORIGIN example.test.
      $TTL 3600
      @       IN SOA ns1 hostmaster 2024010101 7200 900 1209600 600
      @       IN NS  ns1
      @       IN NS  ns2.elsewhere.test.
      @       IN MX  10 mail
      @       IN A   192.0.2.1
      @       IN TXT "v=spf1 -all" "second string"
      @       IN CAA 0 issue "ca.example.net"
      ns1     IN A   192.0.2.53
      ns1     IN AAAA 2001:db8::53
      mail    IN A   192.0.2.25
      www     IN CNAME @
      Far     IN CNAME www
      out     IN CNAME www.elsewhere.test.
      gone    IN CNAME nothing
      intowild IN CNAME anything.wild
      intosub IN CNAME host.sub
      a.b.c   IN A   192.0.2.3
      *.wild  IN A   192.0.2.7
      *.wild  IN MX  5 mail
      has.wild IN TXT "here"
      *.alias IN CNAME www
      _sip._tcp IN SRV 1 2 5060 mail
      sub     IN NS  ns.sub
      sub     IN NS  ns1
      ns.sub  IN A   192.0.2.77
      signed  IN NS  ns1
      signed  IN DS  12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
      odd     IN TYPE65280 \\# 4 0A000001
      big     IN TXT "%1$s" "%1$s" "%1$s" "%1$s" "%1$s" "%1$s" "%1$s"
      """
          .formatted("x".repeat(250));

  private Wired() {}

  static Responder responder(Zones zones) {
    return new Responder(() -> zones, new Tally(false));
  }

  static Message query(String name, int type) throws IOException {
    return Message.newQuery(Record.newRecord(Name.fromString(name, Name.root), type, DClass.IN));
  }

  static Message edns(Message query, int version, int payload, boolean dnssecOk) {
    query.addRecord(new OPTRecord(payload, 0, version, dnssecOk ? 0x8000 : 0), Section.ADDITIONAL);
    return query;
  }

  static byte[] raw(Responder responder, byte[] query, boolean tcp) {
    byte[] out = new byte[tcp ? responder.largestResponse() : Wire.MAX_UDP];
    int length = responder.respond(query, 0, query.length, out, 0, tcp);
    return Arrays.copyOf(out, length);
  }

  static Message ask(Responder responder, Message query, boolean tcp) throws IOException {
    Message answer = new Message(raw(responder, query.toWire(), tcp));
    if (answer.getHeader().getID() != query.getHeader().getID()) {
      throw new AssertionError("the response has another id");
    }
    return answer;
  }

  static Message ask(Responder responder, String name, int type) throws IOException {
    return ask(responder, query(name, type), false);
  }

  static byte[] overUdp(InetSocketAddress server, byte[] query) throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(10_000);
      socket.send(new DatagramPacket(query, query.length, server));
      DatagramPacket packet = new DatagramPacket(new byte[65_535], 65_535);
      socket.receive(packet);
      return Arrays.copyOf(packet.getData(), packet.getLength());
    }
  }

  static Socket connect(InetSocketAddress server) throws IOException {
    Socket socket = new Socket();
    socket.connect(server, 10_000);
    socket.setSoTimeout(20_000);
    return socket;
  }

  static void send(Socket socket, byte[] query) throws IOException {
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    byte[] framed = new byte[query.length + 2];
    framed[0] = (byte) (query.length >> 8);
    framed[1] = (byte) query.length;
    System.arraycopy(query, 0, framed, 2, query.length);
    out.write(framed);
    out.flush();
  }

  static Message receive(Socket socket) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    return new Message(in.readNBytes(in.readUnsignedShort()));
  }

  static String names(java.util.List<Record> records) {
    return String.join(
        ",", records.stream().map(r -> r.getName() + " " + Type.string(r.getType())).toList());
  }

  /** Waits for what becomes true a moment after its cause, for a minute at most. */
  static void await(String what, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      Thread.sleep(10);
    }
  }
}
