package dev.meridian.dns;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All records of one version of a zone as a secondary gets them: names in canonical order, signed
 * if the zone is. Immutable once made.
 */
final class ZoneCopy {
  private final ZoneRecord soa;
  private final List<Owner> owners;
  private final @Nullable ZoneSigner signer;
  private int size = 2;

  /**
   * A name with its records.
   *
   * @param sets RRsets, those of signatures among them
   */
  record Owner(WireName name, List<RrSet> sets) {}

  /**
   * Creates it.
   *
   * @param owners all names with records but the SOA, in order
   * @param signer who made the signatures; null if there are none
   */
  ZoneCopy(ZoneRecord soa, List<Owner> owners, @Nullable ZoneSigner signer) {
    this.soa = soa;
    this.owners = owners;
    this.signer = signer;
    for (Owner owner : owners) {
      for (RrSet set : owner.sets()) {
        size += set.rdata().size();
      }
    }
  }

  ZoneRecord soa() {
    return soa;
  }

  List<Owner> owners() {
    return owners;
  }

  /** Records it takes to tell it. */
  int size() {
    return size;
  }

  /** The signatures of each name that another signer can take, if it has the same keys. */
  Map<WireName, List<RrSet>> signedFor(ZoneSigner other) {
    Map<WireName, List<RrSet>> signed = new HashMap<>();
    if (signer != null && signer.hasKeysOf(other)) {
      owners.forEach(owner -> signed.put(owner.name(), owner.sets()));
    }
    return signed;
  }

  /** What has changed since an earlier copy. */
  ZoneDiff since(ZoneCopy before) {
    Map<WireName, List<RrSet>> old = new HashMap<>(before.owners.size() * 2);
    before.owners.forEach(owner -> old.put(owner.name(), owner.sets()));
    List<ZoneRecord> removed = new ArrayList<>();
    List<ZoneRecord> added = new ArrayList<>();
    for (Owner owner : owners) {
      List<RrSet> was = old.remove(owner.name());
      if (was == null) {
        added.addAll(records(owner.sets()));
        continue;
      }
      Set<Same> gone = same(was);
      Set<Same> here = same(owner.sets());
      records(was).stream().filter(r -> !here.contains(new Same(r))).forEach(removed::add);
      records(owner.sets()).stream().filter(r -> !gone.contains(new Same(r))).forEach(added::add);
    }
    for (Owner owner : before.owners) {
      if (old.containsKey(owner.name())) {
        removed.addAll(records(owner.sets()));
      }
    }
    return new ZoneDiff(before.soa, removed, soa, added);
  }

  private static Set<Same> same(List<RrSet> sets) {
    Set<Same> all = new HashSet<>();
    records(sets).forEach(record -> all.add(new Same(record)));
    return all;
  }

  /** The records of a name but the SOA. */
  static List<ZoneRecord> records(List<RrSet> sets) {
    List<ZoneRecord> records = new ArrayList<>();
    for (RrSet set : sets) {
      for (byte[] data : set.rdata()) {
        records.add(new ZoneRecord(set.owner(), set.type(), set.ttl(), data, set.place()));
      }
    }
    return records;
  }

  /** Two records of one name are the same for a secondary. */
  private static final class Same {
    private final ZoneRecord record;

    Same(ZoneRecord record) {
      this.record = record;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Same same
          && record.type() == same.record.type()
          && record.ttl() == same.record.ttl()
          && java.util.Arrays.equals(record.rdata(), same.record.rdata())
          // A name whose case has changed is another to those who keep it.
          && java.util.Arrays.equals(record.owner().wire(), same.record.owner().wire());
    }

    @Override
    public int hashCode() {
      return Objects.hash(record.type(), java.util.Arrays.hashCode(record.rdata()));
    }
  }
}
