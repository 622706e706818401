package dev.meridian.store;

import dev.meridian.document.Document;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** Reads pages of collections. */
final class Listing {
  private static final long MAX_PAGE_BYTES = 8L << 20;
  private final Database database;
  private final LongSupplier wallMillis;

  Listing(Database database, LongSupplier wallMillis) {
    this.database = database;
    this.wallMillis = wallMillis;
  }

  Page page(Query query) {
    if (query.where() != null || query.sort() != null) {
      throw new StoreException.NoIndex("No index.");
    }
    byte[] prefix = Keys.prefix(query.collection());
    long now = wallMillis.getAsLong();
    List<Document> documents = new ArrayList<>();
    long bytes = 0;
    try (Database.View view = database.view()) {
      byte[] from = prefix;
      String after = query.after();
      if (after != null) {
        from = Keys.concat(Keys.of(query.collection().document(after)), new byte[] {1});
      }
      Database.Scan scan = view.scan(Table.DOCUMENTS, from, Keys.afterPrefix(prefix)).first();
      while (scan.valid()) {
        view.check();
        byte[] key = scan.key();
        int separator = Keys.separator(key, prefix.length);
        if (separator >= 0) {
          scan.seek(Keys.afterSubtree(key, separator));
          continue;
        }
        Stored.Live live = Stored.Live.decode(scan.value());
        if (!live.isExpiredAt(now)) {
          if (documents.size() == query.limit() || bytes > MAX_PAGE_BYTES) {
            return new Page(documents, documents.getLast().path().id());
          }
          documents.add(live.document(Keys.path(key)));
          bytes += live.jsonLength();
        }
        scan.next();
      }
    }
    return new Page(documents, null);
  }
}
