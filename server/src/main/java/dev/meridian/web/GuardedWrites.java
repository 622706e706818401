package dev.meridian.web;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Patch;
import dev.meridian.document.PatchException;
import dev.meridian.document.Patches;
import dev.meridian.site.Limits;
import dev.meridian.store.Batch;
import dev.meridian.store.Commit;
import dev.meridian.store.Condition;
import dev.meridian.store.IdempotencyKey;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.Write;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Writes whose access rules may depend on the document as it is or would become.
 *
 * <p>Who may write may not always read. What a write answers then tells them no more than whether
 * there is a document: no value, no version, and no outcome of a JSON Patch, whose operations
 * ({@code test} above all) ask about values.
 *
 * <p>Such a rule is asked about the document as the primary has it, and the write is then bound to
 * exactly that version, so that nobody can slip another document under a rule that has been
 * answered. When the document changes in between, all is asked anew, a few times.
 */
final class GuardedWrites {
  private static final int ATTEMPTS = 8;

  /**
   * A write and what a grant for it must say.
   *
   * @param granted the path a grant must name, which for new documents is their collection
   * @param setsExpiry whether the caller says when the document expires
   */
  record Guarded(Write write, Grants.Kind kind, String granted, boolean setsExpiry) {}

  private final Store store;
  private final Gatekeeper gatekeeper;

  GuardedWrites(Store store, Gatekeeper gatekeeper) {
    this.store = store;
    this.gatekeeper = gatekeeper;
  }

  /**
   * Checks the rules and writes, all or nothing.
   *
   * @throws ProblemException 401 or 403 if a rule does not allow it
   */
  Commit write(
      Gatekeeper.Writers writer,
      List<Guarded> writes,
      @Nullable IdempotencyKey key,
      boolean returnValues,
      Limits limits) {
    try {
      Commit commit = attempt(writer, writes, key, returnValues, limits);
      writer.wrote(commit.version());
      return commit;
    } catch (ProblemException | PreconditionFailed refused) {
      // Of a retry: what was allowed then may not be allowed on top of what it did.
      if (key != null && writes.stream().anyMatch(guarded -> isBound(writer, guarded))) {
        // By a read: were it asked through the log, refused callers could fill that.
        var earlier =
            store.earlier(
                new Batch(writes.stream().map(Guarded::write).toList(), key, returnValues));
        if (earlier.isPresent()) {
          return earlier.get();
        }
      }
      throw refused instanceof PreconditionFailed failed ? told(writer, failed) : refused;
    }
  }

  /** The failed condition as this caller may know of it. */
  private PreconditionFailed told(Gatekeeper.Writers writer, PreconditionFailed failed) {
    byte[] json =
        writer.readingDependsOnDocument(failed.path())
            ? gatekeeper.current(failed.path()).map(Document::json).orElse(null)
            : null;
    return writer.mayRead(failed.path(), json) ? failed : failed.withoutVersion();
  }

  private static boolean asks(Write write) {
    return write instanceof Write.Patch patch && patch.patch().kind() == Patch.Kind.JSON_PATCH;
  }

  /** Whether a write is bound to the version of the document about which the rules were asked. */
  private static boolean isBound(Gatekeeper.Writers writer, Guarded guarded) {
    DocumentPath path = guarded.write.path();
    return writer.dependsOnDocument(path)
        || (asks(guarded.write) && writer.readingDependsOnDocument(path));
  }

  private static void checkAsking(
      Gatekeeper.Writers writer, Write write, byte @Nullable [] document) {
    if (asks(write) && !writer.mayRead(write.path(), document)) {
      throw Access.refused(
          writer.caller(),
          "apply a JSON Patch to '"
              + write.path()
              + "' without the right to read it, for its operations ask about values (a merge patch"
              + " does not)");
    }
  }

  private Commit attempt(
      Gatekeeper.Writers writer,
      List<Guarded> writes,
      @Nullable IdempotencyKey key,
      boolean returnValues,
      Limits limits) {
    for (int attempt = 1; ; attempt++) {
      boolean bound = false;
      List<Write> checked = new ArrayList<>(writes.size());
      for (Guarded guarded : writes) {
        if (isBound(writer, guarded)) {
          checked.add(bind(writer, guarded, limits));
          bound = true;
        } else {
          writer.check(guarded, null, null);
          checkAsking(writer, guarded.write, null);
          checked.add(guarded.write);
        }
      }
      try {
        return store.write(new Batch(checked, key, returnValues));
      } catch (PreconditionFailed e) {
        if (!bound || attempt == ATTEMPTS || failsByItself(writes, e)) {
          throw e;
        }
      }
    }
  }

  private Write bind(Gatekeeper.Writers writer, Guarded guarded, Limits limits) {
    Write write = guarded.write;
    Optional<Document> current = gatekeeper.current(write.path());
    byte[] before = current.map(Document::json).orElse(null);
    byte[] after =
        switch (write) {
          case Write.Put put -> put.json();
          case Write.Delete _ -> null;
          case Write.Patch patch -> {
            byte[] base = before == null && patch.patch().create() ? Patches.empty() : before;
            try {
              yield base == null
                  ? null
                  : Patches.apply(base, patch.patch(), Bodies.jsonLimits(limits));
            } catch (PatchException e) {
              // The store will say so, if the rule lets the caller come that far.
              yield null;
            }
          }
        };
    writer.check(guarded, before, after);
    checkAsking(writer, write, before);
    if (!holds(write.condition(), current)) {
      throw new PreconditionFailed(write.path(), current.map(Document::version).orElse(null));
    }
    Condition condition =
        current.isPresent() ? Condition.ifMatch(current.get().version().etag()) : Condition.ABSENT;
    return with(write, condition);
  }

  private static Write with(Write write, Condition condition) {
    return switch (write) {
      case Write.Put put -> new Write.Put(put.path(), put.json(), condition, put.expiry());
      case Write.Patch patch ->
          new Write.Patch(patch.path(), patch.patch(), condition, patch.expiry());
      case Write.Delete delete -> new Write.Delete(delete.path(), condition);
    };
  }

  /** Whether the failed condition is one of the caller's own, on a write that was not bound. */
  private static boolean failsByItself(List<Guarded> writes, PreconditionFailed failure) {
    for (Guarded guarded : writes) {
      if (guarded.write.path().equals(failure.path())) {
        var current = failure.current();
        Condition condition = guarded.write.condition();
        String etag = current == null ? null : current.etag();
        return !holds(condition, etag);
      }
    }
    return true;
  }

  private static boolean holds(Condition condition, Optional<Document> current) {
    return holds(condition, current.map(document -> document.version().etag()).orElse(null));
  }

  private static boolean holds(Condition condition, @Nullable String etag) {
    boolean match =
        condition.ifMatch().isEmpty() || (etag != null && matches(condition.ifMatch(), etag));
    return match && (etag == null || !matches(condition.ifNoneMatch(), etag));
  }

  private static boolean matches(List<String> etags, String etag) {
    return etags.contains("*") || etags.contains(etag);
  }
}
