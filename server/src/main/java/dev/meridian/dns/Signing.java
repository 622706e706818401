package dev.meridian.dns;

import dev.meridian.dns.ZoneKeys.Stage;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys of a node's zones and the signatures made with them (DNSSEC). Keys are made when a zone
 * is first signed, and are on disk before anything is signed with them; whoever serves the zones
 * lets them grow old and be replaced by calling {@link #look} and {@link #advance} now and then.
 * For any thread.
 */
public final class Signing {
  private static final Logger LOG = LoggerFactory.getLogger(Signing.class);
  private static final Duration ASK_EVERY = Duration.ofMinutes(10);

  /** How often it is looked whether a parent points at the right key when no key waits for that. */
  private static final Duration LOOK_EVERY = Duration.ofDays(1);

  /** How far the clock may be from the one that nobody sets before it counts as set. */
  private static final Duration CLOCK_STEP = Duration.ofMinutes(2);

  private final KeyFolder folder;
  private final InstantSource clock;
  private final LongSupplier nanos;
  private final ParentDs parents;
  private final boolean owner;
  private final SignatureCache signatures = new SignatureCache();

  /** What is in the folder, as far as it was needed; guarded by this. */
  private final Map<WireName, ZoneKeys> zones = new HashMap<>();

  /** What parents said since the last step; guarded by this. */
  private final Map<WireName, ParentDs.Said> said = new HashMap<>();

  /** When a zone's parent was last asked; guarded by this. */
  private final Map<WireName, Instant> asked = new HashMap<>();

  /** When it was last said that a zone waits for its parent; guarded by this. */
  private final Map<WireName, Instant> reminded = new HashMap<>();

  /** The zones that were prepared last, and no others, are led on; guarded by this. */
  private Set<WireName> served = Set.of();

  /** Both clocks when the keys were last led on; guarded by this. */
  private Clocks last;

  Signing(Path folder, InstantSource clock) {
    this(folder, clock, () -> clock.millis() * 1_000_000, new ParentServers(), true);
  }

  /**
   * Creates it.
   *
   * @param nanos a clock that nobody sets, such as {@link System#nanoTime}
   * @param owner whether keys are made and replaced here, rather than taken from another node
   */
  Signing(Path folder, InstantSource clock, LongSupplier nanos, ParentDs parents, boolean owner) {
    this.owner = owner;
    this.folder = new KeyFolder(folder);
    this.clock = clock;
    this.nanos = nanos;
    this.parents = parents;
    this.last = new Clocks(clock.instant(), nanos.getAsLong());
  }

  /**
   * Signing with the keys in a folder, which is made when the first key is.
   *
   * @param folder nobody but its owner may have rights to it
   * @param owner whether keys are made and replaced here, rather than taken from another node: of
   *     all nodes that serve a zone one is, or they would sign with keys that the others deny
   */
  public static Signing in(Path folder, boolean owner) {
    return new Signing(
        folder, InstantSource.system(), System::nanoTime, new ParentServers(), owner);
  }

  /** Whether there are keys here of any zone. */
  public boolean hasKeys() {
    return folder.hasAny();
  }

  /** Whether keys are made and replaced here. */
  public boolean isOwner() {
    return owner;
  }

  /** The keys of all zones served, secrets and all, for other nodes of the cluster. */
  public synchronized byte[] export() {
    return new Json.Arr(served.stream().map(zones::get).map(ZoneKeys::toJson).toList()).toBytes();
  }

  /**
   * Takes the keys that another node has exported, where they are later ones, or others altogether:
   * that node has lost those before and begun anew.
   *
   * @param compile as of {@link #advance}; null before anything is served
   * @return the zones to serve from now on, if any key is new
   * @throws UncheckedIOException if they are no keys or could not be written
   */
  public synchronized Optional<Zones> take(byte[] exported, @Nullable Supplier<Zones> compile) {
    Map<WireName, ZoneKeys> changed = new HashMap<>();
    try {
      for (Json json : ((Json.Arr) Json.parse(exported)).items()) {
        ZoneKeys keys = ZoneKeys.parse(json);
        ZoneKeys known = zones.get(keys.apex());
        Optional<ZoneKeys> mine = known == null ? folder.read(keys.apex()) : Optional.of(known);
        if (mine.isEmpty() || keys.follow(mine.get())) {
          changed.put(keys.apex(), keys);
        } else if (keys.precede(mine.get())) {
          LOG.error(
              "The node that makes the keys of the zone {} has older ones ({}) than this ({}), so the"
                  + " two sign differently. Put the newer ones in its place: copy the folder {} of"
                  + " this node to it, and start it again.",
              keys.apex(),
              keys,
              mine.get(),
              folder);
        }
      }
    } catch (InvalidInputException | ClassCastException | GeneralSecurityException e) {
      throw new UncheckedIOException(new IOException("What came are no keys of zones", e));
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
    if (changed.isEmpty()) {
      return Optional.empty();
    }
    if (compile == null) {
      change(changed, () -> Zones.NONE);
      return Optional.empty();
    }
    return Optional.of(change(changed, compile));
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
    served = prepared.stream().map(ZoneKeys::apex).collect(Collectors.toUnmodifiableSet());
    return prepared;
  }

  /**
   * Asks the parents of zones what they say of the keys: every ten minutes when a key waits for
   * that, else once a day, to warn of one that points elsewhere. Takes seconds.
   */
  public void look() {
    if (!owner) {
      return;
    }
    List<WireName> due = new ArrayList<>();
    synchronized (this) {
      Instant now = clock.instant();
      for (WireName apex : served) {
        Instant last = asked.getOrDefault(apex, Instant.EPOCH);
        ZoneKeys keys = zones.get(apex);
        boolean needed = keys != null && Rollover.needsParent(keys, now);
        Duration pause = needed ? ASK_EVERY : LOOK_EVERY;
        if (now.isBefore(last) || !now.isBefore(last.plus(pause))) {
          asked.put(apex, now);
          due.add(apex);
          if (keys != null) {
            remind(keys, now);
          }
        }
      }
    }
    for (WireName apex : due) {
      Optional<ParentDs.Said> answer = parents.ask(apex);
      synchronized (this) {
        answer.ifPresent(
            heard -> {
              said.put(apex, heard);
              warn(zones.get(apex), heard);
            });
      }
    }
  }

  /** Says once a day that a key waits for its parent, which may need somebody's hand. */
  private void remind(ZoneKeys keys, Instant now) {
    WireName apex = keys.apex();
    Instant last = reminded.getOrDefault(apex, Instant.EPOCH);
    if (keys.at(Stage.SUBMITTED).isPresent() && !now.isBefore(last.plus(LOOK_EVERY))) {
      reminded.put(apex, now);
      LOG.warn(
          "The zone {} waits for its parent to point at its new key. If the parent does not read CDS,"
              + " hand the registrar what './meridian dns ds {}' shows.",
          apex,
          apex);
    }
  }

  /** A parent that points at none of the keys makes the zone unreachable for those who validate. */
  private static void warn(@Nullable ZoneKeys keys, ParentDs.Said heard) {
    if (keys != null
        && heard.servers().stream().anyMatch(ds -> !ds.isEmpty())
        && keys.entries().stream().noneMatch(entry -> heard.anywhere(entry.key()))) {
      LOG.error(
          "The parent of the zone {} points at another key, so validating resolvers refuse the zone."
              + " Have the registrar put in what './meridian dns ds' shows, or take the DS away.",
          keys.apex());
    }
  }

  /**
   * Leads the keys of all zones on by the steps that are due. Either all of it happens, or an
   * exception says why nothing did. Calls must not overlap with others that compile zones.
   *
   * @param compile makes the zones with the keys as they are while it is called
   * @return the zones to serve from now on, if any key came further
   * @throws UncheckedIOException if the keys could not be written
   */
  public synchronized Optional<Zones> advance(Supplier<Zones> compile) {
    if (!owner) {
      return Optional.empty();
    }
    Clocks clocks = clocks();
    Map<WireName, ZoneKeys> changed = shifted(clocks);
    for (WireName apex : served) {
      ZoneKeys known = changed.get(apex);
      ZoneKeys keys = known != null ? known : Objects.requireNonNull(zones.get(apex));
      Optional<ParentDs.Said> parent = Optional.ofNullable(said.remove(apex));
      Rollover.step(keys, clocks.wall(), parent).ifPresent(next -> changed.put(apex, next));
    }
    Optional<Zones> next =
        changed.isEmpty() ? Optional.empty() : Optional.of(change(changed, compile));
    // Not before: what failed must be moved along next time.
    last = clocks;
    return next;
  }

  /**
   * Two clocks at one moment.
   *
   * @param wall the one that people set
   * @param nanos the other
   */
  private record Clocks(Instant wall, long nanos) {}

  private Clocks clocks() {
    return new Clocks(clock.instant(), nanos.getAsLong());
  }

  /**
   * When the clock was set, whatever is waited for is moved along, so that it neither ends early
   * nor lasts for years.
   */
  private Map<WireName, ZoneKeys> shifted(Clocks now) {
    Duration by = Duration.between(last.wall(), now.wall()).minusNanos(now.nanos() - last.nanos());
    Map<WireName, ZoneKeys> changed = new HashMap<>();
    if (by.abs().compareTo(CLOCK_STEP) > 0) {
      LOG.warn("The clock was set by {}; what the keys of zones wait for is moved along.", by);
      zones.forEach((apex, keys) -> changed.put(apex, Rollover.shifted(keys, by)));
    }
    return changed;
  }

  /**
   * Begins to replace the key of a zone, as {@link #advance} does of itself once a year.
   *
   * @return the zones to serve from now on
   * @throws InvalidInputException if that cannot be begun now; the message says why
   * @throws UncheckedIOException if the keys could not be written
   */
  public synchronized Zones roll(String zone, Supplier<Zones> compile) {
    return changeOne(zone, (keys, now) -> begun(zone, keys, now), compile);
  }

  private static ZoneKeys begun(String zone, ZoneKeys keys, Instant now) {
    if (keys.at(Stage.FRESH).isPresent()) {
      throw new InvalidInputException(
          "The key of '"
              + zone
              + "' is new; it can be replaced from "
              + keys.active().until()
              + ".");
    }
    if (keys.entries().size() > 1) {
      throw new InvalidInputException(
          "A key of '"
              + zone
              + "' is being replaced already; './meridian dns keys' shows how far.");
    }
    return Rollover.begin(keys, now);
  }

  private Zones changeOne(
      String zone, BiFunction<ZoneKeys, Instant, ZoneKeys> how, Supplier<Zones> compile) {
    Clocks clocks = clocks();
    ZoneKeys found = find(zone);
    // The clock may have been set since the keys were last led on.
    Map<WireName, ZoneKeys> changed = shifted(clocks);
    ZoneKeys keys = changed.getOrDefault(found.apex(), found);
    changed.put(found.apex(), how.apply(keys, clocks.wall()));
    Zones next = change(changed, compile);
    last = clocks;
    return next;
  }

  /**
   * Takes the operator's word that a zone's parent points at its new key, and no more at the old.
   *
   * @return the zones to serve from now on
   * @throws InvalidInputException if no key waits for that
   * @throws UncheckedIOException if the keys could not be written
   */
  public synchronized Zones confirm(String zone, Supplier<Zones> compile) {
    return changeOne(
        zone,
        (keys, now) ->
            Rollover.confirm(keys, now)
                .orElseThrow(
                    () ->
                        new InvalidInputException(
                            "No key of '"
                                + zone
                                + "' waits for its parent; './meridian dns keys' shows how far it"
                                + " is.")),
        compile);
  }

  private ZoneKeys find(String zone) {
    if (!owner) {
      throw new InvalidInputException(
          "Keys are replaced on the node that the site is edited on; ask that one (--admin).");
    }
    return served.stream()
        .filter(apex -> apex.toString().equalsIgnoreCase(bare(zone)))
        .map(zones::get)
        .findFirst()
        .orElseThrow(
            () -> new InvalidInputException("The zone '" + zone + "' is not signed here."));
  }

  private static String bare(String zone) {
    return zone.length() > 1 && zone.endsWith(".") ? zone.substring(0, zone.length() - 1) : zone;
  }

  /**
   * Compiled before it is written, written before it is served; what fails undoes what was done.
   */
  private Zones change(Map<WireName, ZoneKeys> changed, Supplier<Zones> compile) {
    Map<WireName, ZoneKeys> before = Map.copyOf(zones);
    zones.putAll(changed);
    try {
      Zones compiled = compile.get();
      for (ZoneKeys keys : changed.values()) {
        folder.write(keys);
      }
      for (ZoneKeys keys : changed.values()) {
        LOG.info("The keys of the zone {} are now: {}.", keys.apex(), keys);
      }
      return compiled;
    } catch (IOException e) {
      zones.putAll(before);
      throw new UncheckedIOException(e.getMessage(), e);
    } catch (RuntimeException e) {
      zones.putAll(before);
      throw e;
    }
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
            .map(KeyReport::of)
            .toList();
    return new Json.Obj(Map.of("zones", new Json.Arr(all))).toBytes();
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
    if (!owner) {
      throw new IOException(
          "The keys of the zone '"
              + apex
              + "' are not here yet. The node that the site is edited on makes them and gives them to"
              + " the others; is it running?");
    }
    Instant now = clock.instant();
    Instant until = now.plus(longestTtl);
    ZoneKeys keys = ZoneKeys.first(apex, SigningKey.generate(), now, until);
    folder.write(keys);
    LOG.info(
        "The zone {} is signed from now on, with {}. './meridian dns ds' shows what its parent needs.",
        apex,
        keys.active().key());
    return keys;
  }
}
