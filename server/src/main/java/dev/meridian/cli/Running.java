package dev.meridian.cli;

import dev.meridian.client.MeridianClient;
import dev.meridian.client.MeridianException;
import dev.meridian.dns.DnsCheck;
import dev.meridian.document.InvalidInputException;
import dev.meridian.site.ListenAddress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What a running server tells its operator of its names.
 *
 * @param zones that it serves
 * @param nameServer where it can be asked; empty if it is off or elsewhere
 * @param domains the site's names
 * @param regions the addresses of its regions
 * @param webPorts where its web tier listens
 */
record Running(
    List<String> zones,
    Optional<InetSocketAddress> nameServer,
    List<String> domains,
    List<DnsCheck.RegionAddress> regions,
    Set<Integer> webPorts) {
  private static final Running NONE =
      new Running(List.of(), Optional.empty(), List.of(), List.of(), Set.of());

  /**
   * Asks the operator's listener. A server that is not there is a failure only if it alone knows
   * what to check.
   *
   * @param zones that are asked for by name
   * @param direct whether the servers to check are named
   */
  static Running find(ServerOptions server, Console console, List<String> zones, boolean direct) {
    if (!zones.isEmpty() && direct) {
      return NONE;
    }
    JsonNode status;
    JsonNode regions;
    try (MeridianClient client = server.connectAdmin(console)) {
      status = JsonText.MAPPER.readTree(client.call("GET", "/status", null));
      regions = JsonText.MAPPER.readTree(client.call("GET", "/regions", null));
    } catch (MeridianException e) {
      if (zones.isEmpty()) {
        throw e;
      }
      console.note("No running server is asked, only the world: " + Failures.describe(e));
      return NONE;
    }
    Running running =
        new Running(
            texts(status.path("site").path("zones")),
            nameServer(status, server),
            texts(status.path("site").path("domains")),
            regions(regions),
            webPorts(status));
    // Another site's server knows nothing of what is checked.
    return zones.isEmpty() || zones.stream().anyMatch(zone -> running.zones().contains(bare(zone)))
        ? running
        : NONE;
  }

  private static String bare(String zone) {
    String lower = zone.toLowerCase(Locale.ROOT);
    return lower.length() > 1 && lower.endsWith(".")
        ? lower.substring(0, lower.length() - 1)
        : lower;
  }

  /** The site's names that belong to one of these zones, and not to one below it. */
  List<String> domainsIn(List<String> checked) {
    List<String> wanted = checked.stream().map(Running::bare).toList();
    return domains.stream()
        .filter(
            domain -> {
              String lowest = lowest(domain);
              return lowest != null && wanted.contains(lowest);
            })
        .toList();
  }

  private @Nullable String lowest(String domain) {
    String lowest = null;
    for (String zone : zones) {
      boolean within = domain.equals(zone) || domain.endsWith("." + zone);
      if (within && (lowest == null || zone.length() > lowest.length())) {
        lowest = zone;
      }
    }
    return lowest;
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(text -> texts.add(text.asString("")));
    return texts;
  }

  /** The name server's address as it is from here. */
  private static Optional<InetSocketAddress> nameServer(JsonNode status, ServerOptions server) {
    Optional<InetSocketAddress> at = address(status, "dns");
    String host = String.valueOf(server.admin.getHost());
    boolean here = ServerOptions.LOOPBACK.contains(host);
    if (at.isEmpty()) {
      return at;
    }
    InetAddress address = at.get().getAddress();
    if (address.isAnyLocalAddress()) {
      InetSocketAddress reached =
          new InetSocketAddress(here ? "127.0.0.1" : host, at.get().getPort());
      return reached.isUnresolved() ? Optional.empty() : Optional.of(reached);
    }
    return address.isLoopbackAddress() && !here ? Optional.empty() : at;
  }

  private static Set<Integer> webPorts(JsonNode status) {
    Set<Integer> ports = new TreeSet<>();
    address(status, "http").ifPresent(at -> ports.add(at.getPort()));
    address(status, "https").ifPresent(at -> ports.add(at.getPort()));
    return ports;
  }

  private static Optional<InetSocketAddress> address(JsonNode status, String listener) {
    JsonNode text = status.path("listeners").path(listener);
    try {
      return text.isString() ? Optional.of(ListenAddress.parse(text.asString())) : Optional.empty();
    } catch (InvalidInputException e) {
      return Optional.empty(); // a newer server's way to write it
    }
  }

  private static List<DnsCheck.RegionAddress> regions(JsonNode answer) {
    List<DnsCheck.RegionAddress> all = new ArrayList<>();
    for (JsonNode region : answer.path("regions")) {
      for (JsonNode one : region.path("addresses")) {
        try {
          // Without probes a region only counts as up.
          boolean known = one.has("probed") || !one.path("up").asBoolean(true);
          all.add(
              new DnsCheck.RegionAddress(
                  region.path("region").asString(""),
                  InetAddress.ofLiteral(one.path("address").asString("")),
                  known ? Optional.of(one.path("up").asBoolean(true)) : Optional.empty(),
                  one.path("problem").asString("")));
        } catch (IllegalArgumentException e) {
          // A newer server's way to write an address: it is not tried.
        }
      }
    }
    return all;
  }
}
