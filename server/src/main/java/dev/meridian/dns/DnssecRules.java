package dev.meridian.dns;

import dev.meridian.dns.ServerView.Ask;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.DSRecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Type;

/** The chain from the parent's DS records to the zone's signatures, at every server. */
final class DnssecRules {
  static final String DNSSEC = "dnssec";
  static final String SIGNATURES = "signatures";

  /** Signatures that expire sooner are not being made anew. */
  private static final long FEW_DAYS = 2;

  /** What validators no longer want to see (RFC 8624, section 3.1; RFC 9905), or do not know. */
  private static final Set<Integer> OLD_ALGORITHMS = Set.of(1, 3, 5, 6, 7, 12);

  private static final int SHA1 = 1;

  private final Findings findings;
  private final Name zone;
  private final List<ServerView> views;
  private final @Nullable Set<DSRecord> ds;
  private final Instant now;

  /**
   * Prepares.
   *
   * @param views of the servers that answer for the zone
   * @param ds what the parent says; null if that is not known
   */
  DnssecRules(
      Findings findings,
      Name zone,
      List<ServerView> views,
      @Nullable Set<DSRecord> ds,
      Instant now) {
    this.findings = findings;
    this.zone = zone;
    this.views = views;
    this.ds = ds;
    this.now = now;
  }

  void check(Name nothing) {
    Set<DNSKEYRecord> keys = new TreeSet<>();
    views.forEach(view -> keys.addAll(view.keys()));
    boolean pointed = ds != null && !ds.isEmpty();
    if (keys.isEmpty()) {
      if (pointed) {
        findings.error(
            DNSSEC,
            "",
            "the parent has a DS record, but the zone is not signed: resolvers that validate find"
                + " nothing in it",
            "have the DS taken away at the registrar, or put 'dnssec: true' under 'names' in"
                + " site.yaml and hand over what './meridian dns ds "
                + Findings.text(zone)
                + "' prints");
      } else {
        findings.ok(
            DNSSEC,
            "",
            ds == null ? "not signed" : "not signed, and the parent does not say that it is");
      }
      return;
    }
    chain(keys);
    algorithms(keys);
    signatures(nothing);
    new CdsRules(findings, zone, views, ds).check(keys);
  }

  private void chain(Set<DNSKEYRecord> keys) {
    if (ds == null) {
      findings.note(
          DNSSEC,
          "",
          "signed with " + tags(keys) + "; there is no DS of a parent to compare that with",
          "");
      return;
    }
    if (ds.isEmpty()) {
      findings.note(
          DNSSEC,
          "",
          "signed with " + tags(keys) + ", but the parent has no DS: nobody checks the signatures",
          "hand the registrar what './meridian dns ds " + Findings.text(zone) + "' prints");
      return;
    }
    Set<DNSKEYRecord> trusted = trusted(keys);
    if (trusted.isEmpty()) {
      findings.error(
          DNSSEC,
          "",
          "no DS of the parent ("
              + ds.stream().map(d -> "key " + d.getFootprint()).distinct().collect(joined())
              + ") is one of "
              + tags(keys)
              + ": resolvers that validate find nothing in the zone",
          "have the DS replaced at the registrar by what './meridian dns ds "
              + Findings.text(zone)
              + "' prints");
      return;
    }
    findings.ok(DNSSEC, "", "the parent's DS points at " + tags(trusted));
    long strange = ds.stream().filter(one -> keys.stream().noneMatch(k -> isMeant(one, k))).count();
    if (strange > 0) {
      findings.note(
          DNSSEC,
          "",
          Findings.count(strange, "DS record") + " of the parent points at no key of the zone",
          "if no key is being replaced, have it taken away at the registrar");
    }
  }

