package dev.meridian.site;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What the name server answers.
 *
 * @param ttl for records that give none
 * @param nameServers names of the site's name servers
 * @param hostmaster the mailbox for SOA, as {@code user@domain}
 * @param dnssec whether the zones are signed
 * @param zoneFiles RFC 1035 zone files in the site's folder
 * @param records from {@code site.yaml}
 * @param geo names that answer with regions
 * @param limit of responses over UDP; empty for none
 * @param identity whether a server tells those who ask which one it is
 * @param secondaries name servers that follow this one
 * @param sampleLog which queries are logged; empty for none
 */
public record Names(
    Duration ttl,
    List<String> nameServers,
    Optional<String> hostmaster,
    boolean dnssec,
    List<Path> zoneFiles,
    List<NameRecord> records,
    Geo geo,
    Optional<ResponseLimit> limit,
    boolean identity,
    List<Secondary> secondaries,
    Optional<SampleRate> sampleLog) {
  /** Names of which none answers with regions. */
  public Names(
      Duration ttl,
      List<String> nameServers,
      Optional<String> hostmaster,
      boolean dnssec,
      List<Path> zoneFiles,
      List<NameRecord> records) {
    this(
        ttl,
        nameServers,
        hostmaster,
        dnssec,
        zoneFiles,
        records,
        Geo.NONE,
        Optional.of(ResponseLimit.DEFAULT),
        false,
        List.of(),
        Optional.empty());
  }

  /** Copies. */
  public Names {
    nameServers = List.copyOf(nameServers);
    zoneFiles = List.copyOf(zoneFiles);
    records = List.copyOf(records);
    secondaries = List.copyOf(secondaries);
  }

  /**
   * One record as {@code site.yaml} has it.
   *
   * @param name absolute, lower case, without the last dot
   * @param type such as {@code A} or {@code MX}
   * @param ttl its own, or empty for {@link Names#ttl}
   * @param data in zone file form (RFC 1035, section 5.1), names relative to the zone or absolute
   * @param line where it stands in {@code site.yaml}, for error messages
   */
  public record NameRecord(
      String name, String type, Optional<Duration> ttl, String data, int line) {}
}
