package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.meridian.document.OrderedBytes;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/** Walks over the documents of a plan in its order. Part of a {@link Database.View}. */
abstract sealed class Walk {
  /** To the next place; false at the end. */
  abstract boolean next();

  /** The key of the document here. */
  abstract byte[] documentKey();

  /** The document here; null when there are only documents below its path. */
  abstract Stored.@Nullable Live document();

  /** The part of this place's key that gives the order, upwards: where a cursor goes on from. */
  abstract byte[] order();

  /**
   * Opens a walk.
   *
   * @param after {@link #order} of the place before the first; null for none
   */
  static Walk open(Database.View view, Plan plan, Query query, byte @Nullable [] after) {
    Index index = plan.index();
    return index == null
        ? new OverPrimary(view, plan, after)
        : new OverIndex(view, plan, index, query, after);
  }

  /** Over the documents themselves. */
  private static final class OverPrimary extends Walk {
    private final Database.View view;
    private final Plan plan;
    private final byte @Nullable [] afterId;
    private int nextRange;
    private Database.@Nullable Scan scan;
    private int idFrom;
    private byte[] key = {};
    private int separator = -1;

    OverPrimary(Database.View view, Plan plan, byte @Nullable [] after) {
      this.view = view;
      this.plan = plan;
      afterId = after == null ? null : IndexKeys.rawId(after, 0, false);
    }

    @Override
    boolean next() {
      if (scan != null) {
        step(scan);
      }
      while (scan == null || !scan.valid()) {
        if (nextRange == plan.ranges().size()) {
          return false;
        }
        int i = plan.backwards() ? plan.ranges().size() - 1 - nextRange : nextRange;
        nextRange++;
        scan = open(plan.ranges().get(i));
      }
      key = scan.key();
      separator = Keys.separator(key, idFrom);
      if (separator >= 0 && plan.backwards()) {
        // Backwards, what lies below a document comes before it: go to the document, if any.
        byte[] parent = Arrays.copyOf(key, separator);
        scan.seekBack(parent);
        if (scan.valid() && Arrays.equals(scan.key(), parent)) {
          key = parent;
          separator = -1;
        }
      }
      return true;
    }

    private void step(Database.Scan scan) {
      if (!plan.backwards()) {
        if (separator >= 0) {
          scan.seek(Keys.afterSubtree(key, separator));
        } else {
          scan.next();
        }
      } else if (separator < 0) {
        scan.previous();
      } // else seekBack has already gone past it
    }

    private Database.@Nullable Scan open(Plan.Range range) {
      idFrom = range.prefix().length;
      KeyRange keys = range.keys();
      if (afterId != null) {
        byte[] after = Keys.concat(range.prefix(), afterId);
        keys =
            keys.intersect(
                plan.backwards()
                    ? new KeyRange(keys.from(), after)
                    : new KeyRange(Keys.concat(after, new byte[] {1}), keys.to()));
      }
      if (keys.isEmpty()) {
        return null;
      }
      Database.Scan opened = view.scan(Table.DOCUMENTS, keys.from(), keys.to());
      return plan.backwards() ? opened.last() : opened.first();
    }

    @Override
    byte[] documentKey() {
      return key;
    }

    @Override
    Stored.@Nullable Live document() {
      return separator >= 0 || scan == null ? null : Stored.Live.decode(scan.value());
    }

    @Override
    byte[] order() {
      int end = separator >= 0 ? separator : key.length;
      return IndexKeys.id(new String(key, idFrom, end - idFrom, UTF_8), false);
    }
  }

  /** Over an index: its runs of keys merged. */
  private static final class OverIndex extends Walk {
    private static final class Run {
      final Database.Scan scan;
      final int order;
      byte[] key;

      Run(Database.Scan scan, int order) {
        this.scan = scan;
        this.order = order;
        key = scan.key();
      }
    }

    private final Database.View view;
    private final Plan plan;
    private final Index index;
    private final byte[] collection;
    private final int base;
    private final PriorityQueue<Run> runs;
    private @Nullable Run current;

    OverIndex(Database.View view, Plan plan, Index index, Query query, byte @Nullable [] after) {
      this.view = view;
      this.plan = plan;
      this.index = index;
      collection = Keys.prefix(query.collection());
      base = Integer.BYTES + collection.length;
      Comparator<Run> upwards =
          (a, b) ->
              Arrays.compareUnsigned(a.key, a.order, a.key.length, b.key, b.order, b.key.length);
      runs = new PriorityQueue<>(plan.backwards() ? upwards.reversed() : upwards);
      for (Plan.Range range : plan.ranges()) {
        open(range, after);
      }
    }

    private void open(Plan.Range range, byte @Nullable [] after) {
      KeyRange keys = range.keys();
      if (after != null) {
        byte[] last =
            Keys.concat(range.prefix(), plan.downwards() ? IndexKeys.complement(after) : after);
        keys =
            keys.intersect(
                plan.backwards()
                    ? new KeyRange(keys.from(), last)
                    : new KeyRange(Keys.concat(last, new byte[1]), keys.to()));
      }
      if (!keys.isEmpty()) {
        Database.Scan scan = view.scan(Table.INDEXES, keys.from(), keys.to());
        if ((plan.backwards() ? scan.last() : scan.first()).valid()) {
          runs.add(new Run(scan, range.prefix().length));
        }
      }
    }

    @Override
    boolean next() {
      Run done = current;
      if (done != null) {
        if (plan.backwards()) {
          done.scan.previous();
        } else {
          done.scan.next();
        }
        if (done.scan.valid()) {
          done.key = done.scan.key();
          runs.add(done);
        }
      }
      current = runs.poll();
      return current != null;
    }

    private Run here() {
      Run here = current;
      if (here == null) {
        throw new IllegalStateException("the walk is at its end");
      }
      return here;
    }

    @Override
    byte[] documentKey() {
      byte[] key = here().key;
      int from = base;
      List<Sort> fields = index.definition().fields();
      for (int i = 0; i < fields.size(); i++) {
        from = OrderedBytes.end(key, from, index.descending(i));
      }
      return Keys.concat(collection, IndexKeys.rawId(key, from, index.descending(fields.size())));
    }

    @Override
    Stored.Live document() {
      byte[] raw = view.get(Table.DOCUMENTS, documentKey());
      if (raw == null) {
        throw Database.damaged("an index names a document that is not there", null);
      }
      return Stored.Live.decode(raw);
    }

    @Override
    byte[] order() {
      Run here = here();
      byte[] order = Arrays.copyOfRange(here.key, here.order, here.key.length);
      return plan.downwards() ? IndexKeys.complement(order) : order;
    }
  }
}
