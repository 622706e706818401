package dev.meridian.dns;

import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.DNSSEC;
import org.xbill.DNS.Message;
import org.xbill.DNS.RRSIGRecord;
import org.xbill.DNS.RRset;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Checks signatures by dnsjava, which had no part in making them. */
final class Signatures {
  /** A clock that is set. */
  static final class TestClock implements InstantSource {
    private volatile Instant now = Instant.parse("2031-05-06T07:08:09Z");

    @Override
    public Instant instant() {
      return now;
    }

    void set(Instant to) {
      now = to;
    }
  }

  private Signatures() {}

  /** The RRsets of a section, each with its signatures. */
  static List<RRset> sets(Message message, int section) {
    Map<String, RRset> sets = new LinkedHashMap<>();
    for (Record record : message.getSection(section)) {
      if (record.getType() == Type.OPT) {
        continue;
      }
      int type =
          record.getType() == Type.RRSIG
              ? ((RRSIGRecord) record).getTypeCovered()
              : record.getType();
      RRset set = sets.computeIfAbsent(record.getName() + " " + type, _ -> new RRset());
      if (record instanceof RRSIGRecord signature) {
        set.addRR(signature);
      } else {
        set.addRR(record);
      }
    }
    return List.copyOf(sets.values());
  }

  /**
   * Verifies all signatures there are.
   *
   * @return the sets that have none, such as {@code sub.example.test. NS}
   */
  static List<String> verify(Message message, List<DNSKEYRecord> keys, Instant now)
      throws DNSSEC.DNSSECException {
    List<String> unsigned = new ArrayList<>();
    for (int section = Section.ANSWER; section <= Section.ADDITIONAL; section++) {
      for (RRset set : sets(message, section)) {
        if (set.sigs().isEmpty()) {
          unsigned.add(set.getName() + " " + Type.string(set.getType()));
        }
        for (RRSIGRecord signature : set.sigs()) {
          verify(set, signature, keys, now);
        }
      }
    }
    return unsigned;
  }

  private static void verify(RRset set, RRSIGRecord signature, List<DNSKEYRecord> keys, Instant now)
      throws DNSSEC.DNSSECException {
    for (DNSKEYRecord key : keys) {
      if (key.getFootprint() == signature.getFootprint()
          && key.getName().equals(signature.getSigner())) {
        DNSSEC.verify(set, signature, key, now);
        return;
      }
    }
    throw new AssertionError("no key " + signature.getFootprint() + " for " + set);
  }

  static List<DNSKEYRecord> keys(Responder responder, String zone) throws java.io.IOException {
    return Wired.ask(responder, zone, Type.DNSKEY).getSection(Section.ANSWER).stream()
        .map(DNSKEYRecord.class::cast)
        .toList();
  }
}
