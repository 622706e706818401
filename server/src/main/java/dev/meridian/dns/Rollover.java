package dev.meridian.dns;

import dev.meridian.dns.ZoneKeys.Entry;
import dev.meridian.dns.ZoneKeys.Stage;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Replaces the key of a zone by another one while every resolver, whatever it has in its cache, can
 * validate all the time. Pure functions of the keys, the time and what the parent says: each makes
 * one step, so a crash between two of them loses nothing, and waiting longer than asked for is
 * always safe.
 *
 * <p>The way (RFC 7583, section 3.2.1 and 3.3.1 in one, since one key signs all): the next key is
 * published and signs the keys, until every cache has it or nothing (PUBLISHED). Then the parent is
 * asked to point at it, by CDS and CDNSKEY (RFC 7344), and may take its time: both keys are good
 * (SUBMITTED). When it does so on all its servers, its old word is let run out (SEEN). Then the new
 * key signs (ACTIVE), and the old one stays known until its last signature has expired (RETIRED).
 */
final class Rollover {
  /** How old a key gets before the next is begun. */
  static final Duration LIFETIME = Duration.ofDays(365);

  /** Added to what caches may keep: for nodes and clocks that are behind. */
  static final Duration MARGIN = Duration.ofHours(1);

  /** How long resolvers may keep a DS when we did not see for ourselves what the parent says. */
  static final Duration UNSEEN_DS_TTL = Duration.ofDays(2);

  private Rollover() {}

  /** Whether it matters now what the parent says. */
  static boolean needsParent(ZoneKeys keys, Instant now) {
    return keys.at(Stage.SUBMITTED).isPresent()
        || keys.at(Stage.SEEN).isPresent()
        || isOld(keys, now);
  }

  private static boolean isOld(ZoneKeys keys, Instant now) {
    return keys.entries().size() == 1
        && keys.at(Stage.ACTIVE)
            .filter(key -> !now.isBefore(key.since().plus(LIFETIME)))
            .isPresent();
  }

  /**
   * The next step, if it is time for one.
   *
   * @param parent what the parent was seen to say just now; empty if it could not be asked or not
   */
  static Optional<ZoneKeys> step(ZoneKeys keys, Instant now, Optional<ParentDs.Said> parent) {
    for (Entry entry : keys.entries()) {
      boolean due = !now.isBefore(entry.until());
      switch (entry.stage()) {
        case FRESH -> {
          if (due) {
            return moved(keys, entry, Stage.ACTIVE, now, Duration.ZERO);
          }
        }
        case PUBLISHED -> {
          if (due) {
            return moved(keys, entry, Stage.SUBMITTED, now, Duration.ZERO);
          }
        }
        case SUBMITTED -> {
          Optional<ParentDs.Said> done = parent.filter(said -> pointsAt(said, keys, entry));
          if (done.isPresent()) {
            return moved(keys, entry, Stage.SEEN, now, done.get().ttl().plus(MARGIN));
          }
        }
        case SEEN -> {
          if (parent.isPresent() && !pointsAt(parent.get(), keys, entry)) {
            // It went back, or not all of its servers were there yet.
            return moved(keys, entry, Stage.SUBMITTED, now, Duration.ZERO);
          }
          if (due) {
            return Optional.of(swapped(keys, entry, now));
          }
        }
        case RETIRED -> {
          if (due) {
            List<Entry> left = new ArrayList<>(keys.entries());
            left.remove(entry);
            return Optional.of(keys.next(left));
          }
        }
        case ACTIVE -> {
          // Without a DS at the parent nobody looks at the key, and nothing would be gained.
          boolean trusted = parent.filter(p -> p.everywhere(entry.key(), keys.apex())).isPresent();
          if (isOld(keys, now) && trusted) {
            return Optional.of(begin(keys, now));
          }
        }
      }
    }
    return Optional.empty();
  }

  /**
   * Begins to replace the key.
   *
   * @throws IllegalStateException if that has begun, or the zone has only just been signed
   */
  static ZoneKeys begin(ZoneKeys keys, Instant now) {
    if (keys.entries().size() != 1 || keys.at(Stage.ACTIVE).isEmpty()) {
      throw new IllegalStateException("one key is replaced at a time");
    }
    SigningKey next = SigningKey.generate();
    while (next.tag() == keys.active().key().tag()) {
      next = SigningKey.generate(); // one tag for two keys costs validators time
    }
    List<Entry> entries = new ArrayList<>(keys.entries());
    Instant until = now.plusSeconds(ZoneKeys.TTL).plus(MARGIN);
    entries.add(new Entry(next, Stage.PUBLISHED, now, until));
    return keys.next(entries);
  }

  /** The operator says that the parent points at the new key, and only at it. */
  static Optional<ZoneKeys> confirm(ZoneKeys keys, Instant now) {
    return keys.at(Stage.SUBMITTED)
        .flatMap(entry -> moved(keys, entry, Stage.SEEN, now, UNSEEN_DS_TTL.plus(MARGIN)));
  }

  /** The same keys when the clock was set: all that is waited for lasts as long as it did. */
  static ZoneKeys shifted(ZoneKeys keys, Duration by) {
    return keys.next(
        keys.entries().stream()
            .map(e -> new Entry(e.key(), e.stage(), e.since().plus(by), e.until().plus(by)))
            .toList());
  }

  /** All of the parent's servers point at this key, and none at another one of the zone's. */
  private static boolean pointsAt(ParentDs.Said said, ZoneKeys keys, Entry wanted) {
    return said.everywhere(wanted.key(), keys.apex())
        && keys.entries().stream()
            .filter(entry -> !entry.equals(wanted))
            .noneMatch(entry -> said.anywhere(entry.key()));
  }

  private static Optional<ZoneKeys> moved(
      ZoneKeys keys, Entry entry, Stage to, Instant now, Duration wait) {
    List<Entry> entries = new ArrayList<>(keys.entries());
    entries.set(entries.indexOf(entry), new Entry(entry.key(), to, now, now.plus(wait)));
    return Optional.of(keys.next(entries));
  }

  private static ZoneKeys swapped(ZoneKeys keys, Entry next, Instant now) {
    List<Entry> entries = new ArrayList<>();
    for (Entry entry : keys.entries()) {
      if (entry.equals(next)) {
        entries.add(new Entry(next.key(), Stage.ACTIVE, now, now));
      } else {
        // No signature outlives its validity, in whatever cache it is and whatever its TTL was.
        Instant until = now.plus(RrSignature.VALIDITY).plus(MARGIN);
        entries.add(new Entry(entry.key(), Stage.RETIRED, now, until));
      }
    }
    return keys.next(entries);
  }
}
