package dev.meridian.torture;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Stands before a real node and breaks one promise now and then: a planted bug for a whole run. */
final class LyingProxy implements AutoCloseable {
  /** Which one. */
  enum Lie {
    NONE,
    /** Session reads of documents get what was there when somebody first read it. */
    OLD_DOCUMENT,
    /** So do eventual reads, which promise nothing unless the collection is written through. */
    OLD_FOR_OTHERS,
    /** So do readers of a page. */
    OLD_PAGE,
    /** An increment is acknowledged and was something else. */
    LOST_INCREMENT,
    /** An increment without a key is done twice. */
    DOUBLE_INCREMENT,
    /** An attribute of a session is acknowledged, and another was set. */
    LOST_ATTRIBUTE,
    /** Visitors see an attribute as it was when it was first read. */
    OLD_ATTRIBUTE,
    /** The first look at an attribute finds nothing; later ones are true. */
    LATE_ATTRIBUTE;
  }

  private static final int ONE_IN = 2;
  private static final Set<String> NOT_PASSED =
      Set.of("connection", "content-length", "host", "upgrade", "http2-settings", "expect");

  private record Kept(int status, Map<String, List<String>> headers, byte[] body) {}

  private final URI node;
  private final Lie lie;
  private final HttpServer server;
  private final HttpClient http = HttpClient.newHttpClient();
  private final Map<String, Kept> first = new ConcurrentHashMap<>();
  private final Set<String> looked = ConcurrentHashMap.newKeySet();
  private final AtomicInteger chances = new AtomicInteger();

  LyingProxy(URI node, Lie lie) throws IOException {
    this.node = node;
    this.lie = lie;
    this.server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::handle);
    server.start();
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  private boolean now() {
    return chances.incrementAndGet() % ONE_IN == 0;
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String method = exchange.getRequestMethod();
      String path = exchange.getRequestURI().getRawPath();
      String level = exchange.getRequestHeaders().getFirst("Meridian-Consistency");
      byte[] body = exchange.getRequestBody().readAllBytes();
      boolean attribute = path.startsWith("/session/");
      boolean old =
          method.equals("GET")
              && switch (lie) {
                case OLD_DOCUMENT -> "session".equals(level);
                case OLD_FOR_OTHERS -> "eventual".equals(level);
                case OLD_PAGE -> level == null && !attribute;
                case OLD_ATTRIBUTE -> attribute;
                default -> false;
              };
      if (lie == Lie.LOST_INCREMENT && isIncrement(method, path) && now()) {
        body = "{\"m\":1}".getBytes(StandardCharsets.UTF_8);
      }
      boolean lost = lie == Lie.LOST_ATTRIBUTE && method.equals("PUT") && attribute && now();
      boolean late =
          lie == Lie.LATE_ATTRIBUTE
              && method.equals("GET")
              && attribute
              && looked.add(visitor(exchange) + path);
      String to = lost || late ? "/session/z" : exchange.getRequestURI().toString();
      Kept answer = ask(exchange, method, to, body);
      if (old && answer.status == 200) {
        String whose = attribute ? visitor(exchange) + path : path;
        Kept before = first.putIfAbsent(whose, answer);
        answer = before != null && now() ? before : answer;
      }
      if (lie == Lie.DOUBLE_INCREMENT
          && isIncrement(method, path)
          && exchange.getRequestHeaders().getFirst("Idempotency-Key") == null
          && now()) {
        ask(exchange, method, to, body);
      }
      answer.headers.forEach(
          (header, values) ->
              values.forEach(value -> exchange.getResponseHeaders().add(header, value)));
      boolean empty = answer.body.length == 0;
      exchange.sendResponseHeaders(answer.status, empty ? -1 : answer.body.length);
      if (!empty) {
        try (OutputStream out = exchange.getResponseBody()) {
          out.write(answer.body);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The cookies of a visitor, but for what they have seen, which changes with each write. */
  private static String visitor(HttpExchange exchange) {
    String cookies = exchange.getRequestHeaders().getFirst("Cookie");
    return cookies == null
        ? ""
        : Stream.of(cookies.split("; ", -1))
            .filter(cookie -> !cookie.split("=", 2)[0].endsWith("-seen"))
            .collect(Collectors.joining("; "));
  }

  private static boolean isIncrement(String method, String path) {
    return method.equals("PATCH") && path.startsWith("/data/");
  }

  private Kept ask(HttpExchange exchange, String method, String to, byte[] body)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(node.resolve(to))
            .method(method, HttpRequest.BodyPublishers.ofByteArray(body));
    exchange
        .getRequestHeaders()
        .forEach(
            (header, values) -> {
              if (!NOT_PASSED.contains(header.toLowerCase(Locale.ROOT))) {
                values.forEach(value -> request.header(header, value));
              }
            });
    HttpResponse<byte[]> response =
        http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    Map<String, List<String>> headers = new TreeMap<>(response.headers().map());
    headers.keySet().removeAll(Set.of("content-length", "connection", "transfer-encoding"));
    return new Kept(response.statusCode(), headers, response.body());
  }

  @Override
  public void close() {
    server.stop(0);
    http.shutdownNow();
  }
}
