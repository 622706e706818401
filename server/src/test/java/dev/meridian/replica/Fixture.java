package dev.meridian.replica;

import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Patch;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Engine;
import dev.meridian.store.Expiry;
import dev.meridian.store.IdempotencyKey;
import dev.meridian.store.IndexDefinition;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.RocksStore;
import dev.meridian.store.Sort;
import dev.meridian.store.Store;
import dev.meridian.store.Write;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the tests of this room share. */
final class Fixture {
  private static final Engine ENGINE = new Engine(16 << 20, 8 << 20);

  static final RocksStore.Options DATABASE = RocksStore.Options.of(ENGINE);
  static final List<IndexDefinition> INDEXES =
      List.of(new IndexDefinition("items", List.of(Sort.parse("n"))));
  static final ReplicaOptions SMALL = ReplicaOptions.DEFAULT.edit().diskReserve(1 << 20).build();

  private Fixture() {}

  static ReplicatedStore open(Path data, ReplicaOptions options) throws IOException {
    return ReplicatedStore.open(data, options, DATABASE, INDEXES, new SimpleMeterRegistry());
  }

  static ReplicatedStore open(Path data) throws IOException {
    return open(data, SMALL);
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static Write put(String path, String json) {
    return new Write.Put(DocumentPath.parse(path), utf8(json), Condition.NONE, Expiry.NEVER);
  }

  static Write increment(String path, String field, long by) {
    return new Write.Patch(
        DocumentPath.parse(path),
        new Patch(Patch.Kind.INCREMENT, utf8("{\"" + field + "\":" + by + "}"), true),
        Condition.NONE,
        Expiry.KEEP);
  }

  static Batch keyed(String key, Write... writes) {
    return new Batch(List.of(writes), new IdempotencyKey(key, utf8(key)), false);
  }

  static @Nullable String read(Store store, String path) {
    return store
        .get(DocumentPath.parse(path), ReadOptions.STRONG)
        .map(Document::json)
        .map(json -> new String(json, StandardCharsets.UTF_8))
        .orElse(null);
  }
}
