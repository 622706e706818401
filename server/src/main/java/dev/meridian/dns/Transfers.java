package dev.meridian.dns;

import dev.meridian.site.Secondary;
import dev.meridian.site.TransferKey;
import java.time.InstantSource;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Who may copy the zones of one snapshot, and what they get. Immutable, but that copies are made
 * when they are wanted; for any thread.
 */
final class Transfers {
  /** Nobody, nothing. */
  static final Transfers NONE = new Transfers(List.of(), Map.of());

  private final List<Secondary> secondaries;
  private final Map<WireName, ZoneVersion> zones;
  private final Map<WireName, TransferKey> keys = new HashMap<>();

  private Transfers(List<Secondary> secondaries, Map<WireName, ZoneVersion> zones) {
    this.secondaries = List.copyOf(secondaries);
    this.zones = Map.copyOf(zones);
    for (Secondary secondary : secondaries) {
      secondary.key().ifPresent(key -> keys.put(MessageSignature.name(key), key));
    }
  }

  /**
   * Those that follow these.
   *
   * @param signers of the zones that are signed
   * @param clock for the times of signatures
   */
  Transfers next(
      List<Secondary> allowed,
      Collection<ZoneContents> contents,
      Function<ZoneContents, @Nullable ZoneSigner> signers,
      InstantSource clock) {
    if (allowed.isEmpty()) {
      return NONE;
    }
    Map<WireName, ZoneVersion> next = new HashMap<>();
    for (ZoneContents zone : contents) {
      ZoneVersion before = zones.get(zone.apex());
      CopyMaker maker =
          new CopyMaker(CopyMaker.below(zone.apex(), contents), signers.apply(zone), clock);
      // A serial stands for contents, so the same serial is the same version.
      next.put(
          zone.apex(),
          before == null
              ? ZoneVersion.first(zone, maker)
              : before.serial() == zone.serial() ? before : before.next(zone, maker));
    }
    return new Transfers(allowed, next);
  }

  List<Secondary> secondaries() {
    return secondaries;
  }

  Collection<ZoneVersion> zones() {
    return zones.values();
  }

  /** The zone that begins at a name; null if there is none to be copied. */
  @Nullable ZoneVersion zone(WireName apex) {
    return zones.get(apex);
  }

  /** The key of a name; null if nobody has one that is called so. */
  @Nullable TransferKey key(WireName name) {
    return keys.get(name);
  }

  /**
   * Whether somebody may copy the zones.
   *
   * @param client located
   * @param key what the request was signed with, rightly; null if it was not signed
   */
  boolean allows(Client client, @Nullable TransferKey key) {
    for (Secondary secondary : secondaries) {
      if (secondary.network().holds(client.isV4(), client.high(), client.low())
          && (secondary.key().isEmpty() || (key != null && key.equals(secondary.key().get())))) {
        return true;
      }
    }
    return false;
  }
}
