package dev.meridian.examples;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static com.microsoft.playwright.assertions.PlaywrightAssertions.setDefaultAssertionTimeout;
import static org.assertj.core.api.Assertions.assertThat;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.Response;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.ColorScheme;
import com.microsoft.playwright.options.LoadState;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The cities example as a visitor meets it, in Debian's Chromium, served by a whole node. */
@TestInstance(Lifecycle.PER_CLASS)
class CitiesInBrowserTest {
  private static final Path CHROMIUM = Path.of("/usr/bin/chromium");
  private static final Path SCREENSHOTS = Path.of("target/screenshots");

  /** A page of each kind, with the name of its screenshots. */
  private static final Map<String, String> PAGES =
      Map.of(
          "home", "/",
          "city", "/cities/IS-reykjavik",
          "country", "/countries/BR",
          "country-names", "/countries/IS/names",
          "search", "/search?q=s%C3%A3o+p",
          "search-nothing", "/search?q=zzz",
          "not-found", "/no/such/page");

  private CitiesServer server;
  private Playwright playwright;
  private Browser browser;
  private BrowserContext context;
  private Page page;

  /** What the browser complained about: console errors, failed requests, unexpected statuses. */
  private final List<String> complaints = new ArrayList<>();

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    Assumptions.assumeTrue(
        Files.isExecutable(CHROMIUM),
        "Browser tests need Chromium at " + CHROMIUM + " (apt install chromium).");
    server = CitiesServer.start(folder);
    playwright =
        Playwright.create(
            new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
    browser =
        playwright
            .chromium()
            .launch(
                new BrowserType.LaunchOptions()
                    .setExecutablePath(CHROMIUM)
                    .setArgs(
                        List.of(
                            "--no-sandbox", "--disable-gpu", "--disable-background-networking")));
  }

  @AfterAll
  void stop() {
    // Each is missing when what comes before it could not start.
    if (playwright != null) {
      playwright.close();
    }
    if (server != null) {
      server.close();
    }
  }

  @BeforeEach
  void openPage() {
    open(1280, 900, ColorScheme.LIGHT);
  }

  /** Prints what the browser complained about, for a failure elsewhere may come from that. */
  @AfterEach
  void closePage() {
    complaints.forEach(System.err::println);
    context.close();
  }

  private void open(int width, int height, ColorScheme scheme) {
    if (context != null) {
      context.close();
    }
    complaints.clear();
    context =
        browser.newContext(
            new Browser.NewContextOptions()
                .setBaseURL(server.url())
                .setViewportSize(width, height)
                .setColorScheme(scheme));
    // Not a promise of speed: a machine that runs other tests, too, may be slow.
    context.setDefaultTimeout(60_000);
    setDefaultAssertionTimeout(60_000);
    page = context.newPage();
    page.onPageError(error -> complaints.add("script error: " + error));
    page.onConsoleMessage(
        message -> {
          if (message.type().equals("error")) {
            complaints.add("console: " + message.text());
          }
        });
    page.onRequestFailed(
        request -> complaints.add("failed: " + request.url() + " " + request.failure()));
  }

  @Test
  void visitorFindsACityFromTheHomePage() {
    page.navigate("/");
    assertThat(page).hasTitle(Pattern.compile("Every City"));
    Locator field = page.getByRole(AriaRole.COMBOBOX);
    field.pressSequentially("REYKJAVÍ");
    Locator first = page.getByRole(AriaRole.OPTION).first();
    assertThat(first).containsText("Reykjavík");
    field.press("ArrowDown");
    field.press("Enter");
    page.waitForURL("**/cities/IS-reykjavik");
    assertThat(page.getByRole(AriaRole.HEADING, level(1))).hasText("Reykjavík");
    assertThat(page.getByText("118,918").first()).isVisible();
    assertThat(page.getByRole(AriaRole.IMG, named("Reykjavík on a map of Iceland"))).isVisible();
    assertThat(complaints).isEmpty();
  }

  @Test
  void laterSuggestionsDoNotTakeTheChoiceAway() {
    page.navigate("/");
    Locator field = page.getByRole(AriaRole.COMBOBOX);
    Locator options = page.getByRole(AriaRole.OPTION);
    field.pressSequentially("reyk");
    assertThat(options).hasCount(2); // and Reykjanesbær
    field.press("ArrowDown");
    field.pressSequentially("javi");
    assertThat(options).hasCount(1);
    assertThat(options.first()).hasAttribute("aria-selected", "true");
    field.press("Enter");
    page.waitForURL("**/cities/IS-reykjavik");
    assertThat(complaints).isEmpty();
  }

  @Test
  void searchWorksWithoutScript() {
    context.close();
    context =
        browser.newContext(
            new Browser.NewContextOptions().setBaseURL(server.url()).setJavaScriptEnabled(false));
    page = context.newPage();
    page.navigate("/");
    page.locator("#q").fill("Sao Pau");
    page.locator("#q").press("Enter");
    page.waitForURL("**/search?q=Sao+Pau");
    Locator results = page.locator(".cities a");
    assertThat(results.first()).hasText("São Paulo");
    results.first().click();
    page.waitForURL("**/cities/BR-sao-paulo");
  }

