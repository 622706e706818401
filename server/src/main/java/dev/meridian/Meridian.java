package dev.meridian;

import dev.meridian.handler.Handler;
import dev.meridian.handler.Routes;
import dev.meridian.node.Node;
import dev.meridian.node.NodeException;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import dev.meridian.site.LiveSite;
import dev.meridian.web.TestSite;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A site with parts that are written in Java, in a program of your own:
 *
 * <pre>{@code
 * void main(String[] args) {
 *   Meridian.site(Path.of("shop"))
 *       .get("/hello/{name}", request -> Response.text("Hello, " + request.parameter("name")))
 *       .run(args);
 * }
 * }</pre>
 *
 * <p>Handlers answer before pages and files do; {@code /data} stays Meridian's, and so do {@code
 * /session} and {@code /account} where the site has sessions and accounts. All nodes of a cluster
 * run the same program. Immutable: each method gives another one.
 */
public final class Meridian {
  private final Path folder;
  private final Routes routes;

  private Meridian(Path folder, Routes routes) {
    this.folder = folder;
    this.routes = routes;
  }

  /** The site in {@code folder}: {@code site.yaml}, {@code pages/} and {@code public/}. */
  public static Meridian site(Path folder) {
    return new Meridian(folder, Routes.NONE);
  }

  /** {@link #site(Path)}. */
  public static Meridian site(String folder) {
    return site(Path.of(folder));
  }

  /**
   * Answers GET, and HEAD without the body.
   *
   * @param path such as {@code /products/{id}}
   * @throws IllegalArgumentException if it is no path, or has a handler; so all methods below
   */
  public Meridian get(String path, Handler handler) {
    return with("GET", path, handler);
  }

  /** Answers POST. What comes from another site's page with a session's cookie is refused. */
  public Meridian post(String path, Handler handler) {
    return with("POST", path, handler);
  }

  /** Answers PUT. */
  public Meridian put(String path, Handler handler) {
    return with("PUT", path, handler);
  }

  /** Answers PATCH. */
  public Meridian patch(String path, Handler handler) {
    return with("PATCH", path, handler);
  }

  /** Answers DELETE. */
  public Meridian delete(String path, Handler handler) {
    return with("DELETE", path, handler);
  }

  private Meridian with(String method, String path, Handler handler) {
    return new Meridian(folder, routes.with(method, path, handler));
  }

  /**
   * Runs a node until a signal ends the process, with the flags of {@code ./meridian up}: {@code
   * --http}, {@code --data}, {@code --join} and the others; {@code --help} tells of them.
   */
  public void run(String... args) {
    System.exit(dev.meridian.cli.Meridian.up(folder, routes, args));
  }

  /**
   * Starts a node in this process, on loopback and free ports, without a name server: for tests
   * over HTTP.
   *
   * @param data the folder for what the node keeps
   * @throws NodeException if it cannot start
   * @throws dev.meridian.site.SiteException if the site is not usable; it lists every problem
   */
  public RunningSite start(Path data) throws NodeException {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    Listeners listeners =
        new Listeners(Optional.of(any), Optional.empty(), Optional.empty(), any, free());
    Node node =
        Node.start(
            new NodeOptions(folder, data, _ -> listeners, true, "embedded").withHandlers(routes));
    return new RunningSite(node);
  }

  /** Others would be told where a node is before it listens there. */
  private static InetSocketAddress free() {
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(any);
      return new InetSocketAddress("127.0.0.1", socket.getLocalPort());
    } catch (IOException e) {
      throw new UncheckedIOException("no port is free on 127.0.0.1", e);
    }
  }

  /**
   * The handlers with a store and sessions of their own and no sockets: for tests of handlers.
   *
   * @throws dev.meridian.site.SiteException if the site is not usable
   */
  public TestSite test() {
    try (LiveSite site = LiveSite.open(folder)) {
      return TestSite.open(site.current(), routes);
    }
  }
}
