package dev.meridian.store;

import dev.meridian.document.Version;

/** Finds out whether there is anything to sweep. */
final class Sweeps {
  private Sweeps() {}

  static boolean isDue(Database database, long timestamp, long tombstonesBefore, long keysBefore) {
    try (Database.View view = database.view()) {
      return expired(view, timestamp)
          || oldTombstone(view, tombstonesBefore)
          || oldKey(view, keysBefore);
    }
  }

  private static boolean expired(Database.View view, long timestamp) {
    byte[] end = Keys.ofLong((timestamp >>> Version.COUNTER_BITS) + 1);
    return view.scan(Table.EXPIRY, Keys.ofLong(0), end).first().valid();
  }

  private static boolean oldTombstone(Database.View view, long before) {
    Database.Scan oldest =
        view.scan(Table.TOMBSTONES, Keys.ofKind('s', Keys.ofLong(0)), new byte[] {'s' + 1}).first();
    if (!oldest.valid()) {
      return false;
    }
    byte[] tombstone = view.get(Table.TOMBSTONES, Keys.ofKind('p', oldest.value()));
    return tombstone != null && Stored.Tombstone.decode(tombstone).timestamp() < before;
  }

  private static boolean oldKey(Database.View view, long before) {
    return before > 0
        && view.scan(
                Table.IDEMPOTENCY,
                Keys.ofKind('t', Keys.ofLong(0)),
                Keys.ofKind('t', Keys.ofLong(before)))
            .first()
            .valid();
  }
}
