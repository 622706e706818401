package dev.meridian.store;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import java.util.function.Predicate;

/** Which changes a feed carries. */
public sealed interface ChangeScope {
  /** Whether a change at {@code path} is in scope. */
  boolean contains(DocumentPath path);

  /** Every change. */
  record Everything() implements ChangeScope {
    @Override
    public boolean contains(DocumentPath path) {
      return true;
    }
  }

  /**
   * What its reader is interested in when a change is met: what interests nobody is passed over
   * unread, and wakes nobody. It is told of what readers see, so also of values that are pending
   * ({@link Deferral}): at the position where the feed is, and again when they are flushed. So a
   * change may be older than a value of its path that was told before; their versions tell.
   *
   * @param interest asked on threads that write, with locks held: it must be quick, wait for
   *     nothing and not fail
   */
  record Interesting(Predicate<DocumentPath> interest) implements ChangeScope {
    @Override
    public boolean contains(DocumentPath path) {
      return interest.test(path);
    }
  }

  /** One document. */
  record OneDocument(DocumentPath document) implements ChangeScope {
    @Override
    public boolean contains(DocumentPath path) {
      return path.equals(document);
    }
  }

  /** The documents of one collection, without the collections below it. */
  record OneCollection(CollectionPath collection) implements ChangeScope {
    @Override
    public boolean contains(DocumentPath path) {
      return path.segments().size() == collection.segments().size() + 1
          && path.segments().subList(0, collection.segments().size()).equals(collection.segments());
    }
  }
}
