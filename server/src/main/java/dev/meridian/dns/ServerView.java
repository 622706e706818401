package dev.meridian.dns;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * What one name server of a zone answers at one of its addresses.
 *
 * @param answers to the questions that were answered
 * @param failures why others were not
 * @param untried whether this machine has no way to the address
 */
record ServerView(
    Name zone,
    Server server,
    Map<Ask, Message> answers,
    Map<Ask, String> failures,
    boolean untried) {

  /** The questions. */
  enum Ask {
    /** For SOA over UDP. */
    UDP,
    /** For SOA over TCP. */
    TCP,
    /** For SOA without EDNS, where it is not answered with. */
    PLAIN,
    /** Whether others may have the server look for them. */
    RECURSION,
    /** Whether it hands out the zone; the first message of that. */
    TRANSFER,
    NS,
    DNSKEY,
    CDS,
    CDNSKEY,
    /** For a name that does not exist. */
    NOTHING
  }

  /**
   * A server at one address.
   *
   * @param name as NS records have it; empty for one that was named by its address
   * @param given whether it is our own listener, or one that the user named
   */
  record Server(String name, InetSocketAddress at, boolean given) {
    /** For people. */
    @Override
    public String toString() {
      return given
          ? (name.isEmpty() ? "" : name + " ") + Asker.text(at)
          : name + " " + Asker.text(at.getAddress());
    }
  }

  /** Asks it all; after a few seconds of silence no more. */
  static ServerView of(Asker asker, Name zone, Server server, Name nothing) {
    Gathering gathering = new Gathering(asker, zone, server);
    boolean untried = gathering.run(nothing);
    return new ServerView(zone, server, gathering.answers, gathering.failures, untried);
  }

  private static final class Gathering {
    private final Asker asker;
    private final Name zone;
    private final Server server;
    private final Map<Ask, Message> answers = new EnumMap<>(Ask.class);
    private final Map<Ask, String> failures = new EnumMap<>(Ask.class);

    Gathering(Asker asker, Name zone, Server server) {
      this.asker = asker;
      this.zone = zone;
      this.server = server;
    }

    private interface Way {
      Message ask(InetSocketAddress server, Message query) throws IOException;
    }

    private void ask(Ask ask, Way way, Message query) throws Asker.NoNetwork {
      try {
        answers.put(ask, way.ask(server.at(), query));
      } catch (Asker.NoNetwork e) {
        throw e;
      } catch (IOException e) {
        failures.put(ask, String.valueOf(e.getMessage()));
      }
    }

    /** Whether this machine has no way to it. */
    boolean run(Name nothing) {
      try {
        ask(Ask.UDP, asker::udp, Asker.query(zone, Type.SOA));
        ask(Ask.TCP, asker::tcp, Asker.query(zone, Type.SOA));
        Message udp = answers.get(Ask.UDP);
        if (udp == null || udp.getRcode() == Rcode.FORMERR || udp.getOPT() == null) {
          ask(Ask.PLAIN, asker::udp, Asker.plain(zone, Type.SOA));
        }
        if (answers.isEmpty()) {
          return false;
        }
        Way way = udp == null ? asker::tcp : asker::ask;
        Message recursive = Asker.plain(zone, Type.SOA);
        recursive.getHeader().setFlag(Flags.RD);
        ask(Ask.RECURSION, way, recursive);
        if (answers.values().stream().noneMatch(answer -> isAuthoritative(answer, zone))) {
          return false;
        }
        ask(Ask.NS, way, Asker.query(zone, Type.NS));
        ask(Ask.DNSKEY, way, Asker.query(zone, Type.DNSKEY));
        ask(Ask.CDS, way, Asker.query(zone, Type.CDS));
        ask(Ask.CDNSKEY, way, Asker.query(zone, Type.CDNSKEY));
        ask(Ask.NOTHING, way, Asker.query(nothing, Type.A));
        if (answers.containsKey(Ask.TCP) && !server.given()) {
          ask(Ask.TRANSFER, asker::tcp, Asker.plain(zone, Type.AXFR));
        }
        return false;
      } catch (Asker.NoNetwork e) {
        return true;
      }
    }
  }

  private static boolean isAuthoritative(Message answer, Name zone) {
    return answer.getRcode() == Rcode.NOERROR
        && answer.getHeader().getFlag(Flags.AA)
        && answer.getSection(Section.ANSWER).stream()
            .anyMatch(record -> record instanceof SOARecord && record.getName().equals(zone));
  }

  /** Whether it answers for the zone. */
  boolean good() {
    return soa() != null;
  }

  /** The zone's SOA as it has it, or null if it does not answer for the zone. */
  @Nullable SOARecord soa() {
    Message answer = authoritative();
    return answer == null ? null : (SOARecord) records(answer, Type.SOA).getFirst();
  }

  /** The first answer that has the zone's SOA with authority, or null if none has. */
  @Nullable Message authoritative() {
    for (Ask ask : List.of(Ask.UDP, Ask.TCP, Ask.PLAIN)) {
      Message answer = answers.get(ask);
      if (answer != null && isAuthoritative(answer, zone)) {
        return answer;
      }
    }
    return null;
  }

  /** The names of the zone's servers as it has them. */
  Set<Name> servers() {
    return records(Ask.NS, Type.NS).stream()
        .map(record -> ((NSRecord) record).getTarget())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  List<DNSKEYRecord> keys() {
    return records(Ask.DNSKEY, Type.DNSKEY).stream().map(DNSKEYRecord.class::cast).toList();
  }

  /** The records of the zone's own name and this type in an answer; none if there was no answer. */
  List<Record> records(Ask ask, int type) {
    Message answer = answers.get(ask);
    return answer == null ? List.of() : records(answer, type);
  }

  private List<Record> records(Message answer, int type) {
    return answer.getSection(Section.ANSWER).stream()
        .filter(record -> record.getType() == type && record.getName().equals(zone))
        .toList();
  }
}
