package dev.meridian.web;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Version;
import dev.meridian.store.Batch;
import dev.meridian.store.ChangeFeed;
import dev.meridian.store.ChangeQuery;
import dev.meridian.store.ChangeScope;
import dev.meridian.store.Commit;
import dev.meridian.store.Consistency;
import dev.meridian.store.Page;
import dev.meridian.store.Position;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.SessionToken;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.PreconditionFailed;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The store on behalf of one visitor: session reads see what they have seen, and what is written is
 * theirs to see from then on, wherever they ask. Confined to the request's thread.
 */
final class VisitorStore implements Store {
  private final Store store;
  private final RequestContext context;
  private SessionToken written = SessionToken.NONE;

  /** Whether something is not there that this node may still show. */
  private boolean strong;

  /** What the visitor knows when they have the answer. */
  private SessionToken known = SessionToken.NONE;

  VisitorStore(Store store, RequestContext context) {
    this.store = store;
    this.context = context;
  }

  private ReadOptions options(ReadOptions asked) {
    if (strong && asked.consistency() == Consistency.SESSION) {
      return ReadOptions.STRONG;
    }
    return asked.consistency() == Consistency.SESSION
        ? ReadOptions.session(Gatekeeper.token(context).seen(written).seen(asked.token()))
        : asked;
  }

  private Commit wrote(Commit commit) {
    written = written.seen(commit.version());
    context.session().wrote(commit.version());
    saw(written);
    return commit;
  }

  private void saw(SessionToken seen) {
    known = known.seen(seen);
    Gatekeeper.session(context, known).ifPresent(context::tell);
  }

  private static void check(List<String> segments) {
    for (int i = 0; i < segments.size(); i += 2) {
      if (segments.get(i).startsWith("_")) {
        throw new InvalidInputException(
            "'" + segments.get(i) + "' is Meridian's own; handlers neither read nor write it.");
      }
    }
  }

  @Override
  public Optional<Document> get(DocumentPath path, ReadOptions options) {
    check(path.segments());
    ReadOptions mine = options(options);
    long doubts = store.doubts();
    Optional<Document> found = store.get(path, mine);
    Gatekeeper.stale(store, mine, doubts).ifPresent(context::tell);
    saw(found.map(one -> SessionToken.NONE.seen(one.version())).orElseGet(store::seen));
    return found;
  }

  @Override
  public Page list(Query query, ReadOptions options) {
    check(query.collection().segments());
    ReadOptions mine = options(options);
    long doubts = store.doubts();
    Page page = store.list(query, mine);
    Gatekeeper.stale(store, mine, doubts).ifPresent(context::tell);
    saw(store.seen());
    return page;
  }

  @Override
  public Commit write(Batch batch) {
    batch.writes().forEach(write -> check(write.path().segments()));
    try {
      return wrote(store.write(batch));
    } catch (PreconditionFailed e) {
      // Whoever reads again is to see what this was refused for, and not what they read before.
      Version current = e.current();
      if (current == null) {
        strong = true;
      } else {
        written = written.seen(current);
      }
      throw e;
    }
  }

  @Override
  public Optional<Commit> earlier(Batch batch) {
    return store.earlier(batch).map(this::wrote);
  }

  @Override
  public ChangeFeed changes(ChangeQuery query) {
    switch (query.scope()) {
      case ChangeScope.OneDocument(DocumentPath path) -> check(path.segments());
      case ChangeScope.OneCollection(CollectionPath path) -> check(path.segments());
      case ChangeScope.Everything _, ChangeScope.Interesting _ ->
          throw new InvalidInputException(
              "Handlers follow the changes of a document or of a collection, not of everything:"
                  + " Meridian's own documents are there, too.");
    }
    return store.changes(query);
  }

  @Override
  public SessionToken seen() {
    return store.seen();
  }

  @Override
  public SessionToken settled() {
    return store.settled();
  }

  @Override
  public Duration age() {
    return store.age();
  }

  @Override
  public Optional<Duration> stale() {
    return store.stale();
  }

  @Override
  public Optional<Duration> stale(long doubts) {
    return store.stale(doubts);
  }

  @Override
  public long doubts() {
    return store.doubts();
  }

  @Override
  public long readMillis() {
    return store.readMillis();
  }

  @Override
  public Position position() {
    return store.position();
  }

  /** Does nothing: the store stays open, as it is the node's. */
  @Override
  public void close() {}
}
