package dev.meridian.benchmarks;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Queries as bytes: files of them for dnsperf, and a single one. */
final class Queries {
  private static final int TYPE_A = 1;
  private static final int TYPE_SOA = 6;
  private static final int TYPE_OPT = 41;
  private static final int CLIENT_SUBNET = 8;
  private static final int ATTEMPT_MILLIS = 250;

  private Queries() {}

  /** For {@code dnsperf -B}: A of one name, each from another network (RFC 7871). */
  static Path fromNetworks(Path file, String name, int count) throws IOException {
    Random random = new Random(2);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(all);
    for (int i = 0; i < count; i++) {
      ByteArrayOutputStream message = new ByteArrayOutputStream();
      question(message, name, TYPE_A, 1);
      DataOutputStream more = new DataOutputStream(message);
      more.writeByte(0);
      more.writeShort(TYPE_OPT);
      more.writeShort(1232);
      more.writeInt(0);
      more.writeShort(11);
      more.writeShort(CLIENT_SUBNET);
      more.writeShort(7);
      more.writeShort(1); // IPv4
      more.writeByte(24);
      more.writeByte(0);
      int network = random.nextInt(1 << 24);
      more.writeShort(network >>> 8);
      more.writeByte(network);
      out.writeShort(message.size());
      message.writeTo(out);
    }
    return Files.write(file, all.toByteArray());
  }

  /** A of so many hosts of a zone. */
  static List<byte[]> ofHosts(String zone, int count) {
    List<byte[]> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ByteArrayOutputStream query = new ByteArrayOutputStream();
      question(query, "host" + i * 7919L % count + "." + zone, TYPE_A, 0);
      all.add(query.toByteArray());
    }
    return all;
  }

  private static void question(ByteArrayOutputStream out, String name, int type, int additional) {
    ByteBuffer head = ByteBuffer.allocate(12);
    head.putShort((short) 4711).putShort((short) 0).putShort((short) 1);
    head.putInt(0).putShort((short) additional);
    out.writeBytes(head.array());
    for (String label : name.split("\\.", -1)) {
      out.write(label.length());
      out.writeBytes(label.getBytes(StandardCharsets.US_ASCII));
    }
    out.writeBytes(new byte[] {0, 0, (byte) type, 0, 1});
  }

  /** Whether the server answers with an address of this name now. */
  static boolean answers(int port, String name) {
    byte[] answer = ask(port, name, TYPE_A);
    return answer.length > 12 && (answer[3] & 15) == 0 && answer[7] > 0;
  }

  /** The serial of a zone as the server has it; -1 if it does not say. */
  static long serial(int port, String zone) {
    byte[] answer = ask(port, zone, TYPE_SOA);
    if (answer.length < 40 || (answer[3] & 15) != 0 || answer[7] == 0) {
      return -1;
    }
    // The answer's record follows the question; behind its two names there are five numbers.
    ByteBuffer read = ByteBuffer.wrap(answer);
    int at = skipName(answer, skipName(answer, 12) + 4);
    int length = read.getShort(at + 8);
    return Integer.toUnsignedLong(read.getInt(at + 10 + length - 20));
  }

  private static int skipName(byte[] message, int from) {
    int at = from;
    while (message[at] != 0) {
      if ((message[at] & 0xc0) == 0xc0) {
        return at + 2;
      }
      at += 1 + message[at];
    }
    return at + 1;
  }

  /** The answer; empty if none came soon. */
  private static byte[] ask(int port, String name, int type) {
    ByteArrayOutputStream query = new ByteArrayOutputStream();
    question(query, name, type, 0);
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(ATTEMPT_MILLIS);
      socket.connect(InetAddress.getLoopbackAddress(), port);
      socket.send(new DatagramPacket(query.toByteArray(), query.size()));
      DatagramPacket answer = new DatagramPacket(new byte[1232], 1232);
      socket.receive(answer);
      return Arrays.copyOf(answer.getData(), answer.getLength());
    } catch (IOException e) {
      return new byte[0]; // it takes longer, or does not listen yet
    }
  }
}
