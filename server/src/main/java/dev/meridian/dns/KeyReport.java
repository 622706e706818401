package dev.meridian.dns;

import dev.meridian.dns.ZoneKeys.Entry;
import dev.meridian.document.Json;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The keys of a zone for people, without the secrets. */
final class KeyReport {
  private KeyReport() {}

  static Json of(ZoneKeys zone) {
    List<Json> keys = new ArrayList<>();
    for (Entry entry : zone.entries()) {
      Map<String, Json> members = new LinkedHashMap<>();
      members.put("tag", Json.Num.of(entry.key().tag()));
      members.put("stage", new Json.Str(entry.stage().name().toLowerCase(Locale.ROOT)));
      members.put("since", new Json.Str(entry.since().toString()));
      members.put("until", new Json.Str(entry.until().toString()));
      byte[] dnskey = entry.key().dnskey();
      members.put(
          "dnskey",
          new Json.Str(
              "%d %d %d %s"
                  .formatted(
                      Wire.getShort(dnskey, 0),
                      dnskey[2],
                      dnskey[3],
                      Base64.getEncoder()
                          .encodeToString(Arrays.copyOfRange(dnskey, 4, dnskey.length)))));
      byte[] ds = entry.key().ds(zone.apex());
      members.put(
          "ds",
          new Json.Str(
              "%d %d %d %s"
                  .formatted(
                      Wire.getShort(ds, 0),
                      ds[2],
                      ds[3],
                      HexFormat.of().withUpperCase().formatHex(ds, 4, ds.length))));
      keys.add(new Json.Obj(members));
    }
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("zone", new Json.Str(zone.apex().toString()));
    members.put("ds", new Json.Arr(List.of(Json.Num.of(zone.wanted().tag()))));
    members.put("keys", new Json.Arr(keys));
    return new Json.Obj(members);
  }
}
