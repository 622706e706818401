package dev.meridian.dns;

import dev.meridian.geo.MmdbWriter;
import dev.meridian.site.SiteLoader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.ClientSubnetOption;
import org.xbill.DNS.EDNSOption;
import org.xbill.DNS.Message;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** A site with regions and a small database, for tests. */
final class GeoSite {
  /** Europe, America and Asia; Asia without IPv6. */
  static final String YAML =
      """
      domains: near.test
      regions:
        eu: {location: [50.11, 8.68], addresses: [192.0.2.1, 192.0.2.2, "2001:db8:1::1"]}
        us: {location: [39.04, -77.49], addresses: [198.51.100.1, "2001:db8:2::1"]}
        asia: {location: [35.68, 139.69], addresses: 203.0.113.1}
      names:
        sets:
          split: {answer: weighted, regions: {eu: 3, us: 1}}
        geo:
          default: [us, eu, asia]
          prefixes: {10.9.0.0/16: asia, 81.2.69.128/25: us}
          countries: {CA: eu}
          continents: {SA: [asia, us]}
        records:
          "@": {answer: nearest, MX: 10 mail}
          www: {CNAME: "@"}
          "*.wild": {answer: nearest}
          split: {answer: weighted, regions: {eu: 3, us: 1}}
          first: {answer: failover, regions: [eu, us], ttl: 7 s}
          all: {answer: all}
          mix: {answer: nearest, regions: [split, asia]}
          plain: {A: 192.0.2.99}
          mail: {A: 192.0.2.25}
          toweb: {MX: 5 first}
      """;

  private GeoSite() {}

  static byte[] database() {
    return new MmdbWriter(28, true)
        .put("81.2.69.0/24", Map.of("country", Map.of("iso_code", "GB")))
        .put("81.2.70.0/24", Map.of("country", Map.of("iso_code", "FR")))
        .put("100.0.0.0/8", Map.of("country_code", "US"))
        .put("101.0.0.0/9", Map.of("country_code", "JP"))
        .put("101.128.0.0/9", Map.of("country_code", "KR"))
        .put("102.0.0.0/8", Map.of("country_code", "CA"))
        .put("103.0.0.0/8", Map.of("country_code", "BR"))
        .put("2a00::/16", Map.of("country_code", "DE"))
        .put("2400::/16", Map.of("country_code", "JP"))
        .write();
  }

  static Path database(Path folder, byte[] bytes) throws IOException {
    Path file = folder.resolve("geo/country.mmdb");
    Files.createDirectories(folder.resolve("geo"));
    Path next = folder.resolve("geo/next");
    Files.write(next, bytes);
    Files.move(next, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    return file;
  }

  static Zones zones(Path folder, String yaml) throws IOException {
    Files.writeString(folder.resolve("site.yaml"), yaml);
    return Zones.of(SiteLoader.load(folder), Optional.of(Sites.WEB));
  }

  static Zones zones(Path folder) throws IOException {
    database(folder, database());
    return zones(folder, YAML);
  }

  static Responder responder(Zones zones, @Nullable String from) {
    Responder responder = Wired.responder(zones);
    if (from != null) {
      InetAddress address = InetAddress.ofLiteral(from);
      responder.from(client -> client.cameFrom(address));
    }
    return responder;
  }

  static Message query(String name, int type, @Nullable String subnet) throws IOException {
    Message query = Wired.query(name, type);
    if (subnet != null) {
      query.addRecord(new OPTRecord(1232, 0, 0, 0, List.of(option(subnet))), Section.ADDITIONAL);
    }
    return query;
  }

  static EDNSOption option(String subnet) throws UnknownHostException {
    String[] parts = subnet.split("/", 2);
    return new ClientSubnetOption(Integer.parseInt(parts[1]), InetAddress.ofLiteral(parts[0]));
  }

  /** The addresses of an answer, sorted. */
  static String addresses(Message answer) {
    return String.join(
        ",",
        answer.getSection(Section.ANSWER).stream()
            .filter(r -> r.getType() == Type.A || r.getType() == Type.AAAA)
            .map(Record::rdataToString)
            .sorted()
            .toList());
  }

  static int scope(Message answer) {
    List<EDNSOption> options = answer.getOPT().getOptions(8);
    return options.isEmpty()
        ? -1
        : ((ClientSubnetOption) options.getFirst()).getScopePrefixLength();
  }
}
