package dev.meridian.lab;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.AriaRole;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The shop on three nodes behind one address, as a visitor meets it in Debian's Chromium, who never
 * learns that the node that served them is killed between two clicks.
 */
@Timeout(300)
class ShopInBrowserTest {
  private static final Path CHROMIUM = Path.of("/usr/bin/chromium");
  private static final Path SCREENSHOTS = Path.of("target/screenshots");
  private static final int FIRST_ADDRESS = 181;

  /** One address for whichever node is there: connections go to the first that takes them. */
  private static final class FrontDoor implements AutoCloseable {
    private final ServerSocket listener =
        new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final List<URI> nodes;
    private volatile int served = -1;

    FrontDoor(List<URI> nodes) throws IOException {
      this.nodes = nodes;
      Thread.ofVirtual().start(this::accept);
    }

    String address() {
      return "http://127.0.0.1:" + listener.getLocalPort();
    }

    private void accept() {
      while (!listener.isClosed()) {
        try {
          Socket client = listener.accept();
          open.add(client);
          Thread.ofVirtual().start(() -> connect(client));
        } catch (IOException e) {
          return;
        }
      }
    }

    private void connect(Socket client) {
      for (int i = 0; i < nodes.size(); i++) {
        URI node = nodes.get(i);
        Socket server = new Socket();
        open.add(server);
        try {
          server.connect(new InetSocketAddress(node.getHost(), node.getPort()), 2_000);
        } catch (IOException e) {
          close(server);
          continue;
        }
        served = i;
        Thread.ofVirtual().start(() -> pass(client, server));
        pass(server, client);
        return;
      }
      close(client);
    }

    private void pass(Socket from, Socket to) {
      try (InputStream in = from.getInputStream();
          OutputStream out = to.getOutputStream()) {
        in.transferTo(out);
      } catch (IOException e) {
        // One side has ended, and the other ends with it.
      } finally {
        close(from);
        close(to);
      }
    }

    private void close(Socket socket) {
      open.remove(socket);
      try {
        socket.close();
      } catch (IOException e) {
        // It is closed.
      }
    }

    @Override
    public void close() throws IOException {
      listener.close();
      open.forEach(this::close);
    }
  }

  @Test
  void theCartSurvivesTheNodeThatServedIt(@TempDir Path folder) throws Exception {
    Assumptions.assumeTrue(
        Files.isExecutable(CHROMIUM),
        "Browser tests need Chromium at " + CHROMIUM + " (apt install chromium).");
    Path shop = Path.of("../examples/shop").toAbsolutePath().normalize();
    try (Lab lab = new Lab(folder.resolve("lab"), shop.resolve("site"), FIRST_ADDRESS)) {
      lab.program(shop.resolve("src/Shop.java"));
      lab.start(3);
      try (FrontDoor door = new FrontDoor(lab.nodes().stream().map(Lab.Node::web).toList());
          Playwright playwright =
              Playwright.create(
                  new Playwright.CreateOptions()
                      .setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
          Browser browser =
              playwright
                  .chromium()
                  .launch(
                      new BrowserType.LaunchOptions()
                          .setExecutablePath(CHROMIUM)
                          .setArgs(List.of("--no-sandbox")))) {
        Page page = browser.newPage();
        page.setDefaultTimeout(60_000);
        page.navigate(door.address() + "/");
        page.screenshot(new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve("shop.png")));
        page.getByText("White Peony").click();
        page.screenshot(
            new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve("shop-product.png")));
        click(page, "Add to cart");
        assertThat(page.locator(".count")).hasText("1");
        assertThat(door.served).isZero();

        lab.kill(lab.nodes().getFirst());

        page.navigate(door.address() + "/products/assam");
        click(page, "Add to cart");
        assertThat(page.locator(".count")).hasText(new String[] {"1", "1"});
        page.screenshot(new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve("shop-cart.png")));
        click(page, "Order");
        assertThat(page.getByRole(AriaRole.STATUS)).hasText("Thank you! Your tea is on its way.");
        assertThat(page.locator("#total")).hasText("31.80 €");
        assertThat(page.url()).contains("/orders/");
        page.screenshot(
            new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve("shop-order.png")));
        assertThat(door.served).isPositive();
        page.navigate(door.address() + "/cart");
        assertThat(page.getByText("There is nothing in it yet.")).isVisible();
        page.navigate(door.address() + "/products/assam");
        page.getByRole(AriaRole.BUTTON, new Page.GetByRoleOptions().setName("♥")).click();
        assertThat(page.locator("#likes")).hasText("1");
      }
    }
  }

  /** What a visitor does when the site is gone for a moment: again. */
  private static void click(Page page, String button) {
    page.getByRole(AriaRole.BUTTON, new Page.GetByRoleOptions().setName(button)).click();
  }
}
