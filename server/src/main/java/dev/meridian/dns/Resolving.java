package dev.meridian.dns;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** What a resolver, or a server that knows the name itself, says of names. Blocking. */
final class Resolving {
  private static final int MOST_SERVERS = 32;
  private static final int MOST_ALIASES = 8;

  private final Source source;

  /** Whom to ask. */
  interface Source {
    Message send(Message query) throws IOException;
  }

  /**
   * A zone.
   *
   * @param servers the names of its name servers, at most 32
   */
  record Zone(Name name, List<Name> servers) {}

  /**
   * The addresses of a name.
   *
   * @param alias where the name's CNAMEs lead in the end; null if it has none
   */
  record Addresses(List<InetAddress> all, @Nullable Name alias) {}

  Resolving(Source source) {
    this.source = source;
  }

  /**
   * The zone that a name is in.
   *
   * @throws IOException if it cannot be known
   */
  Zone zoneOf(Name name) throws IOException {
    for (Name at = name; ; at = new Name(at, 1)) {
      Message answer = known(query(at, Type.NS));
      List<Name> servers = new ArrayList<>();
      for (Record record : answer.getSection(Section.ANSWER)) {
        if (record instanceof NSRecord server && record.getName().equals(at)) {
          servers.add(server.getTarget());
        }
      }
      if (servers.size() > MOST_SERVERS) {
        throw new IOException(at + " has more than " + MOST_SERVERS + " servers");
      }
      if (!servers.isEmpty()) {
        return new Zone(at, servers);
      }
      if (at.equals(Name.root)) {
        throw new IOException("no servers are known for " + name);
      }
    }
  }

  /**
   * The addresses of a name, CNAMEs in the answer followed.
   *
   * @param most no more than these
   * @throws IOException if they cannot be known; a name without any is known
   */
  Addresses addresses(Name name, int most) throws IOException {
    List<InetAddress> all = new ArrayList<>();
    Name alias = null;
    IOException failure = null;
    for (int type : new int[] {Type.A, Type.AAAA}) {
      List<Record> answer;
      try {
        answer = known(query(name, type)).getSection(Section.ANSWER);
      } catch (IOException e) {
        failure = e; // what there is of the other type will do
        continue;
      }
      Name end = end(name, answer);
      alias = end.equals(name) ? alias : end;
      for (Record record : answer) {
        if (record.getName().equals(end) && all.size() < most) {
          switch (record) {
            case ARecord a -> all.add(a.getAddress());
            case AAAARecord a -> all.add(a.getAddress());
            default -> {}
          }
        }
      }
    }
    if (all.isEmpty() && failure != null) {
      throw failure;
    }
    return new Addresses(all, alias);
  }

  private static Name end(Name name, List<Record> answer) {
    Name at = name;
    for (int steps = 0; steps < MOST_ALIASES; steps++) {
      Name next = at;
      for (Record record : answer) {
        if (record instanceof CNAMERecord alias && record.getName().equals(at)) {
          next = alias.getTarget();
        }
      }
      if (next.equals(at)) {
        return at;
      }
      at = next;
    }
    return at;
  }

  /** The records of a name and type that stand at the name itself. */
  List<Record> records(Name name, int type) throws IOException {
    return known(query(name, type)).getSection(Section.ANSWER).stream()
        .filter(record -> record.getType() == type && record.getName().equals(name))
        .toList();
  }

  private Message known(Message query) throws IOException {
    Message answer = source.send(query);
    if (answer.getRcode() != Rcode.NOERROR && answer.getRcode() != Rcode.NXDOMAIN) {
      throw new IOException(
          "the answer is "
              + Rcode.string(answer.getRcode())
              + " for "
              + query.getQuestion().getName());
    }
    return answer;
  }

  static Message query(Name name, int type) {
    return Message.newQuery(Record.newRecord(name, type, DClass.IN));
  }
}
