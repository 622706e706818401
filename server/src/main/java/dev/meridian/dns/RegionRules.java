package dev.meridian.dns;

import dev.meridian.dns.DnsCheck.RegionAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/** Whether the addresses of all regions can be reached: an answer only shows those of one. */
final class RegionRules {
  private static final String REGION = "region";
  private static final int MOST_ADDRESSES = 128;

  private RegionRules() {}

  /** Checks; what the server has tried by its own probes is not tried again. */
  static List<DnsCheck.Finding> check(
      Asker asker, List<RegionAddress> regions, Set<Integer> webPorts) throws InterruptedException {
    Findings findings = new Findings(true);
    List<RegionAddress> some = regions.stream().limit(MOST_ADDRESSES).toList();
    List<Callable<Optional<WebView>>> tasks = new ArrayList<>();
    for (RegionAddress one : some) {
      tasks.add(
          () ->
              one.up().isPresent()
                  ? Optional.empty()
                  : Optional.of(WebView.of(asker, one.address(), webPorts)));
    }
    List<Optional<WebView>> tried = asker.all(tasks);
    for (int i = 0; i < some.size(); i++) {
      check(findings, some.get(i), tried.get(i).orElse(null));
    }
    if (regions.size() > MOST_ADDRESSES) {
      findings.note(
          REGION, "", (regions.size() - MOST_ADDRESSES) + " more addresses were not tried", "");
    }
    return findings.all();
  }

  private static void check(Findings findings, RegionAddress one, @Nullable WebView web) {
    String where = one.region() + " " + Asker.text(one.address());
    String mend = "answers leave it out where others are up; './meridian region list' tells more";
    if (web == null) {
      if (one.up().orElse(true)) {
        findings.ok(REGION, where, "up, by the server's own probes");
      } else {
        findings.error(
            REGION, where, "down" + (one.problem().isEmpty() ? "" : ": " + one.problem()), mend);
      }
    } else if (web.untried()) {
      findings.note(REGION, where, "not tried: " + web.failure(), "");
    } else if (web.open().isEmpty()) {
      findings.error(
          REGION,
          where,
          "cannot be reached: " + web.failure(),
          "start the web server there; with 'health' in site.yaml, answers leave out what is down");
    } else {
      findings.ok(REGION, where, "takes connections on " + WebView.ports(web.open()));
    }
  }
}
