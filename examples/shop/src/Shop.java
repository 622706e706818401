import dev.meridian.Meridian;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.document.Patch;
import dev.meridian.handler.Request;
import dev.meridian.handler.Response;
import dev.meridian.handler.VisitorSession;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.Write;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * A tea shop: pages and the cart need no code of its own, checking out and liking do.
 *
 * <p>The stock of the warehouse is one document, and its orders are below it: one tree, so that an
 * order and what it takes are written together or not at all.
 */
public final class Shop {
  private static final DocumentPath STOCK = DocumentPath.parse("warehouses/main");

  /** How often an order is tried again that others came before. */
  private static final int ATTEMPTS = 200;

  private static final int MOST_OF_A_PRODUCT = 20;

  private Shop() {}

  /** Runs a node with the flags of {@code ./meridian up}. */
  public static void main(String[] args) {
    shop(Path.of("examples/shop/site")).run(args);
  }

  /** The shop with its site in {@code folder}. */
  static Meridian shop(Path folder) {
    return Meridian.site(folder)
        .post("/checkout", Shop::checkout)
        .post("/products/{id}/like", Shop::like);
  }

  /** A like is a counter that many may want at once: its collection is written behind. */
  private static Response like(Request request) {
    String id = request.parameter("id");
    if (request.store().get(DocumentPath.of("products", id), ReadOptions.SESSION).isEmpty()) {
      return Response.notFound();
    }
    Json one = new Json.Obj(Map.of("count", Json.Num.of(1)));
    Patch add = new Patch(Patch.Kind.INCREMENT, one.toBytes(), true);
    var unused =
        request
            .store()
            .write(
                Batch.of(
                    new Write.Patch(
                        DocumentPath.of("likes", id), add, Condition.NONE, Expiry.KEEP)));
    return Response.redirect(Response.path("products", id));
  }

  /**
   * Orders what is in the cart: all of it, or nothing.
   *
   * <p>The session counts what was bought; which order comes next follows from that. So a second
   * click, and a click after a node died anywhere in here, find the order that was made. One atomic
   * change of the session then ends it: it counts, and takes out of the cart what was ordered.
   */
  private static Response checkout(Request request) throws InterruptedException {
    VisitorSession session = request.session();
    if (cart(session).isEmpty()) {
      session.flash("There is nothing in your cart.");
      return Response.redirect("/cart");
    }
    session.add("bought", 0);
    long bought = number(session.get("bought").orElse(Json.NULL));
    DocumentPath order = DocumentPath.of("warehouses", "main", "orders", orderId(session, bought));
    for (int i = 0; i < ATTEMPTS; i++) {
      try {
        Optional<String> missing = order(request.store(), order, cart(session));
        if (missing.isPresent()) {
          session.flash(missing.get());
          return Response.redirect("/cart");
        }
        finish(request, order, bought);
        return Response.redirect(Response.path("orders", order.id()));
      } catch (PreconditionFailed e) {
        // Another buyer was first; look again at what is left.
        Thread.sleep(ThreadLocalRandom.current().nextInt(1, 20));
      }
    }
    return Response.problem(503, "Very many are buying just now. Nothing was ordered; try again.")
        .header("Retry-After", "2");
  }

  /** Counts the order and empties the cart of it, if no other click has. */
  private static void finish(Request request, DocumentPath path, long bought) {
    VisitorSession session = request.session();
    Json order = Json.parse(request.store().get(path, ReadOptions.SESSION).orElseThrow().json());
    for (int i = 0; i < ATTEMPTS; i++) {
      Json cart = session.get("cart").orElse(Json.NULL);
      if (number(session.get("bought").orElse(Json.NULL)) != bought || cart.equals(Json.NULL)) {
        return;
      }
      Map<String, Json> left = new LinkedHashMap<>(members(cart));
      for (Json line : ((Json.Arr) members(order).get("lines")).items()) {
        String product = text(members(line).get("product"));
        long more = number(left.get(product)) - number(members(line).get("count"));
        if (more > 0) {
          left.put(product, Json.Num.of(more));
        } else {
          left.remove(product);
        }
      }
      Json operations =
          new Json.Arr(
              List.of(
                  operation("test", "/bought", session.get("bought").orElseThrow()),
                  operation("test", "/cart", cart),
                  operation("replace", "/bought", Json.Num.of(bought + 1)),
                  operation("replace", "/cart", new Json.Obj(left))));
      if (session.patch(new Patch(Patch.Kind.JSON_PATCH, operations.toBytes(), false))) {
        return;
      }
    }
  }

