package dev.meridian.dns;

import dev.meridian.document.InvalidInputException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Locale;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** Asks a name server one question, for people: {@code meridian dns lookup}. */
public final class Lookup {
  /** How long a server is given for each of {@link #TRIES}. */
  static final Duration TIMEOUT = Duration.ofSeconds(3);

  /** How often a question is sent over UDP, where packets may be lost. */
  static final int TRIES = 2;

  private final Message query;
  private final InetSocketAddress server;
  private final boolean tcp;

  /**
   * Prepares a question.
   *
   * @param name what to ask for, such as {@code www.example.org}
   * @param type such as {@code A} or {@code mx}; {@code TYPE65280} for one without a name
   * @param server whom to ask
   * @param tcp whether to ask over TCP at once, rather than when an answer does not fit UDP
   * @throws InvalidInputException if name, type or server is none
   */
  public Lookup(String name, String type, InetSocketAddress server, boolean tcp) {
    int number = Type.value(type.toUpperCase(Locale.ROOT));
    if (number <= 0) {
      throw new InvalidInputException(
          "'" + type + "' is no record type; ask for one such as A, AAAA, MX or TXT.");
    }
    if (server.isUnresolved()) {
      throw new InvalidInputException(
          "the server '"
              + server.getHostString()
              + "' has no address; give one like 127.0.0.1:5353.");
    }
    try {
      query =
          Message.newQuery(Record.newRecord(Name.fromString(name, Name.root), number, DClass.IN));
    } catch (TextParseException e) {
      throw new InvalidInputException(
          "'" + name + "' is no domain name; write one like www.example.org.", e);
    }
    query.getHeader().unsetFlag(Flags.RD);
    query.addRecord(new OPTRecord(Wire.MAX_UDP, 0, 0), Section.ADDITIONAL);
    this.server = server;
    this.tcp = tcp;
  }

  /**
   * What a server said.
   *
   * @param rcode the response code, such as {@code NOERROR} or {@code NXDOMAIN}
   * @param text the response as text, with a line break at its end
   */
  public record Reply(String rcode, String text) {
    /** Whether the question was answered, if only with "there is no such name". */
    public boolean isAnswer() {
      return rcode.equals("NOERROR") || rcode.equals("NXDOMAIN");
    }
  }

  /**
   * Asks, and waits for the answer for a few seconds at most.
   *
   * @throws IOException if there is none; the message says how to mend it
   */
  public Reply ask() throws IOException {
    long start = System.nanoTime();
    byte[] wire = query.toWire();
    boolean overTcp = tcp;
    byte[] received = overTcp ? overTcp(wire) : overUdp(wire);
    Message response = read(received);
    if (!overTcp && response.getHeader().getFlag(Flags.TC)) {
      overTcp = true;
      received = overTcp(wire);
      response = read(received);
    }
    return new Reply(
        Rcode.string(response.getRcode()),
        text(response, received.length, overTcp, System.nanoTime() - start));
  }

  private byte[] overUdp(byte[] wire) throws IOException {
    try {
      return Exchange.overUdp(server, wire, TIMEOUT, TRIES);
    } catch (PortUnreachableException e) {
      throw new IOException(
          "no name server listens on UDP " + where() + "; start one or give --server.", e);
    } catch (SocketTimeoutException e) {
      throw new IOException(
          "the name server on UDP "
              + where()
              + " did not answer within "
              + TRIES * TIMEOUT.toSeconds()
              + " s; is it the right one?",
          e);
    }
  }

  private byte[] overTcp(byte[] wire) throws IOException {
    try {
      return Exchange.overTcp(server, wire, TIMEOUT);
    } catch (IOException e) {
      throw new IOException(
          "the name server on TCP " + where() + " gave no answer: " + e.getMessage() + ".", e);
    }
  }

  private String where() {
    String host = server.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + server.getPort();
  }

  private Message read(byte[] received) throws IOException {
    try {
      return Exchange.read(query, received);
    } catch (IOException e) {
      throw new IOException("on " + where() + ", " + e.getMessage() + ".", e);
    }
  }

  private String text(Message response, int bytes, boolean overTcp, long nanos) {
    StringBuilder text = new StringBuilder();
    text.append(";; status: ")
        .append(Rcode.string(response.getRcode()))
        .append(", flags: ")
        .append(response.getHeader().printFlags().strip())
        .append('\n');
    section(text, "QUESTION", response, Section.QUESTION);
    section(text, "ANSWER", response, Section.ANSWER);
    section(text, "AUTHORITY", response, Section.AUTHORITY);
    section(text, "ADDITIONAL", response, Section.ADDITIONAL);
    return text.append("\n;; ")
        .append(bytes)
        .append(" bytes from ")
        .append(where())
        .append(overTcp ? " over TCP in " : " over UDP in ")
        .append(String.format(Locale.ROOT, "%.1f ms\n", nanos / 1e6))
        .toString();
  }

  private static void section(StringBuilder text, String title, Message response, int section) {
    boolean first = true;
    for (Record record : response.getSection(section)) {
      if (record.getType() == Type.OPT) {
        continue;
      }
      if (first) {
        text.append("\n;; ").append(title).append('\n');
        first = false;
      }
      if (section == Section.QUESTION) {
        text.append(';')
            .append(record.getName())
            .append(" IN ")
            .append(Type.string(record.getType()))
            .append('\n');
      } else {
        text.append(
            String.format(
                Locale.ROOT,
                "%-30s %6d IN %-6s %s\n",
                record.getName(),
                record.getTTL(),
                Type.string(record.getType()),
                record.rdataToString()));
      }
    }
  }
}
