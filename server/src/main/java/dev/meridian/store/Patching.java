package dev.meridian.store;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.JsonLimits;
import dev.meridian.document.PatchException;
import dev.meridian.document.Patches;
import dev.meridian.document.TooLargeException;
import dev.meridian.store.StoreException.Rejected;
import org.jspecify.annotations.Nullable;

/** Applies patches, and says what is wrong with one in the store's words. */
final class Patching {
  /**
   * The widest that any node may accept: what a node was configured to accept is checked before a
   * patch gets into the log, where all replicas must judge it alike.
   */
  private static final JsonLimits LIMITS =
      JsonLimits.DEFAULT.withBytes(Write.MAX_JSON_BYTES).withDepth(JsonLimits.MAX_DEPTH);

  private Patching() {}

  /**
   * The value after the patch.
   *
   * @param current null when there is no document
   * @throws Rejected if there is none
   */
  static byte[] apply(Write.Patch write, Stored.@Nullable Live current) {
    byte[] before = current == null ? Patches.empty() : current.json();
    try {
      return Patches.apply(before, write.patch(), LIMITS);
    } catch (PatchException e) {
      throw rejected(Rejected.Reason.PATCH_FAILED, write, e.getMessage());
    } catch (TooLargeException e) {
      throw rejected(Rejected.Reason.TOO_LARGE, write, e.getMessage());
    } catch (InvalidInputException e) {
      throw rejected(Rejected.Reason.INVALID, write, e.getMessage());
    } catch (IndexOutOfBoundsException | ArithmeticException e) {
      // What is stored, or what the log holds, is not JSON. The same on all replicas, so none of
      // them need stop.
      throw rejected(
          Rejected.Reason.PATCH_FAILED, write, "The value or the patch is not valid JSON; put it.");
    }
  }

  private static Rejected rejected(
      Rejected.Reason reason, Write.Patch write, @Nullable String why) {
    return new Rejected(reason, "'" + write.path() + "': " + why);
  }
}
