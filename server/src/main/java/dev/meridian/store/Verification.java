package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.Document;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Whether everything in a store that follows from its documents agrees with them.
 *
 * @param documents how many there are
 * @param tombstones how many there are
 * @param problems what does not agree, at most {@link #MAX_PROBLEMS}; empty when all is well
 */
public record Verification(long documents, long tombstones, List<String> problems) {
  /** Most problems that are listed. */
  public static final int MAX_PROBLEMS = 100;

  /** Copies. */
  public Verification {
    problems = List.copyOf(problems);
  }

  /** Whether there are no problems. */
  public boolean passed() {
    return problems.isEmpty();
  }

  /** Walks over everything, from one consistent view. Reads every document once. */
  static Verification of(Database database, Indexes indexes) {
    try (Database.View view = database.view()) {
      return new Walker(view, indexes).walk();
    }
  }

  private static final class Walker {
    private final Database.View view;
    private final Map<String, Indexes.Group> groups;
    private final List<String> problems = new ArrayList<>();
    private final Meta meta;
    private final Map<Integer, Long> indexed = new HashMap<>();
    private final List<Index> complete = new ArrayList<>();
    private long documents;
    private long tombstones;
    private long expiring;

    Walker(Database.View view, Indexes indexes) {
      this.view = view;
      groups = indexes.groups();
      meta = Meta.decode(view.get(Table.META, Meta.KEY));
      for (Indexes.Group group : groups.values()) {
        for (Index index : group.indexes()) {
          byte[] state = view.get(Table.META, Index.metaKey(index.definition()));
          if (state != null && Index.decode(state).getReady()) {
            complete.add(index);
            indexed.put(index.number(), 0L);
          }
        }
      }
    }

    Verification walk() {
      documents();
      tombstones();
      // Every document and tombstone was found in the tables that follow from them; if these hold
      // as many entries, they hold nothing else.
      expect("entries of the change index", count(Table.CHANGES), documents + tombstones);
      expect("entries of the expiry table", count(Table.EXPIRY), expiring);
      for (Index index : complete) {
        long entries =
            count(
                Table.INDEXES,
                IndexKeys.number(index.number()),
                IndexKeys.number(index.number() + 1));
        expect("entries of " + index.definition(), entries, indexed(index.number()));
      }
      return new Verification(documents + pendingOnly(), tombstones, problems);
    }

    /** Documents that were never flushed: they are in no table yet. */
    private long pendingOnly() {
      byte[] from = Meta.PENDING_PREFIX;
      Database.Scan scan = view.scan(Table.META, from, Keys.afterPrefix(from)).first();
      long only = 0;
      for (; scan.valid(); scan.next()) {
        Pending.decode(scan.value());
        byte[] key = Keys.of(Keys.path(scan.key(), from.length));
        only += view.get(Table.DOCUMENTS, key) == null ? 1 : 0;
      }
      return only;
    }

    private void documents() {
      Database.Scan scan = all(Table.DOCUMENTS);
      for (; scan.valid(); scan.next()) {
        view.check();
        documents++;
        byte[] key = scan.key();
        Stored.Live live = Stored.Live.decode(scan.value());
        position(key, live);
        if (live.expiresAtMillis() != Document.NEVER) {
          expiring++;
          if (view.get(Table.EXPIRY, Keys.ofLong(live.expiresAtMillis(), key)) == null) {
            problem(key, "is missing in the expiry table");
          }
        }
        indexes(key, live);
      }
    }

    private void indexes(byte[] key, Stored.Live live) {
      List<String> segments = List.of(new String(key, UTF_8).split("\0", -1));
      Indexes.Group group = groups.get(Indexes.pattern(segments));
      if (group == null) {
        return;
      }
      byte[][] keys = group.keys(segments, live.json());
      for (int i = 0; i < keys.length; i++) {
        Index index = group.indexes().get(i);
        if (indexed.containsKey(index.number())) {
          indexed.merge(index.number(), 1L, Long::sum);
          if (view.get(Table.INDEXES, keys[i]) == null) {
            problem(key, "is missing in " + index.definition());
          }
        }
      }
    }

    private void tombstones() {
      Database.Scan scan =
          view.scan(Table.TOMBSTONES, new byte[] {'p'}, new byte[] {'p' + 1}).first();
      for (; scan.valid(); scan.next()) {
        view.check();
        tombstones++;
        byte[] key = Arrays.copyOfRange(scan.key(), 1, scan.key().length);
        Stored.Tombstone tombstone = Stored.Tombstone.decode(scan.value());
        position(key, tombstone);
        byte[] byPosition =
            view.get(Table.TOMBSTONES, Keys.ofKind('s', Keys.ofLong(tombstone.position())));
        if (!Arrays.equals(byPosition, key)) {
          problem(key, "has a tombstone that is not found by its position");
        }
        if (view.get(Table.DOCUMENTS, key) != null) {
          problem(key, "has a tombstone beside its document");
        }
      }
      long byPosition = count(Table.TOMBSTONES, new byte[] {'s'}, new byte[] {'s' + 1});
      expect("tombstones by position", byPosition, tombstones);
    }

    private void position(byte[] key, Stored stored) {
      if (stored.position() > meta.sequence()) {
        problem(key, "is at position " + stored.position() + ", after the last");
      }
      if (Long.compareUnsigned(stored.version().timestamp(), meta.timestamp()) > 0) {
        problem(key, "has a version after the last");
      }
      if (!Arrays.equals(view.get(Table.CHANGES, Keys.ofLong(stored.position())), key)) {
        problem(key, "is not in the change index at its position");
      }
    }

    private long indexed(int number) {
      return indexed.getOrDefault(number, 0L);
    }

    private Database.Scan all(Table table) {
      return view.scan(table, new byte[0], new byte[] {(byte) 0xff}).first();
    }

    private long count(Table table) {
      return count(table, new byte[0], new byte[] {(byte) 0xff});
    }

    private long count(Table table, byte[] from, byte[] to) {
      long count = 0;
      for (Database.Scan scan = view.scan(table, from, to).first(); scan.valid(); scan.next()) {
        view.check();
        count++;
      }
      return count;
    }

    private void expect(String what, long actual, long expected) {
      if (actual != expected) {
        add("There are " + actual + " " + what + " instead of " + expected + ".");
      }
    }

    private void problem(byte[] key, String what) {
      add("'" + Keys.path(key) + "' " + what + ".");
    }

    private void add(String problem) {
      if (problems.size() < MAX_PROBLEMS) {
        problems.add(problem);
      }
    }
  }
}