  private static Json operation(String op, String path, Json value) {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("op", new Json.Str(op));
    members.put("path", new Json.Str(path));
    members.put("value", value);
    return new Json.Obj(members);
  }

  /**
   * Writes the order and takes its products out of the stock.
   *
   * @return what is missing, if something is; empty when it is ordered, now or by an earlier try
   * @throws PreconditionFailed if the stock changed meanwhile; nothing was written
   */
  private static Optional<String> order(Store store, DocumentPath order, Map<String, Long> cart) {
    if (store.get(order, ReadOptions.STRONG).isPresent()) {
      return Optional.empty();
    }
    Document stock =
        store
            .get(STOCK, ReadOptions.STRONG)
            .orElseThrow(() -> new IllegalStateException("The warehouse has no stock: " + STOCK));
    Map<String, Json> left = new LinkedHashMap<>(members(Json.parse(stock.json())));
    List<Json> lines = new ArrayList<>();
    long total = 0;
    for (Map.Entry<String, Long> line : cart.entrySet()) {
      Optional<Document> product =
          store.get(DocumentPath.of("products", line.getKey()), ReadOptions.SESSION);
      if (product.isEmpty()) {
        return Optional.of("We do not sell “" + line.getKey() + "” any more.");
      }
      Map<String, Json> about = members(Json.parse(product.get().json()));
      if (line.getValue() > MOST_OF_A_PRODUCT) {
        return Optional.of("We send " + MOST_OF_A_PRODUCT + " tins of a tea at most.");
      }
      long there = number(left.get(line.getKey()));
      if (there < line.getValue()) {
        return Optional.of(
            "Of " + text(about.get("name")) + " there are only " + there + " left. Sorry!");
      }
      left.put(line.getKey(), Json.Num.of(there - line.getValue()));
      long price = number(about.get("cents")) * line.getValue();
      total += price;
      Map<String, Json> entry = new LinkedHashMap<>();
      entry.put("product", new Json.Str(line.getKey()));
      entry.put("name", new Json.Str(text(about.get("name"))));
      entry.put("count", Json.Num.of(line.getValue()));
      entry.put("cents", Json.Num.of(price));
      lines.add(new Json.Obj(entry));
    }
    Map<String, Json> made = new LinkedHashMap<>();
    made.put("lines", new Json.Arr(lines));
    made.put("cents", Json.Num.of(total));
    made.put("at", new Json.Str(Instant.now().toString()));
    var unused =
        store.write(
            Batch.of(
                new Write.Put(
                    STOCK,
                    new Json.Obj(left).toBytes(),
                    Condition.ifMatch(stock.version().etag()),
                    Expiry.KEEP),
                new Write.Put(
                    order, new Json.Obj(made).toBytes(), Condition.ABSENT, Expiry.NEVER)));
    return Optional.empty();
  }

  /** Which order is the session's next; nobody else can guess it. */
  private static String orderId(VisitorSession session, long bought) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest((session.id() + ':' + bought).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash, 0, 16);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What the visitor says they want: checked, for anybody can write a session's attributes. */
  private static Map<String, Long> cart(VisitorSession session) {
    Map<String, Long> cart = new LinkedHashMap<>();
    members(session.get("cart").orElse(Json.NULL))
        .forEach(
            (product, json) -> {
              long count = number(json);
              if (count > 0 && product.matches("[a-z-]{1,40}")) {
                cart.put(product, count);
              }
            });
    return cart;
  }

  private static Map<String, Json> members(@Nullable Json json) {
    return json instanceof Json.Obj(Map<String, Json> members) ? members : Map.of();
  }

  private static long number(@Nullable Json json) {
    return json instanceof Json.Num(String text) && text.matches("-?[0-9]{1,9}")
        ? Long.parseLong(text)
        : 0;
  }

  private static String text(@Nullable Json json) {
    return json instanceof Json.Str(String text) ? text : "";
  }
}
