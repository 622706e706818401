package dev.meridian.dns;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.DSRecord;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Resolver;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/**
 * Asks the parent's own servers over TCP, which nobody can answer for them from afar; only who they
 * are comes from this machine's resolver. Each server counts by its name: it has spoken when one of
 * its addresses has.
 */
final class ParentServers implements ParentDs {
  private static final Logger LOG = LoggerFactory.getLogger(ParentServers.class);
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final int MOST_ADDRESSES = 4;
  private static final int PORT = 53;

  private final ResolverSource resolvers;
  private final int port;

  /** How this machine resolves names. */
  interface ResolverSource {
    Resolver get() throws IOException;
  }

  ParentServers() {
    this(
        () -> {
          Resolver resolver = new org.xbill.DNS.ExtendedResolver();
          resolver.setTimeout(PATIENCE);
          return resolver;
        },
        PORT);
  }

  /**
   * Creates it.
   *
   * @param port where the parent's servers listen
   */
  ParentServers(ResolverSource resolvers, int port) {
    this.resolvers = resolvers;
    this.port = port;
  }

  @Override
  public Optional<Said> ask(WireName apex) {
    if (apex.isRoot()) {
      return Optional.empty();
    }
    try {
      Resolving resolving = new Resolving(resolvers.get()::send);
      List<List<byte[]>> said = new ArrayList<>();
      long ttl = 0;
      for (Name server : resolving.zoneOf(new Name(apex.parent().wire())).servers()) {
        Message answer = ask(resolving, server, new Name(apex.wire()));
        List<byte[]> records = new ArrayList<>();
        for (Record record : answer.getSection(Section.ANSWER)) {
          if (record instanceof DSRecord) {
            records.add(record.rdataToWireCanonical());
            ttl = Math.max(ttl, record.getTTL());
          }
        }
        said.add(records);
      }
      // That there was no record may be kept, too, and what was there before: no less than an hour.
      return Optional.of(new Said(said, Duration.ofSeconds(Math.max(ttl, ZoneKeys.TTL))));
    } catch (IOException e) {
      LOG.info("What the parent of {} says of its keys is not known: {}", apex, e.getMessage());
      return Optional.empty();
    }
  }

  private Message ask(Resolving resolving, Name server, Name apex) throws IOException {
    IOException last = new IOException(server + " has no address");
    for (InetAddress address : resolving.addresses(server, MOST_ADDRESSES).all()) {
      try {
        SimpleResolver direct = new SimpleResolver(new InetSocketAddress(address, port));
        direct.setTCP(true);
        direct.setTimeout(PATIENCE);
        Message query = Resolving.query(apex, Type.DS);
        query.getHeader().unsetFlag(Flags.RD);
        Message answer = direct.send(query);
        boolean known = answer.getRcode() == Rcode.NOERROR || answer.getRcode() == Rcode.NXDOMAIN;
        if (known && answer.getHeader().getFlag(Flags.AA)) {
          return answer;
        }
        last = new IOException(server + " does not answer for the zone above " + apex);
      } catch (IOException e) {
        last = new IOException(server + " at " + address.getHostAddress() + ": " + e.getMessage());
      }
    }
    throw last;
  }
}