  @Test
  void visitIsCountedOnceAndKept() {
    page.navigate("/cities/IS-akureyri");
    Locator count = page.locator(".visited output");
    int before = Integer.parseInt(count.textContent());
    Response patched =
        page.waitForResponse(
            response -> response.request().method().equals("PATCH"),
            () -> page.getByRole(AriaRole.BUTTON, named("I have been here")).click());
    assertThat(patched.status()).isIn(200, 201);
    assertThat(count).hasText(Integer.toString(before + 1));
    page.reload();
    assertThat(count).hasText(Integer.toString(before + 1));
    assertThat(page.getByRole(AriaRole.BUTTON, named("You have been here"))).isDisabled();
    page.navigate("/");
    assertThat(page.locator("section[aria-labelledby=visited]")).containsText("Akureyri");
    assertThat(complaints).isEmpty();
  }

  @Test
  void pagesOfACountryFollowOneAnotherWithoutGapsAndRepeats() {
    page.navigate("/countries/BR");
    List<String> first = page.locator(".table td a").allTextContents();
    assertThat(first).hasSize(50).startsWith("São Paulo", "Rio de Janeiro");
    List<String> links = hrefs();
    page.getByRole(AriaRole.LINK, named("Next cities")).click();
    page.waitForURL("**/countries/BR?after=*");
    List<String> next = hrefs();
    assertThat(next).hasSize(50).doesNotContainAnyElementsOf(links);
    page.getByRole(AriaRole.LINK, named("By name")).click();
    page.waitForURL("**/countries/BR/names*");
    assertThat(page.locator(".table td a").first()).hasText(Pattern.compile("^A"));
    assertThat(complaints).isEmpty();
  }

  private List<String> hrefs() {
    return page.locator(".table td a").all().stream().map(a -> a.getAttribute("href")).toList();
  }

  @Test
  void sameAddressesAnswerJson() throws Exception {
    page.navigate("/cities/IS-reykjavik");
    Locator link = page.getByRole(AriaRole.LINK, named("/data/cities/IS-reykjavik"));
    Response document =
        page.waitForResponse(
            response -> response.url().endsWith("/data/cities/IS-reykjavik"), link::click);
    assertThat(document.headerValue("content-type")).startsWith("application/json");
    assertThat(document.text())
        .contains("\"name\":\"Reykjavík\"")
        .contains("\"population\":118918");
    for (String path : List.of("/cities/IS-reykjavik", "/countries/IS", "/search?q=reyk")) {
      HttpResponse<String> json = fetch(path, "application/json");
      assertThat(json.statusCode()).as(path).isEqualTo(200);
      assertThat(json.headers().firstValue("content-type")).hasValue("application/json");
      assertThat(json.body()).as(path).startsWith("{").contains("Reykjavík");
    }
    assertThat(fetch("/", "application/json").body())
        .startsWith("{\"world\":")
        .contains("Shanghai");
  }

  private HttpResponse<String> fetch(String path, String accept) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(
          HttpRequest.newBuilder(URI.create(server.url() + path)).header("Accept", accept).build(),
          BodyHandlers.ofString());
    }
  }

  @ParameterizedTest
  @CsvSource({"phone,390,844,LIGHT", "desk,1280,900,DARK"})
  void everyPageFitsItsScreenAndLoadsCleanly(
      String device, int width, int height, ColorScheme scheme) {
    open(width, height, scheme);
    PAGES.forEach(
        (name, path) -> {
          complaints.clear();
          Response response = page.navigate(path);
          page.waitForLoadState(LoadState.NETWORKIDLE);
          boolean missing = name.equals("not-found");
          assertThat(response.status()).as(name).isEqualTo(missing ? 404 : 200);
          page.screenshot(
              new Page.ScreenshotOptions()
                  .setPath(
                      SCREENSHOTS.resolve(
                          name
                              + "-"
                              + device
                              + "-"
                              + scheme.name().toLowerCase(java.util.Locale.ROOT)
                              + ".png"))
                  .setFullPage(!name.equals("home")));
          Object overflow =
              page.evaluate(
                  "() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
          assertThat(overflow).as("%s is wider than the screen by", name).isEqualTo(0);
          if (missing) {
            // Chromium reports the page's own status in its console.
            complaints.removeIf(complaint -> complaint.contains("404"));
          }
          assertThat(complaints).as(name).isEmpty();
        });
  }

  private static Page.GetByRoleOptions level(int level) {
    return new Page.GetByRoleOptions().setLevel(level);
  }

  private static Page.GetByRoleOptions named(String name) {
    return new Page.GetByRoleOptions().setName(name).setExact(true);
  }
}
