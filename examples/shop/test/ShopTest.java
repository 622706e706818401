import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.RunningSite;
import dev.meridian.document.CollectionPath;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.handler.Response;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Page;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.Write;
import dev.meridian.web.TestSite;
import java.net.CookieManager;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The shop's own code: without sockets where one visitor is enough, and over HTTP for a crowd. */
class ShopTest {
  private static final Path SITE = Path.of("site");

  private static void put(Store store, String path, String json) {
    var unused =
        store.write(
            Batch.of(
                new Write.Put(
                    DocumentPath.parse(path),
                    json.getBytes(StandardCharsets.UTF_8),
                    Condition.NONE,
                    Expiry.NEVER)));
  }

  private static long stock(Store store, String product) {
    Json stock =
        Json.parse(
            store
                .get(DocumentPath.parse("warehouses/main"), ReadOptions.STRONG)
                .orElseThrow()
                .json());
    return ((Json.Num) ((Json.Obj) stock).members().get(product)).decimal().longValueExact();
  }

  private static TestSite shop() {
    TestSite shop = Shop.shop(SITE).test();
    put(shop.store(), "products/assam", "{\"name\":\"Assam\",\"cents\":940}");
    put(shop.store(), "products/oolong", "{\"name\":\"Oolong\",\"cents\":1620}");
    put(shop.store(), "warehouses/main", "{\"assam\":5,\"oolong\":1}");
    return shop;
  }

  @Test
  void anOrderTakesAllOrNothing() throws Exception {
    try (TestSite shop = shop()) {
      shop.session().add("cart.assam", 2);
      shop.session().add("cart.oolong", 2);
      assertThat(shop.post("/checkout", Map.of()).header("Location")).contains("/cart");
      assertThat(stock(shop.store(), "assam")).isEqualTo(5);
      shop.session().add("cart.oolong", -1);
      Response done = shop.post("/checkout", Map.of());
      assertThat(done.header("Location").orElseThrow()).startsWith("/orders/");
      assertThat(stock(shop.store(), "assam")).isEqualTo(3);
      assertThat(stock(shop.store(), "oolong")).isZero();
      String id = done.header("Location").orElseThrow().substring("/orders/".length());
      assertThat(
              new String(
                  shop.store()
                      .get(DocumentPath.of("warehouses", "main", "orders", id), ReadOptions.STRONG)
                      .orElseThrow()
                      .json(),
                  StandardCharsets.UTF_8))
          .contains("\"cents\":3500");
      assertThat(
              new String(
                  shop.session().get("cart").orElseThrow().toBytes(), StandardCharsets.UTF_8))
          .isEqualTo("{}");
    }
  }

  @Test
  void aSecondClickFindsTheFirstOnesOrder() throws Exception {
    try (TestSite shop = shop()) {
      shop.session().add("cart.assam", 1);
      Json cart = shop.session().get("cart").orElseThrow();
      Response first = shop.post("/checkout", Map.of());
      // As after a node that died when the order was made and the session knew nothing of it yet;
      // and the visitor has put more into the cart since.
      shop.session().set("bought", Json.Num.of(0));
      shop.session().set("cart", cart);
      shop.session().add("cart.oolong", 1);
      Response second = shop.post("/checkout", Map.of());
      assertThat(second.header("Location")).isEqualTo(first.header("Location"));
      assertThat(stock(shop.store(), "assam")).isEqualTo(4);
      assertThat(
              new String(
                  shop.session().get("cart").orElseThrow().toBytes(), StandardCharsets.UTF_8))
          .isEqualTo("{\"oolong\":1}");
      Response third = shop.post("/checkout", Map.of());
      assertThat(third.header("Location")).isNotEqualTo(first.header("Location"));
      assertThat(stock(shop.store(), "oolong")).isZero();
    }
  }

  @Test
  void nobodyIsSoldMoreThanThereIsOrThanWeSend() throws Exception {
    try (TestSite shop = shop()) {
      put(shop.store(), "warehouses/main", "{\"assam\":500}");
      shop.session().add("cart.assam", 21);
      assertThat(shop.post("/checkout", Map.of()).header("Location")).contains("/cart");
      assertThat(stock(shop.store(), "assam")).isEqualTo(500);
    }
  }

  @Test
  void whatVisitorsPutIntoTheirSessionBuysNothingOdd() throws Exception {
    try (TestSite shop = shop()) {
      shop.session()
          .set(
              "cart",
              Json.parse(
                  "{\"assam\":-3,\"../x\":1,\"oolong\":\"many\"}"
                      .getBytes(StandardCharsets.UTF_8)));
      assertThat(shop.post("/checkout", Map.of()).header("Location")).contains("/cart");
      shop.session().set("cart", "all of it");
      assertThat(shop.post("/checkout", Map.of()).header("Location")).contains("/cart");
      assertThat(stock(shop.store(), "assam")).isEqualTo(5);
      assertThat(shop.post("/products/no-such/like", Map.of()).status()).isEqualTo(404);
    }
  }

  /** 100 buyers of a tin each, and 12 tins. */
  @Test
  void stockNeverGoesNegative(@TempDir Path data) throws Exception {
    try (RunningSite shop = Shop.shop(SITE).start(data.resolve("data"))) {
      assertThat(shop.awaitSeeds(Duration.ofMinutes(1))).isTrue();
      put(shop.store(), "warehouses/main", "{\"assam\":12}");
      try (ExecutorService buyers = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Callable<String>> clicks = Collections.nCopies(100, () -> buy(shop));
        long bought = 0;
        for (Future<String> click : buyers.invokeAll(clicks)) {
          bought += click.get().startsWith("/orders/") ? 1 : 0;
        }
        assertThat(bought).isEqualTo(12);
      }
      assertThat(stock(shop.store(), "assam")).isZero();
      Page orders =
          shop.store()
              .list(
                  Query.of(CollectionPath.parse("warehouses/main/orders"), 100),
                  ReadOptions.STRONG);
      assertThat(orders.documents()).hasSize(12);
    }
  }

  /** Fills a cart and orders it, as a browser does; where the answer leads. */
  private static String buy(RunningSite shop) throws Exception {
    HttpClient browser = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
    HttpResponse<String> filled = post(browser, shop, "/session", "cart.assam%2B=1");
    assertThat(filled.statusCode()).as(filled.body()).isEqualTo(303);
    HttpResponse<String> ordered = post(browser, shop, "/checkout", "");
    assertThat(ordered.statusCode()).as(ordered.body()).isEqualTo(303);
    return ordered.headers().firstValue("Location").orElseThrow();
  }

  private static HttpResponse<String> post(
      HttpClient browser, RunningSite shop, String path, String body) throws Exception {
    return browser.send(
        HttpRequest.newBuilder(shop.address().resolve(path))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Sec-Fetch-Site", "same-origin")
            .timeout(Duration.ofSeconds(60))
            .POST(BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }
}
