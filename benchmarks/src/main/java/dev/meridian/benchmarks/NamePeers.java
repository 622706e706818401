package dev.meridian.benchmarks;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** How other name servers are configured and started: a thread or process a core each. */
final class NamePeers {
  private static final int CORES = Runtime.getRuntime().availableProcessors();
  private final Path scratch;

  NamePeers(Path scratch) {
    this.scratch = scratch;
  }

  /** NSD with these zones, each with its file; one server process a core. */
  Contender nsd(Map<String, Path> zones) {
    int port = Tools.freePort();
    Path folder = scratch.resolve("nsd");
    String clauses =
        zones.entrySet().stream()
            .map(
                zone ->
                    "zone:\n  name: \"%s\"\n  zonefile: \"%s\"\n"
                        .formatted(zone.getKey(), zone.getValue()))
            .collect(Collectors.joining());
    Path conf =
        Tools.write(
            folder.resolve("nsd.conf"),
            """
            server:
              ip-address: 127.0.0.1@%2$d
              server-count: %3$d
              reuseport: yes
              username: ""
              chroot: ""
              zonesdir: "%1$s"
              pidfile: "%1$s/nsd.pid"
              xfrdfile: "%1$s/xfrd.state"
              zonelistfile: "%1$s/zone.list"
              xfrdir: "%1$s"
              rrl-ratelimit: 0
            remote-control:
              control-enable: no
            %4$s"""
                .formatted(folder, port, CORES, clauses));
    return Servers.started(
        Contender.start(
            "NSD",
            port,
            folder.resolve("out.log"),
            List.of(Servers.tool("nsd"), "-d", "-c", conf.toString())));
  }

  /** gdnsd: {@code www} of the zone answers with the address of the client's continent. */
  Contender gdnsd(String zone, Path database, Map<String, String> addresses) {
    int port = Tools.freePort();
    Path folder = scratch.resolve("gdnsd");
    Tools.write(
        folder.resolve("config"),
        """
        options => {
          listen => { 127.0.0.1:%1$d => { udp_threads => %2$d } }
          run_dir => %3$s/run
          state_dir => %3$s/state
          zones_default_ttl => 30
        }
        plugins => {
          geoip => {
            maps => {
              continents => {
                geoip2_db => %4$s
                datacenters => [%5$s]
                map => { %6$s }
              }
            }
            resources => {
              www => { map => continents, dcmap => { %7$s } }
            }
          }
        }
        """
            .formatted(
                port,
                CORES,
                folder,
                database,
                String.join(", ", addresses.keySet()),
                addresses.keySet().stream()
                    .map(continent -> continent + " => [" + continent + "]")
                    .collect(Collectors.joining(", ")),
                addresses.entrySet().stream()
                    .map(entry -> entry.getKey() + " => " + entry.getValue())
                    .collect(Collectors.joining(", "))));
    Tools.write(
        folder.resolve("zones").resolve(zone),
        """
        @ SOA ns hostmaster 1 3600 600 86400 300
        @ NS ns
        ns A 127.0.0.1
        www 30 DYNA geoip!www
        """);
    return Servers.started(
        Contender.start(
            "gdnsd",
            port,
            folder.resolve("out.log"),
            List.of(Servers.tool("gdnsd"), "-c", folder.toString(), "start")));
  }

  /** PowerDNS with its geoip backend, which does the same. */
  Contender powerDns(String zone, Path database, Map<String, String> addresses) {
    int port = Tools.freePort();
    Path folder = scratch.resolve("pdns");
    String places =
        addresses.entrySet().stream()
            .map(
                entry ->
                    "    %s.geo.%s:%n      - a: %s%n"
                        .formatted(entry.getKey().toLowerCase(), zone, entry.getValue()))
            .collect(Collectors.joining());
    Path zones =
        Tools.write(
            folder.resolve("zones.yaml"),
            """
            domains:
            - domain: %1$s
              ttl: 30
              records:
                %1$s:
                  - soa: ns.%1$s hostmaster.%1$s 1 3600 600 86400 300
                  - ns: ns.%1$s
                ns.%1$s:
                  - a: 127.0.0.1
            %2$s  services:
                www.%1$s: '%%cn.geo.%1$s'
            """
                .formatted(zone, places));
    Tools.write(
        folder.resolve("pdns.conf"),
        """
        launch=geoip
        geoip-zones-file=%1$s
        geoip-database-files=mmdb:%2$s
        edns-subnet-processing=yes
        local-address=127.0.0.1
        local-port=%3$d
        socket-dir=%4$s
        receiver-threads=%5$d
        reuseport=yes
        daemon=no
        guardian=no
        disable-syslog=yes
        """
            .formatted(zones, database, port, folder, CORES));
    return Servers.started(
        Contender.start(
            "PowerDNS, geoip backend",
            port,
            folder.resolve("out.log"),
            List.of(Servers.tool("pdns_server"), "--config-dir=" + folder)));
  }
}
