package dev.meridian.dns;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The RRsets of a zone by name. A zone may have millions of names, so the sets are in the table
 * themselves, each leading to the next of its name: a map of lists would need more than twice the
 * memory, for as long as a zone is read. Lists are made for whoever asks, and change nothing. Built
 * by one thread.
 */
final class NameTable extends AbstractMap<WireName, List<RrSet>> {
  private @Nullable RrSet[] heads = new @Nullable RrSet[16];
  private int count;

  /** Names that only exist because there are names below them. */
  private final Set<WireName> empty = new HashSet<>();

  /** The first RRset of a name, or null if it has none. */
  @Nullable RrSet first(WireName name) {
    return heads[slot(heads, name)];
  }

  /** Adds an RRset of a type that its name does not have; tells whether the name has others. */
  boolean add(RrSet set) {
    int slot = slot(heads, set.owner());
    RrSet head = heads[slot];
    if (head != null) {
      RrSet last = head;
      for (RrSet next = last.next(); next != null; next = last.next()) {
        last = next;
      }
      last.next(set);
      return true;
    }
    empty.remove(set.owner());
    heads[slot] = set;
    count++;
    // At most half full, so that a probe ends soon.
    if (2 * count > heads.length) {
      grow();
    }
    return false;
  }

  /** Adds a name without records, where there is none yet. */
  void addEmpty(WireName name) {
    if (first(name) == null) {
      empty.add(name);
    }
  }

  private void grow() {
    @Nullable RrSet[] larger = new @Nullable RrSet[2 * heads.length];
    for (RrSet head : heads) {
      if (head != null) {
        larger[slot(larger, head.owner())] = head;
      }
    }
    heads = larger;
  }

  /** Where a name is, or the free place where it would be. */
  private static int slot(@Nullable RrSet[] table, WireName name) {
    int mask = table.length - 1;
    int hash = name.hashCode() * 0x9E3779B1;
    int slot = (hash ^ (hash >>> 15)) & mask;
    for (RrSet set = table[slot]; set != null && !set.owner().equals(name); set = table[slot]) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private static List<RrSet> list(RrSet head) {
    if (head.next() == null) {
      return List.of(head);
    }
    List<RrSet> sets = new ArrayList<>();
    for (RrSet set = head; set != null; set = set.next()) {
      sets.add(set);
    }
    return sets;
  }

  @Override
  public @Nullable List<RrSet> get(@Nullable Object key) {
    if (!(key instanceof WireName name)) {
      return null;
    }
    RrSet head = first(name);
    if (head != null) {
      return list(head);
    }
    return empty.contains(name) ? List.of() : null;
  }

  @Override
  public boolean containsKey(@Nullable Object key) {
    return key instanceof WireName name && (first(name) != null || empty.contains(name));
  }

  @Override
  public int size() {
    return count + empty.size();
  }

  @Override
  public Set<Map.Entry<WireName, List<RrSet>>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public Iterator<Map.Entry<WireName, List<RrSet>>> iterator() {
        Stream<Map.Entry<WireName, List<RrSet>>> full =
            Arrays.stream(heads)
                .filter(Objects::nonNull)
                .map(head -> Map.entry(head.owner(), list(head)));
        return Stream.concat(full, empty.stream().map(name -> Map.entry(name, List.<RrSet>of())))
            .iterator();
      }

      @Override
      public int size() {
        return NameTable.this.size();
      }
    };
  }
}
