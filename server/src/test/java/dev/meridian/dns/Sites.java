package dev.meridian.dns;

import dev.meridian.site.Limits;
import dev.meridian.site.Listeners;
import dev.meridian.site.Names;
import dev.meridian.site.Rules;
import dev.meridian.site.Secondary;
import dev.meridian.site.Site;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.xbill.DNS.Name;
import org.xbill.DNS.Type;

/** Sites and zones for tests. */
final class Sites {
  static final Duration TTL = Duration.ofMinutes(5);
  static final InetSocketAddress WEB = new InetSocketAddress("127.0.0.1", 8080);

  private Sites() {}

  static Site site(Path folder, List<String> domains, Names names) {
    return new Site(
        folder,
        "test",
        domains,
        Listeners.DEFAULT,
        Optional.empty(),
        Rules.DEFAULT,
        Map.of(),
        names,
        Limits.DEFAULT);
  }

  static Names names(List<Path> files, Names.NameRecord... records) {
    return new Names(TTL, List.of(), Optional.empty(), false, files, List.of(records));
  }

  static Names.NameRecord record(String name, String type, String data, int line) {
    return new Names.NameRecord(name, type, Optional.empty(), data, line);
  }

  /** The zones of zone file texts, each with an SOA. */
  static Zones zones(String... texts) {
    return new Zones(
        new Zones.Parts(
            java.util.Arrays.stream(texts).map(Sites::contents).toList(),
            Map.of(),
            List.of(),
            null),
        null);
  }

  /** The same, for some to copy. */
  static Zones copied(List<Secondary> secondaries, String... texts) {
    return new Zones(
        new Zones.Parts(
            java.util.Arrays.stream(texts).map(Sites::contents).toList(),
            Map.of(),
            List.of(),
            null,
            GeoData.NONE,
            Serials.NONE,
            secondaries,
            Long.MIN_VALUE),
        null);
  }

  /** The same, signed. */
  static Zones signed(Signing signing, String... texts) {
    return signed(signing, List.of(texts), List.of());
  }

  /** The same, some signed, others not. */
  static Zones signed(Signing signing, List<String> texts, List<String> unsigned) {
    List<ZoneContents> all = new java.util.ArrayList<>();
    texts.forEach(text -> all.add(uncompleted(text)));
    List<ZoneKeys> keys = signing.prepare(all, TTL);
    unsigned.forEach(text -> all.add(uncompleted(text)));
    all.forEach(ZoneContents::complete);
    return new Zones(new Zones.Parts(all, Map.of(), keys, signing), null);
  }

  static ZoneContents contents(String text) {
    ZoneContents contents = uncompleted(text);
    contents.complete();
    return contents;
  }

  private static ZoneContents uncompleted(String text) {
    List<ZoneRecord> records = new java.util.ArrayList<>();
    MasterFile.readText("test.zone", text, Name.root, 300, records::add);
    WireName apex =
        records.stream().filter(r -> r.type() == Type.SOA).findFirst().orElseThrow().owner();
    ZoneContents contents = new ZoneContents(apex);
    records.forEach(contents::add);
    return contents;
  }
}
