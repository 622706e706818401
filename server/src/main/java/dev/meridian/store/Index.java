package dev.meridian.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.meridian.document.Json;
import dev.meridian.store.proto.IndexState;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A secondary index as it is now; a changed state makes a new one.
 *
 * @param definition what it is on
 * @param number what its keys begin with
 * @param ready whether everything is in it; if not, it serves no query
 * @param builtThrough while it is being built: the key of the last document that was added
 */
record Index(IndexDefinition definition, int number, boolean ready, ByteString builtThrough) {
  /** Whether the field at {@code i} is ordered downwards; the id comes after the last field. */
  boolean descending(int i) {
    List<Sort> fields = definition.fields();
    return fields.get(Math.min(i, fields.size() - 1)).descending();
  }

  /** The key of a document whose fields have these values. */
  byte[] key(List<String> segments, @Nullable Json[] values) {
    int fields = definition.fields().size();
    byte[][] parts = new byte[fields + 2][];
    parts[0] = IndexKeys.base(number, segments.subList(0, segments.size() - 1));
    for (int i = 0; i < fields; i++) {
      parts[i + 1] = IndexKeys.field(values[i], descending(i));
    }
    parts[fields + 1] = IndexKeys.id(segments.getLast(), descending(fields));
    return Keys.concat(parts);
  }

  /** Under which its state is stored. */
  static byte[] metaKey(IndexDefinition definition) {
    StringBuilder name = new StringBuilder(definition.collection());
    for (Sort field : definition.fields()) {
      name.append('\0').append(field);
    }
    return Keys.concat(Meta.INDEX_PREFIX, name.toString().getBytes(UTF_8));
  }

  /** The definition that {@link #metaKey} was made of. */
  static IndexDefinition definition(byte[] metaKey) {
    int from = Meta.INDEX_PREFIX.length;
    String[] parts = new String(metaKey, from, metaKey.length - from, UTF_8).split("\0", -1);
    return new IndexDefinition(parts[0], Stream.of(parts).skip(1).map(Sort::parse).toList());
  }

  byte[] encode() {
    return IndexState.newBuilder()
        .setNumber(number)
        .setReady(ready)
        .setBuiltThrough(builtThrough)
        .build()
        .toByteArray();
  }

  static Index decode(IndexDefinition definition, byte[] state) {
    IndexState decoded = decode(state);
    return new Index(
        definition, decoded.getNumber(), decoded.getReady(), decoded.getBuiltThrough());
  }

  static IndexState decode(byte[] state) {
    try {
      return IndexState.parseFrom(state);
    } catch (InvalidProtocolBufferException e) {
      throw Database.damaged("the state of an index cannot be read", e);
    }
  }
}
