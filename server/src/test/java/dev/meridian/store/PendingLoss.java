package dev.meridian.store;

import java.nio.file.Path;

/** A store that would keep what write-behind put off in memory alone. */
public final class PendingLoss {
  private PendingLoss() {}

  /** Makes of a closed store's folder what such a store would have left there. */
  public static void lose(Path folder) {
    try (Engine engine = new Engine(4 << 20, 4 << 20);
        Database database = new Database(folder, engine, 64);
        Database.Change change = database.change()) {
      change
          .deleteRange(Table.META, Meta.PENDING_PREFIX, Keys.afterPrefix(Meta.PENDING_PREFIX))
          .commit();
    }
  }
}