  private Set<DNSKEYRecord> trusted(Set<DNSKEYRecord> keys) {
    return keys.stream()
        .filter(key -> ds != null && ds.stream().anyMatch(one -> isMeant(one, key)))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Whether a validator that believes the pointer believes the key (RFC 4509; RFC 5011). */
  static boolean isMeant(DSRecord pointer, DNSKEYRecord key) {
    if (pointer.getFootprint() != key.getFootprint()
        || pointer.getAlgorithm() != key.getAlgorithm()
        || (key.getFlags() & DNSKEYRecord.Flags.ZONE_KEY) == 0
        || (key.getFlags() & DNSKEYRecord.Flags.REVOKE) != 0) {
      return false;
    }
    try {
      DSRecord made = new DSRecord(key.getName(), DClass.IN, 0, pointer.getDigestID(), key);
      return Arrays.equals(made.getDigest(), pointer.getDigest());
    } catch (IllegalArgumentException e) {
      return false; // a digest that is not known here
    }
  }

  private void algorithms(Set<DNSKEYRecord> keys) {
    Set<Integer> old = new TreeSet<>();
    keys.stream()
        .map(DNSKEYRecord::getAlgorithm)
        .filter(OLD_ALGORITHMS::contains)
        .forEach(old::add);
    if (!old.isEmpty()) {
      findings.warning(
          DNSSEC,
          "",
          "signed by algorithm "
              + old.stream().map(String::valueOf).collect(joined())
              + ", which validators no longer take",
          "sign with algorithm 13 (ECDSA P-256)");
    }
    if (ds != null && !ds.isEmpty() && ds.stream().allMatch(d -> d.getDigestID() == SHA1)) {
      findings.warning(
          DNSSEC,
          "",
          "the parent's DS has a digest by SHA-1, which validators no longer take",
          "hand the registrar a DS with digest type 2 (SHA-256)");
    }
  }

  private void signatures(Name nothing) {
    Instant first = Instant.MAX;
    int good = 0;
    for (ServerView view : views) {
      String where = view.server().toString();
      List<DNSKEYRecord> keys = view.keys();
      if (keys.isEmpty()) {
        findings.error(
            SIGNATURES,
            where,
            "it has no keys, while others do: its copy of the zone is not the signed one",
            "have it transfer the zone again");
        continue;
      }
      List<DNSKEYRecord> entry = keys;
      if (ds != null && !ds.isEmpty()) {
        Set<DNSKEYRecord> trusted = trusted(new TreeSet<>(keys));
        // Where no key is pointed at, that has been said; whether the rest fits is still of use.
        entry = trusted.isEmpty() ? keys : List.copyOf(trusted);
      }
      List<String> problems = new ArrayList<>();
      first = earlier(first, keySet(view, entry, problems));
      SignatureCheck check = new SignatureCheck(zone, keys, now);
      Message soa = view.authoritative();
      if (soa != null) {
        first = earlier(first, add(problems, "SOA", check.answer(soa, Type.SOA)));
      }
      Message none = view.answers().get(Ask.NOTHING);
      if (none != null) {
        first =
            earlier(
                first, add(problems, "a name that does not exist", check.nothing(none, nothing)));
      }
      if (problems.isEmpty()) {
        good++;
      }
      for (String problem : problems) {
        findings.error(
            SIGNATURES,
            where,
            problem,
            view.server().given()
                ? "does the machine's clock run right? './meridian dns keys' shows the keys"
                : "have it sign anew, or transfer the zone again from a server that does");
      }
    }
    if (good > 0) {
      lasting(first, good);
    }
  }

  private void lasting(Instant first, int good) {
    String left = SignatureCheck.span(now, first);
    if (first.isBefore(now.plus(FEW_DAYS, ChronoUnit.DAYS))) {
      findings.warning(
          SIGNATURES,
          "",
          "the first to expire does so in " + left + ": is nobody making new ones?",
          "have the zone signed anew, long before that");
    } else {
      findings.ok(
          SIGNATURES,
          "",
          "SOA, DNSKEY and a name that does not exist verify at "
              + Findings.count(good, "address", "addresses")
              + "; the first expires in "
              + left);
    }
  }

  private Instant keySet(ServerView view, List<DNSKEYRecord> entry, List<String> problems) {
    Message answer = view.answers().get(Ask.DNSKEY);
    return answer == null
        ? Instant.MAX
        : add(problems, "DNSKEY", new SignatureCheck(zone, entry, now).answer(answer, Type.DNSKEY));
  }

  private static Instant add(List<String> to, String what, SignatureCheck.Result result) {
    if (result.problem() != null) {
      to.add(what + " " + result.problem());
    }
    return result.until();
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }

  private static String tags(Set<DNSKEYRecord> keys) {
    return keys.stream()
        .map(key -> "key " + key.getFootprint() + " (algorithm " + key.getAlgorithm() + ")")
        .collect(joined());
  }

  private static java.util.stream.Collector<CharSequence, ?, String> joined() {
    return Collectors.joining(", ");
  }
}
