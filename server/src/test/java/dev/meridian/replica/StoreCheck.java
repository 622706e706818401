package dev.meridian.replica;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Version;
import dev.meridian.store.Change;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Page;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Checks from outside that what a store holds in several places agrees. */
final class StoreCheck {
  private StoreCheck() {}

  /** The documents of a collection are those that its changes and its index tell of. */
  static Map<DocumentPath, Version> consistent(Store store, String collection) throws Exception {
    Map<DocumentPath, Version> listed = list(store, collection, null);
    assertThat(list(store, collection, Sort.parse("n"))).as("index").isEqualTo(listed);

    Map<DocumentPath, Version> changed = new HashMap<>();
    try (ChangeFeed feed =
        store.changes(
            new ChangeQuery(
                new ChangeScope.OneCollection(CollectionPath.parse(collection)), Position.START))) {
      for (List<Change> changes; !(changes = feed.poll(1000, Duration.ZERO)).isEmpty(); ) {
        for (Change change : changes) {
          if (change.document() != null) {
            changed.put(change.path(), change.version());
          } else {
            changed.remove(change.path());
          }
        }
      }
    }
    assertThat(changed).as("change feed").isEqualTo(listed);
    return listed;
  }

  private static Map<DocumentPath, Version> list(
      Store store, String collection, @Nullable Sort sort) {
    Map<DocumentPath, Version> found = new HashMap<>();
    String after = null;
    do {
      Page page =
          store.list(
              new Query(CollectionPath.parse(collection), null, sort, 500, after, 0),
              ReadOptions.STRONG);
      for (Document document : page.documents()) {
        assertThat(found.put(document.path(), document.version())).as("listed twice").isNull();
      }
      after = page.next();
    } while (after != null);
    return found;
  }
}
