package dev.meridian.dns;

import dev.meridian.dns.ServerView.Ask;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;

/** How each name server of a zone behaves, at each of its addresses. */
final class ServerRules {
  static final String CHECK = "server";

  private final Findings findings;

  ServerRules(Findings findings) {
    this.findings = findings;
  }

  void check(List<ServerView> views) {
    List<String> untried =
        views.stream().filter(ServerView::untried).map(v -> v.server().toString()).toList();
    if (!untried.isEmpty()) {
      findings.note(
          CHECK,
          "",
          "not tried, as this machine has no network for it: " + String.join(", ", untried),
          "run this on a machine that has IPv6");
    }
    views.stream().filter(view -> !view.untried()).forEach(this::check);
  }

  private void check(ServerView view) {
    String where = view.server().toString();
    if (!answers(view, where)) {
      return;
    }
    SOARecord soa = view.soa();
    if (soa == null) {
      findings.error(
          CHECK,
          where,
          "is lame: " + lameness(view),
          "let it serve the zone, or take it out of the zone's NS records and the registrar's");
      return;
    }
    boolean well = true;
    String udp = view.failures().get(Ask.UDP);
    if (udp == null || view.answers().containsKey(Ask.PLAIN)) {
      well = edns(view, where);
    } else {
      well = false;
      findings.error(
          CHECK,
          where,
          "does not answer over UDP: " + udp,
          "open UDP port " + view.server().at().getPort() + " there, inward and outward");
    }
    String tcp = view.failures().get(Ask.TCP);
    if (tcp != null) {
      well = false;
      findings.error(
          CHECK,
          where,
          "does not answer over TCP: " + tcp,
          "open TCP port "
              + view.server().at().getPort()
              + " there: what does not fit UDP comes over TCP (RFC 7766)");
    }
    well &= !offers(view, where);
    if (well) {
      findings.ok(
          CHECK, where, "answers over UDP and TCP, authoritative, serial " + soa.getSerial());
    }
  }

  private boolean answers(ServerView view, String where) {
    if (!view.answers().isEmpty()) {
      return true;
    }
    String udp = view.failures().get(Ask.UDP);
    String tcp = view.failures().get(Ask.TCP);
    findings.error(
        CHECK,
        where,
        "cannot be reached: UDP: " + udp + "; TCP: " + tcp,
        view.server().given()
            ? "is it running, and is this its address?"
            : "is it running? open port "
                + view.server().at().getPort()
                + " for UDP and TCP, or take the address out of the zone and the registrar's glue");
    return false;
  }

  private static String lameness(ServerView view) {
    for (Ask ask : List.of(Ask.UDP, Ask.TCP, Ask.PLAIN)) {
      @Nullable Message answer = view.answers().get(ask);
      if (answer != null) {
        return answer.getRcode() != Rcode.NOERROR
            ? "it answers " + Rcode.string(answer.getRcode())
            : answer.getHeader().getFlag(Flags.AA)
                ? "it has no SOA of the zone"
                : "it answers, but not with authority";
      }
    }
    return "it does not answer";
  }

  private boolean edns(ServerView view, String where) {
    Message udp = view.answers().get(Ask.UDP);
    if (udp == null || udp.getRcode() == Rcode.FORMERR) {
      findings.error(
          CHECK,
          where,
          "answers over UDP only without EDNS: many resolvers will not find it",
          "is there a firewall that drops EDNS (RFC 6891)? replace the server otherwise");
      return false;
    }
    if (udp.getOPT() == null) {
      findings.warning(
          CHECK, where, "does not know EDNS (RFC 6891)", "replace the server by a newer one");
      return false;
    }
    return true;
  }

  private boolean offers(ServerView view, String where) {
    boolean any = false;
    Message recursion = view.answers().get(Ask.RECURSION);
    if (recursion != null && recursion.getHeader().getFlag(Flags.RA)) {
      any = true;
      findings.warning(
          CHECK,
          where,
          "offers to look up other people's names (recursion): it can be made to flood others",
          "turn recursion off there, at least for the world");
    }
    Message transfer = view.answers().get(Ask.TRANSFER);
    if (transfer != null
        && transfer.getRcode() == Rcode.NOERROR
        && transfer.getSection(Section.ANSWER).stream().anyMatch(SOARecord.class::isInstance)) {
      any = true;
      findings.warning(
          CHECK,
          where,
          "gives this machine the whole zone (AXFR)",
          "if it does so for everybody, allow transfers to secondaries only");
    }
    return any;
  }
}
