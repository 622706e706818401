package dev.meridian.web;

import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.document.PatchException;
import dev.meridian.handler.VisitorSession;
import dev.meridian.session.Attributes;
import dev.meridian.session.Session;
import dev.meridian.store.StoreException;
import java.util.Map;
import java.util.Optional;

/** A session as handlers see it, wherever it comes from. */
abstract class StoredSession implements VisitorSession {
  /** The session as it is now. */
  abstract Optional<Session> find();

  /** Changes attributes, which the next look shows; the first change of all makes the session. */
  abstract void change(Patch patch);

  @Override
  public String id() {
    return find().map(Session::id).orElse("");
  }

  @Override
  public boolean exists() {
    return find().isPresent();
  }

  @Override
  public Json.Obj attributes() {
    return find().map(Session::attributes).orElse(new Json.Obj(Map.of()));
  }

  @Override
  public Optional<String> user() {
    return find().flatMap(Session::user);
  }

  @Override
  public void set(String name, Json value) {
    change(Attributes.set(name, value));
  }

  @Override
  public void remove(String name) {
    Patch patch = Attributes.remove(name);
    if (exists()) {
      change(patch);
    }
  }

  @Override
  public void add(String field, long amount) {
    change(Attributes.add(field, amount));
  }

  @Override
  public boolean patch(Patch patch) {
    try {
      change(patch);
      return true;
    } catch (PatchException e) {
      return false;
    } catch (StoreException.Rejected e) {
      if (e.reason() != StoreException.Rejected.Reason.PATCH_FAILED) {
        throw e;
      }
      return false;
    }
  }
}
