package dev.meridian.dns;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Arrays;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;

/**
 * One query to one server and its response, over UDP or TCP. Blocks for no longer than it is told;
 * for any thread.
 */
final class Exchange {
  private Exchange() {}

  /**
   * Asks over UDP. Packets that are not the response are passed over.
   *
   * @param patience how long each try waits
   * @throws SocketTimeoutException if no try was answered
   * @throws java.net.PortUnreachableException if nobody listens there
   */
  static byte[] overUdp(InetSocketAddress server, byte[] query, Duration patience, int tries)
      throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      // Connected, so that only the server's packets are taken and "port unreachable" is noticed.
      socket.connect(server);
      for (int attempt = 0; attempt < tries; attempt++) {
        socket.send(new DatagramPacket(query, query.length));
        long end = System.nanoTime() + patience.toNanos();
        for (long left = patience.toMillis();
            left > 0;
            left = (end - System.nanoTime()) / 1_000_000) {
          socket.setSoTimeout((int) left);
          DatagramPacket packet = new DatagramPacket(new byte[Wire.MAX_TCP], Wire.MAX_TCP);
          try {
            socket.receive(packet);
          } catch (SocketTimeoutException e) {
            break;
          }
          byte[] received = Arrays.copyOf(packet.getData(), packet.getLength());
          if (received.length >= 2 && Wire.getShort(received, 0) == Wire.getShort(query, 0)) {
            return received;
          }
        }
      }
    }
    throw new SocketTimeoutException("no answer");
  }

  /**
   * Asks over TCP; of a response of many messages, such as a zone transfer's, the first is read.
   *
   * @param patience for all of it
   * @throws SocketTimeoutException if it was not there in time
   */
  static byte[] overTcp(InetSocketAddress server, byte[] query, Duration patience)
      throws IOException {
    long end = System.nanoTime() + patience.toNanos();
    try (Socket socket = new Socket()) {
      socket.connect(server, left(end));
      byte[] framed = new byte[query.length + 2];
      Wire.putShort(framed, 0, query.length);
      System.arraycopy(query, 0, framed, 2, query.length);
      socket.getOutputStream().write(framed);
      byte[] length = read(socket, 2, end);
      return read(socket, Wire.getShort(length, 0), end);
    }
  }

  /** Reads so many bytes; a peer that sends one now and then does not hold it beyond the end. */
  private static byte[] read(Socket socket, int length, long end) throws IOException {
    InputStream in = socket.getInputStream();
    byte[] bytes = new byte[length];
    for (int at = 0; at < length; ) {
      socket.setSoTimeout(left(end));
      int got = in.read(bytes, at, length - at);
      if (got < 0) {
        throw new EOFException("the connection was closed without an answer");
      }
      at += got;
    }
    return bytes;
  }

  private static int left(long end) throws SocketTimeoutException {
    long millis = (end - System.nanoTime()) / 1_000_000;
    if (millis <= 0) {
      throw new SocketTimeoutException("no answer");
    }
    return (int) Math.min(millis, Integer.MAX_VALUE);
  }

  /**
   * Reads what a server sent.
   *
   * @throws IOException if it is no DNS message, or the response to another query
   */
  static Message read(Message query, byte[] received) throws IOException {
    Message response;
    try {
      response = new Message(received);
    } catch (IOException | RuntimeException e) {
      throw new IOException("what answers is no name server", e);
    }
    if (response.getHeader().getID() != query.getHeader().getID()
        || !response.getHeader().getFlag(Flags.QR)
        || response.getHeader().getOpcode() != query.getHeader().getOpcode()
        || !isAsked(query, response)) {
      throw new IOException("what answers, answers another question");
    }
    return response;
  }

  /** A server that failed to read the question cannot repeat it. */
  private static boolean isAsked(Message query, Message response) {
    Record question = response.getQuestion();
    return question == null
        ? response.getRcode() != Rcode.NOERROR && response.getRcode() != Rcode.NXDOMAIN
        : question.equals(query.getQuestion());
  }
}
