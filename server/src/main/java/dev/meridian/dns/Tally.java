package dev.meridian.dns;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

/**
 * Counts queries by type and responses by code. Each UDP thread has its own, so counting is a plain
 * addition; the scraper adds them up.
 */
final class Tally implements Responder.Counters {
  /** The types counted by name; all others are "other". */
  private static final int[] TYPES = {
    Type.A,
    Type.NS,
    Type.CNAME,
    Type.SOA,
    Type.PTR,
    Type.MX,
    Type.TXT,
    Type.AAAA,
    Type.SRV,
    Type.NAPTR,
    Type.DS,
    Type.DNSKEY,
    Type.TLSA,
    Type.SVCB,
    Type.HTTPS,
    Type.ANY,
    Type.CAA,
  };

  private static final int[] RCODES = {
    Wire.NOERROR,
    Wire.FORMERR,
    Wire.SERVFAIL,
    Wire.NXDOMAIN,
    Wire.NOTIMP,
    Wire.REFUSED,
    Wire.NOTAUTH,
    Wire.BADVERS,
    Wire.BADCOOKIE,
  };

  private static final int OTHER_TYPE = TYPES.length;
  private static final int FIRST_RCODE = TYPES.length + 1;
  private static final int TRUNCATED = FIRST_RCODE + RCODES.length;
  private static final int DROPPED = TRUNCATED + 1;
  private static final int UNSIGNED = DROPPED + 1;
  private static final int SLIPPED = UNSIGNED + 1;
  private static final int WITHHELD = SLIPPED + 1;
  private static final int WHOLE = WITHHELD + 1;
  private static final int CHANGES = WHOLE + 1;
  private static final int REFUSED = CHANGES + 1;
  private static final int SIZE = REFUSED + 1;

  /** Where a type is counted; types above the table are "other". */
  private static final byte[] TYPE_INDEX = new byte[Type.CAA + 1];

  private static final byte[] RCODE_INDEX = new byte[Wire.BADCOOKIE + 1];

  static {
    java.util.Arrays.fill(TYPE_INDEX, (byte) OTHER_TYPE);
    for (int i = 0; i < TYPES.length; i++) {
      TYPE_INDEX[TYPES[i]] = (byte) i;
    }
    for (int i = 0; i < RCODES.length; i++) {
      RCODE_INDEX[RCODES[i]] = (byte) (FIRST_RCODE + i);
    }
  }

  private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);

  private final long[] counts = new long[SIZE];
  private final boolean shared;
  private final Census.Sheet sheet;

  /**
   * Creates it.
   *
   * @param shared whether many threads count with it, rather than one
   * @param sheet takes zones, names and regions
   */
  Tally(boolean shared, Census.Sheet sheet) {
    this.shared = shared;
    this.sheet = sheet;
  }

  /** One whose zones, names and regions nobody looks at. */
  Tally(boolean shared) {
    this(shared, new Census(new CompositeMeterRegistry()).sheet(shared));
  }

  @Override
  public void query(int type) {
    count(type < TYPE_INDEX.length ? TYPE_INDEX[type] : OTHER_TYPE);
  }

  @Override
  public void response(int rcode) {
    count(RCODE_INDEX[rcode]);
  }

  @Override
  public void truncated() {
    count(TRUNCATED);
  }

  @Override
  public void dropped() {
    count(DROPPED);
  }

  @Override
  public void limited(boolean slipped) {
    count(slipped ? SLIPPED : WITHHELD);
  }

  @Override
  public void unsigned() {
    count(UNSIGNED);
  }

  @Override
  public void transferred(boolean incremental) {
    count(incremental ? CHANGES : WHOLE);
  }

  @Override
  public void transferRefused() {
    count(REFUSED);
  }

  @Override
  public void asked(Roster roster, Question question, @Nullable Answer answer, long now) {
    sheet.asked(roster, question, answer, now);
  }

  @Override
  public void answered(Roster roster, Client client) {
    sheet.answered(roster, client);
  }

  private void count(int index) {
    if (shared) {
      COUNT.getAndAdd(counts, index, 1L);
    } else {
      COUNT.setOpaque(counts, index, counts[index] + 1);
    }
  }

  private long get(int index) {
    return (long) COUNT.getOpaque(counts, index);
  }

  /** Shows what the tallies of one transport have counted. */
  static void register(MeterRegistry registry, String transport, List<Tally> tallies) {
    for (int i = 0; i <= OTHER_TYPE; i++) {
      String type = i == OTHER_TYPE ? "other" : Type.string(TYPES[i]);
      register(
          registry,
          "meridian.dns.queries",
          "Well-formed queries",
          i,
          tallies,
          "transport",
          transport,
          "type",
          type);
    }
    for (int i = 0; i < RCODES.length; i++) {
      register(
          registry,
          "meridian.dns.responses",
          "Responses",
          FIRST_RCODE + i,
          tallies,
          "transport",
          transport,
          "rcode",
          rcode(RCODES[i]));
    }
    register(
        registry,
        "meridian.dns.truncated",
        "Responses cut short, to be asked again over TCP",
        TRUNCATED,
        tallies,
        "transport",
        transport);
    register(
        registry,
        "meridian.dns.dropped",
        "Packets that got no response",
        DROPPED,
        tallies,
        "transport",
        transport);
    register(
        registry,
        "meridian.dns.unsigned",
        "Responses that had to do without an answer, as too many new ones were to be signed",
        UNSIGNED,
        tallies,
        "transport",
        transport);
    for (int index : new int[] {SLIPPED, WITHHELD}) {
      register(
          registry,
          "meridian.dns.limited",
          "Queries beyond the limit on responses, by what they got: nothing, or to ask over TCP",
          index,
          tallies,
          "transport",
          transport,
          "response",
          index == SLIPPED ? "truncated" : "none");
    }
  }

  /** The same of a transport with connections, over which zones are copied as well. */
  static void registerStreams(MeterRegistry registry, String transport, Tally tally) {
    register(registry, transport, List.of(tally));
    int index = WHOLE;
    for (String kind : List.of("whole", "changes", "refused")) {
      register(
          registry,
          "meridian.dns.transfers",
          "Zones copied by secondaries: whole (AXFR), by what has changed (IXFR), or refused",
          index++,
          List.of(tally),
          "transport",
          transport,
          "kind",
          kind);
    }
  }

  static String rcode(int code) {
    // In an OPT record 16 is BADVERS, in a TSIG record BADSIG; only the first is ours.
    return switch (code) {
      case Wire.BADVERS -> "BADVERS";
      case Wire.BADCOOKIE -> "BADCOOKIE";
      default -> Rcode.string(code);
    };
  }

  private static void register(
      MeterRegistry registry,
      String name,
      String description,
      int index,
      List<Tally> tallies,
      String... tags) {
    // A counter forgets the object it is given when nobody else has it; what its function has,
    // stays.
    FunctionCounter.builder(
            name, registry, _ -> tallies.stream().mapToLong(tally -> tally.get(index)).sum())
        .description(description)
        .tags(tags)
        .register(registry);
  }

  /** The time it takes to make a response, without the network; sampled. */
  static Timer timer(MeterRegistry registry) {
    return Timer.builder("meridian.dns.respond")
        .description("Time to make one response, network excluded (a sample)")
        .publishPercentiles(0.5, 0.99)
        .register(registry);
  }
}
