package dev.meridian.dns;

import dev.meridian.dns.ZoneKeys.Entry;
import dev.meridian.dns.ZoneKeys.Stage;
import dev.meridian.document.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys of a node's zones and the signatures made with them (DNSSEC). Keys are made when a zone
 * is first signed, and are on disk before anything is signed with them. For any thread.
 */
public final class Signing {
  private static final Logger LOG = LoggerFactory.getLogger(Signing.class);

  private final KeyFolder folder;
  private final InstantSource clock;
  private final SignatureCache signatures = new SignatureCache();

  /** What is in the folder, as far as it was needed; guarded by this. */
  private final Map<WireName, ZoneKeys> zones = new HashMap<>();

  Signing(Path folder, InstantSource clock) {
    this.folder = new KeyFolder(folder);
    this.clock = clock;
  }

  /**
   * Signing with the keys in a folder, which is made when the first key is.
   *
   * @param folder nobody but its owner may have rights to it
   */
  public static Signing in(Path folder) {
    return new Signing(folder, InstantSource.system());
  }

  InstantSource clock() {
    return clock;
  }

  /**
   * Adds the keys of zones that are to be signed to their contents.
   *
   * @param ttl of records that are yet to be added
   * @return the keys
   * @throws UncheckedIOException if keys cannot be read or made; the message says how to mend it
   */
  synchronized List<ZoneKeys> prepare(Collection<ZoneContents> all, Duration ttl) {
    List<ZoneKeys> prepared = new ArrayList<>();
    for (ZoneContents zone : all) {
      ZoneKeys keys = keys(zone.apex(), SignedZone.longestTtl(zone, ttl));
      SignedZone.addKeys(zone, keys);
      SignedZone.addToParent(zone, keys, all, ZoneKeys.TTL);
      prepared.add(keys);
    }
    return prepared;
  }

  /**
   * What signs a zone.
   *
   * @param negativeTtl of the zone, in seconds
   */
  ZoneSigner signer(ZoneKeys keys, long negativeTtl) {
    return new ZoneSigner(keys, negativeTtl, signatures);
  }

  /**
   * The zones that are signed and their keys, without the secrets, as JSON: {@code {"zones":
   * [{"zone", "ds", "keys": [{"tag", "stage", "since", "until", "dnskey", "ds"}]}]}}; {@code ds} of
   * a zone are the tags of the keys that its parent shall point at.
   */
  public synchronized byte[] report() {
    List<Json> all =
        zones.values().stream()
            .sorted(Comparator.comparing(keys -> keys.apex().toString()))
            .map(Signing::report)
            .toList();
    return new Json.Obj(Map.of("zones", new Json.Arr(all))).toBytes();
  }

  private static Json report(ZoneKeys zone) {
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

  private ZoneKeys keys(WireName apex, Duration longestTtl) {
    ZoneKeys known = zones.get(apex);
    if (known != null) {
      return known;
    }
    try {
      Optional<ZoneKeys> kept = folder.read(apex);
      ZoneKeys keys = kept.isPresent() ? kept.get() : make(apex, longestTtl);
      zones.put(apex, keys);
      return keys;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private ZoneKeys make(WireName apex, Duration longestTtl) throws IOException {
    Instant now = clock.instant();
    Instant until = now.plus(longestTtl);
    ZoneKeys keys =
        new ZoneKeys(apex, List.of(new Entry(SigningKey.generate(), Stage.FRESH, now, until)));
    folder.write(keys);
    LOG.info(
        "The zone {} is signed from now on, with {}. './meridian dns ds' shows what its parent needs.",
        apex,
        keys.active().key());
    return keys;
  }
}
