package dev.meridian.document;

import java.util.LinkedHashMap;
import java.util.Map;

/** JSON Merge Patch (RFC 7396). */
final class MergePatch {
  private MergePatch() {}

  /** {@code target} after {@code patch}; it is no deeper than the deeper of the two. */
  static Json apply(Json target, Json patch) {
    if (!(patch instanceof Json.Obj changes)) {
      return patch;
    }
    Map<String, Json> members = new LinkedHashMap<>();
    if (target instanceof Json.Obj object) {
      members.putAll(object.members());
    }
    changes
        .members()
        .forEach(
            (name, change) -> {
              if (change instanceof Json.Null) {
                members.remove(name);
              } else {
                members.put(name, apply(members.getOrDefault(name, Json.NULL), change));
              }
            });
    return new Json.Obj(members);
  }
}
