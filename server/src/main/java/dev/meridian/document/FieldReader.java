package dev.meridian.document;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a few fields out of stored documents without reading the rest of them: what keeping an
 * index up to date needs. Immutable; may be used by any number of threads.
 */
public final class FieldReader {
  private final Node root;
  private final int count;

  private FieldReader(Node root, int count) {
    this.root = root;
    this.count = count;
  }

  /** A reader of these fields. */
  public static FieldReader of(List<FieldPath> fields) {
    List<FieldPath> distinct = List.copyOf(fields);
    return new FieldReader(Node.of(distinct), distinct.size());
  }

  /**
   * The values of the fields, in the order they were given in; null where there is none.
   *
   * @param json a document's value as it is stored: minified JSON that was checked before
   */
  public @Nullable Json[] read(byte[] json) {
    @Nullable Json[] values = new @Nullable Json[count];
    new StoredJson(json).fields(root, values);
    return values;
  }

  /** A name on the way to wanted fields. */
  static final class Node {
    private final byte[][] names;
    private final String[] texts;
    private final Node[] children;
    private final int[] indexes; // which values end here; several when a field is asked for twice
    private final int leaves; // values that end here or below

    private Node(Map<String, Node> children, int[] indexes) {
      this.texts = children.keySet().toArray(String[]::new);
      this.names =
          children.keySet().stream()
              .map(name -> name.getBytes(StandardCharsets.UTF_8))
              .toArray(byte[][]::new);
      this.children = children.values().toArray(Node[]::new);
      this.indexes = indexes;
      this.leaves = indexes.length + Arrays.stream(this.children).mapToInt(n -> n.leaves).sum();
    }

    static Node of(List<FieldPath> fields) {
      return at(fields, List.of());
    }

    private static Node at(List<FieldPath> fields, List<String> prefix) {
      Map<String, Node> children = new LinkedHashMap<>();
      int[] here = new int[fields.size()];
      int count = 0;
      for (int i = 0; i < fields.size(); i++) {
        List<String> names = fields.get(i).names();
        if (names.size() < prefix.size() || !names.subList(0, prefix.size()).equals(prefix)) {
          continue;
        }
        if (names.size() == prefix.size()) {
          here[count++] = i;
        } else if (!children.containsKey(names.get(prefix.size()))) {
          children.put(names.get(prefix.size()), at(fields, names.subList(0, prefix.size() + 1)));
        }
      }
      return new Node(children, Arrays.copyOf(here, count));
    }

    /** The child of that name in UTF-8, or null. */
    @Nullable Node child(byte[] in, int from, int to) {
      for (int i = 0; i < names.length; i++) {
        if (Arrays.equals(names[i], 0, names[i].length, in, from, to)) {
          return children[i];
        }
      }
      return null;
    }

    @Nullable Node child(String name) {
      for (int i = 0; i < texts.length; i++) {
        if (texts[i].equals(name)) {
          return children[i];
        }
      }
      return null;
    }

    /** Whether a value that ends here is wanted. */
    boolean isWanted() {
      return indexes.length > 0;
    }

    int leaves() {
      return leaves;
    }

    /** Takes {@code value}, which is here, and what is below it. */
    void fill(Json value, @Nullable Json[] values) {
      for (int index : indexes) {
        values[index] = value;
      }
      if (value instanceof Json.Obj object) {
        for (int i = 0; i < texts.length; i++) {
          Json member = object.members().get(texts[i]);
          if (member != null) {
            children[i].fill(member, values);
          }
        }
      }
    }
  }
}
