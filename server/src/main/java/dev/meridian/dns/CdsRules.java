package dev.meridian.dns;

import dev.meridian.dns.ServerView.Ask;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.CDNSKEYRecord;
import org.xbill.DNS.CDSRecord;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.DSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * What the zone asks its parent to point at, against what it has and the parent says (RFC 7344).
 */
final class CdsRules {
  private static final String CDS = "cds";

  /** The algorithm of a CDS that asks for no DS at all (RFC 8078, section 4). */
  private static final int DELETE = 0;

  private final Findings findings;
  private final Name zone;
  private final List<ServerView> views;
  private final @Nullable Set<DSRecord> ds;

  /**
   * Prepares.
   *
   * @param ds what the parent says; null if that is not known
   */
  CdsRules(Findings findings, Name zone, List<ServerView> views, @Nullable Set<DSRecord> ds) {
    this.findings = findings;
    this.zone = zone;
    this.views = views;
    this.ds = ds;
  }

  void check(Set<DNSKEYRecord> keys) {
    Set<CDSRecord> wanted = new LinkedHashSet<>();
    Set<CDNSKEYRecord> wantedKeys = new LinkedHashSet<>();
    Set<Set<String>> ways = new LinkedHashSet<>();
    for (ServerView view : views) {
      view.records(Ask.CDS, Type.CDS).forEach(record -> wanted.add((CDSRecord) record));
      view.records(Ask.CDNSKEY, Type.CDNSKEY)
          .forEach(record -> wantedKeys.add((CDNSKEYRecord) record));
      if (view.answers().containsKey(Ask.CDS)) {
        ways.add(
            view.records(Ask.CDS, Type.CDS).stream()
                .map(Record::rdataToString)
                .collect(Collectors.toCollection(TreeSet::new)));
      }
    }
    if (ways.size() > 1) {
      findings.warning(
          CDS,
          "",
          "not all servers have the same CDS records, so the parent will not follow them",
          "wait for the servers to have the same serial");
    }
    if (wanted.isEmpty() && wantedKeys.isEmpty()) {
      return;
    }
    if (wanted.stream().anyMatch(one -> one.getAlgorithm() == DELETE)) {
      findings.note(CDS, "", "the zone asks the parent to take its DS away", "");
      return;
    }
    boolean strange =
        wanted.stream()
                .anyMatch(one -> keys.stream().noneMatch(key -> DnssecRules.isMeant(one, key)))
            || wantedKeys.stream()
                .anyMatch(one -> keys.stream().noneMatch(key -> isSame(one, key)));
    if (strange) {
      findings.error(
          CDS,
          "",
          "CDS or CDNSKEY name a key that the zone does not have; a parent that followed them would"
              + " break it",
          "take these records out of the zone, or bring the key back");
    } else if (ds == null || ds.isEmpty()) {
      findings.ok(CDS, "", "asks the parent to point at " + named(wanted));
    } else if (wanted.stream().allMatch(this::isThere)) {
      findings.ok(CDS, "", "says what the parent has");
    } else {
      findings.note(
          CDS,
          "",
          "asks the parent to point at " + named(wanted) + ", which it does not do yet",
          "some parents look once a day; of others the registrar wants what './meridian dns ds "
              + Findings.text(zone)
              + "' prints");
    }
  }

  private boolean isThere(CDSRecord one) {
    return ds != null
        && ds.stream().anyMatch(pointer -> pointer.rdataToString().equals(one.rdataToString()));
  }

  private static boolean isSame(CDNSKEYRecord one, DNSKEYRecord key) {
    return one.getAlgorithm() == key.getAlgorithm() && Arrays.equals(one.getKey(), key.getKey());
  }

  private static String named(Set<CDSRecord> wanted) {
    return wanted.stream()
        .map(d -> "key " + d.getFootprint())
        .distinct()
        .collect(Collectors.joining(", "));
  }
}
