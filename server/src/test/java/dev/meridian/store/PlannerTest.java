package dev.meridian.store;

import static dev.meridian.store.Stores.index;
import static dev.meridian.store.Stores.path;
import static dev.meridian.store.Stores.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.FieldReader;
import dev.meridian.document.Filter;
import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.document.JsonOrder;
import dev.meridian.store.StoreException.NoIndex;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlannerTest {
  private static final CollectionPath A = CollectionPath.parse("a");
  private static final int SCAN = 10_000;
  private static final String LONG = "x".repeat(300);
  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "false",
          "0",
          "1",
          "1.0",
          "-1",
          "2",
          "2.5",
          "1e3",
          "\"\"",
          "\"a\"",
          "\"ab\"",
          "\"b\"",
          "\"é\"",
          "[1]",
          "{}",
          "\"" + LONG + "a\"",
          "\"" + LONG + "b\"");
  private static final List<String> CONSTANTS =
      List.of(
          "0",
          "1",
          "-1",
          "2",
          "2.5",
          "true",
          "false",
          "\"\"",
          "\"a\"",
          "\"ab\"",
          "\"b\"",
          "null",
          "\"" + LONG + "a\"");

  @TempDir Path temp;
  private final Engine engine = new Engine(8 << 20, 8 << 20);
  private RocksStore store;

  @BeforeEach
  void open() {
    store = RocksStore.open(temp.resolve("db"), RocksStore.Options.of(engine), List.of());
  }

  @AfterEach
  void close() {
    store.close();
    engine.close();
  }

  private static Query query(@Nullable String where, @Nullable String sort, int limit) {
    return new Query(
        A,
        where == null ? null : Filter.compile(where),
        sort == null ? null : Sort.parse(sort),
        limit,
        null,
        0);
  }

  private static Query with(Query query, @Nullable String after, int scan) {
    return new Query(query.collection(), query.where(), query.sort(), query.limit(), after, scan);
  }

  private List<String> ids(Query query, int scan) {
    List<String> ids = new ArrayList<>();
    String after = null;
    do {
      Page page = store.list(with(query, after, scan), ReadOptions.STRONG);
      assertThat(page.documents()).hasSizeLessThanOrEqualTo(query.limit());
      page.documents().forEach(document -> ids.add(document.path().id()));
      after = page.next();
    } while (after != null);
    return ids;
  }

  /** What a query answers, as plainly as it can be said. */
  private static List<String> naive(List<Document> documents, Query query) {
    Comparator<Document> byId =
        (a, b) -> JsonOrder.INSTANCE.compare(text(a.path().id()), text(b.path().id()));
    Comparator<Document> order = byId;
    Sort sort = query.sort();
    if (sort != null && !sort.field().equals(Filter.ID)) {
      FieldReader reader = FieldReader.of(List.of(sort.field()));
      Comparator<Document> byField =
          (a, b) -> JsonOrder.INSTANCE.compare(cut(reader, a), cut(reader, b));
      order = byField.thenComparing(byId);
    }
    if (sort != null && sort.descending()) {
      order = order.reversed();
    }
    Filter where = query.where();
    return documents.stream()
        .filter(d -> where == null || where.matches(d.path().id(), d.json()))
        .sorted(order)
        .map(document -> document.path().id())
        .toList();
  }

  private static Json text(String id) {
    return new Json.Str(id);
  }

  private static @Nullable Json cut(FieldReader reader, Document document) {
    return IndexKeys.shortened(reader.read(document.json())[0]);
  }

  @Test
  void everyPlanAnswersAsAPlainSearchDoes() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<Document> documents = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      StringBuilder json = new StringBuilder("{");
      for (String field : List.of("p", "q", "r")) {
        if (random.nextInt(6) > 0) {
          json.append(json.length() > 1 ? "," : "")
              .append('"')
              .append(field)
              .append("\":")
              .append(any(random, VALUES));
        }
      }
      String id = Integer.toString(random.nextInt(1_000), 36) + (i % 9 == 0 ? "é" : "");
      store.write(Batch.of(put("a/" + id, json + "}"), put("a/" + id + "/b/1", "{}")));
    }
    store.list(Query.of(A, 1000), ReadOptions.STRONG).documents().forEach(documents::add);
    int served = 0;
    for (int round = 0; round < 8; round++) {
      List<IndexDefinition> indexes = new ArrayList<>();
      for (int i = random.nextInt(4); i >= 0; i--) {
        String[] fields = new String[1 + random.nextInt(3)];
        for (int j = 0; j < fields.length; j++) {
          fields[j] = (random.nextBoolean() ? "-" : "") + "pqr".charAt((i + j) % 3);
        }
        indexes.add(index("a", fields));
      }
      store.defineIndexes(indexes);
      assertThat(store.awaitIndexes(Duration.ofMinutes(1))).isTrue();
      for (int i = 0; i < 100; i++) {
        Query query = random(random);
        String what = "seed " + seed + " indexes " + indexes + " query " + query;
        List<String> expected = naive(documents, query);
        List<String> scanned = ids(query, SCAN);
        if (query.sort() == null) {
          assertThat(scanned).as(what).containsExactlyInAnyOrderElementsOf(expected);
        } else {
          assertThat(scanned).as(what).isEqualTo(expected);
        }
        try {
          assertThat(ids(query, 0)).as(what).isEqualTo(scanned);
          served++;
        } catch (NoIndex e) {
          assertThat(e).hasMessageMatching("(?s)(No index|The index).*");
        }
      }
    }
    assertThat(served).as("seed %d", seed).isGreaterThan(80);
  }

  private static Query random(Random random) {
    StringBuilder where = new StringBuilder();
    for (int i = random.nextInt(4); i > 0; i--) {
      String field = "" + "pqr".charAt(random.nextInt(3));
      String constant = any(random, CONSTANTS);
      where.append(where.isEmpty() ? "" : " && ");
      switch (random.nextInt(8)) {
        case 0, 1, 2 -> where.append(field + " == " + constant);
        case 3 -> where.append(field + " in [" + constant + ", " + any(random, CONSTANTS) + "]");
        case 4 ->
            where.append(field + ".startsWith(\"" + any(random, List.of("", "a", LONG)) + "\")");
        case 5 -> where.append("_id " + any(random, List.of("<", ">=", "==")) + " \"5k\"");
        default -> {
          List<String> ordered = List.of("0", "1", "2.5", "\"a\"", "\"b\"", "\"" + LONG + "a\"");
          where.append(
              field
                  + " "
                  + any(random, List.of("<", "<=", ">", ">="))
                  + " "
                  + any(random, ordered));
        }
      }
    }
    String sort =
        random.nextInt(3) == 0
            ? null
            : (random.nextBoolean() ? "-" : "") + any(random, List.of("p", "q", "r", "_id"));
    return query(where.isEmpty() ? null : where.toString(), sort, 1 + random.nextInt(60));
  }

  private static <T> T any(Random random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  @Test
  void queryWithoutAnIndexIsRefusedWithTheLinesToAdd() {
    assertThatThrownBy(() -> ids(query("country == \"IS\" && n > 5", "-n", 10), 0))
        .isInstanceOf(NoIndex.class)
        .hasMessageEndingWith("collections:\n  a:\n    indexes:\n      - [country, -n]");
    store.defineIndexes(List.of(index("a", "country", "-n")));
    assertThat(ids(query("country == \"IS\" && n > 5", "-n", 10), 0)).isEmpty();
  }

  @Test
  void scanReadsNoMoreThanItMay() {
    for (int i = 0; i < 50; i++) {
      store.write(Batch.of(put("a/" + i, "{\"n\":" + i + "}")));
    }
    assertThatThrownBy(() -> ids(query("m == 1", "n", 10), 49)).isInstanceOf(NoIndex.class);
    assertThat(ids(query("m == 1", "n", 10), 50)).isEmpty();
    // By id, a page ends where its scan does and the next goes on.
    Page page = store.list(with(query("n == 49", null, 2), null, 20), ReadOptions.STRONG);
    assertThat(page.documents()).isEmpty();
    assertThat(page.next()).isNotNull();
    assertThat(ids(query("n == 49", null, 2), 20)).containsExactly("49");
  }

  @Test
  void cursorIsRefusedByAnotherQueryAndGarbageIsRefused() throws Exception {
    for (int i = 0; i < 10; i++) {
      store.write(Batch.of(put("a/" + i, "{\"n\":" + i + "}")));
    }
    store.defineIndexes(List.of(index("a", "n")));
    assertThat(store.awaitIndexes(Duration.ofMinutes(1))).isTrue();
    String next = store.list(query(null, "n", 3), ReadOptions.STRONG).next();
    assertThat(next).isNotNull();
    assertThatThrownBy(() -> store.list(with(query(null, "-n", 3), next, 0), ReadOptions.STRONG))
        .isInstanceOf(InvalidInputException.class);
    Random random = new Random(7);
    for (int i = 0; i < 500; i++) {
      byte[] bytes = new byte[random.nextInt(40)];
      random.nextBytes(bytes);
      String garbage =
          i % 2 == 0
              ? java.util.Base64.getUrlEncoder().encodeToString(bytes)
              : new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
      assertThatThrownBy(
              () -> store.list(with(query(null, "n", 3), garbage, 0), ReadOptions.STRONG))
          .isInstanceOf(InvalidInputException.class);
    }
    assertThat(store.get(path("a/1"), ReadOptions.STRONG)).isPresent();
  }

  @Test
  void listThatMeetsTooManyHiddenDocumentsSaysHowToAsk() {
    CollectionPath below = CollectionPath.parse("t/1/a");
    List<Write> writes = new ArrayList<>();
    for (int i = 0; i <= Listing.MAX_HIDDEN + 1; i++) {
      byte[] json = i == 0 ? new byte[] {'1'} : new byte[] {'0'};
      writes.add(
          new Write.Put(below.document("%06d".formatted(i)), json, Condition.NONE, Expiry.NEVER));
      if (writes.size() == Batch.MAX_WRITES || i == Listing.MAX_HIDDEN + 1) {
        store.write(new Batch(writes, null, false));
        writes.clear();
      }
    }
    Query ones = Query.of(below, 10).visibleTo(document -> document.json()[0] == '1');
    Page first = store.list(ones, ReadOptions.STRONG);
    assertThat(first.documents()).hasSize(1);
    String next = first.next();
    assertThat(next).isNotNull();
    Query second = new Query(below, null, null, 10, next, 0, ones.visible());
    assertThatThrownBy(() -> store.list(second, ReadOptions.STRONG))
        .isInstanceOf(NoIndex.class)
        .hasMessageContaining("narrow 'where'");
    Query sorted =
        new Query(below, null, Sort.parse("n"), 10, null, Query.MAX_SCAN, ones.visible());
    assertThatThrownBy(() -> store.list(sorted, ReadOptions.STRONG)).isInstanceOf(NoIndex.class);
  }
}
