package dev.meridian.store;

import dev.meridian.store.StoreException.Rejected;
import org.jspecify.annotations.Nullable;

/** Applies patches. */
final class Patching {
  private Patching() {}

  static byte[] apply(Write.Patch write, Stored.@Nullable Live current) {
    throw new Rejected(Rejected.Reason.PATCH_FAILED, "patches");
  }
}
