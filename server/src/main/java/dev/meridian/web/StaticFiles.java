package dev.meridian.web;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.meridian.site.Site;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.http.HttpRules;
import io.helidon.webserver.http.HttpService;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The files in {@code public/}: small ones from memory, compressed once; large ones streamed.
 * Conditional requests and ranges as in RFC 9110. Nothing outside the folder can be reached, nor
 * anything whose name begins with a dot, {@code .well-known} apart.
 *
 * <p>Safe for any thread.
 */
public final class StaticFiles implements HttpService {
  /** Bytes of files kept in memory, compressed forms included. */
  static final long MAX_CACHE_BYTES = 64L << 20;

  /** How long a file is served unlooked at, when not in development. */
  private static final long TRUST_NANOS = 1_000_000_000L;

  /** How often a file is looked at anew that was replaced while it was opened. */
  private static final int MOST_LOOKS = 3;

  /** The names that build tools give: a hash in hexadecimal before the ending. */
  private static final Pattern HASHED_NAME =
      Pattern.compile(".*[.-](?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{8,64}\\.[A-Za-z0-9.]+");

  private final Supplier<Site> site;
  private final long trustNanos;

  /** By their addresses, decoded: a file that can be spelt in many ways is kept once. */
  private final Cache<String, StaticFile> cache =
      Caffeine.newBuilder()
          .maximumWeight(MAX_CACHE_BYTES)
          .weigher((String path, StaticFile file) -> file.weight() + 2 * path.length())
          .build();

  private StaticFiles(Supplier<Site> site, boolean development) {
    this.site = site;
    this.trustNanos = development ? 0 : TRUST_NANOS;
  }

  /**
   * The files of {@code site}.
   *
   * @param development whether changes show at the next request; otherwise within a second
   */
  public static StaticFiles create(Supplier<Site> site, boolean development) {
    return new StaticFiles(site, development);
  }

  @Override
  public void routing(HttpRules rules) {
    rules.any(this::handle);
  }

  /**
   * The address of a file that changes with its content, so that browsers may keep what they have
   * for ever: {@code /style.css?v=…}. A file that is not there keeps its plain address.
   */
  String address(String path) {
    String raw = Percent.encodePath(path.startsWith("/") ? path : "/" + path);
    StaticFile file = find(raw);
    return file == null ? raw : raw + "?v=" + file.version();
  }

  private void handle(ServerRequest request, ServerResponse response) {
    String method = request.prologue().method().text();
    String raw = request.prologue().uriPath().rawPath();
    StaticFile file = find(raw);
    if (!method.equals("GET") && !method.equals("HEAD")) {
      if (file == null) {
        response.next();
        return;
      }
      RequestContext.current().route(Route.STATIC);
      throw new ProblemException(
          Problem.of(
                  Status.METHOD_NOT_ALLOWED_405,
                  "method-not-allowed",
                  "Method not allowed",
                  "There is a file at this address; it can be read with GET and HEAD.")
              .with(HeaderValues.create(HeaderNames.ALLOW, "GET, HEAD")));
    }
    if (file == null) {
      if (isFolderWithIndex(raw)) {
        RequestContext.current().route(Route.STATIC);
        String query = request.prologue().query().rawValue();
        response.status(Status.PERMANENT_REDIRECT_308);
        response.header(
            HeaderValues.create(
                HeaderNames.LOCATION, raw + "/" + (query.isEmpty() ? "" : "?" + query)));
        response.header(Names.NO_CACHE);
        response.send();
      } else {
        response.next();
      }
      return;
    }
    RequestContext.current().route(Route.STATIC);
    boolean head = method.equals("HEAD");
    try {
      for (int attempt = 1; file != null; attempt++) {
        try (FileChannel channel = head || file.content() != null ? null : file.open()) {
          if (channel != null || head || file.content() != null) {
            boolean versioned =
                request.prologue().query().rawValue().equals("v=" + file.version())
                    || HASHED_NAME.matcher(raw).matches();
            StaticAnswer.answer(request, response, file, channel, versioned, head);
            return;
          }
        }
        // It was replaced since it was looked at.
        if (attempt == MOST_LOOKS) {
          throw new ProblemException(
              Problem.of(
                      Status.SERVICE_UNAVAILABLE_503,
                      "file-changes",
                      "The file is being changed",
                      "The file at this address changes faster than it can be sent; try again.")
                  .with(HeaderValues.create(HeaderNames.RETRY_AFTER, "1")));
        }
        cache.asMap().values().remove(file);
        file = find(raw);
      }
      response.next();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // Finding

  private @Nullable StaticFile find(String raw) {
    // An address without escapes has one spelling, and is looked up as it is.
    SitePath path = raw.indexOf('%') < 0 ? null : SitePath.parse(raw);
    String key = path == null ? raw : spelling(path);
    StaticFile known = cache.getIfPresent(key);
    if (known != null) {
      if (known.isCurrent(trustNanos)) {
        return known;
      }
      cache.invalidate(key);
    }
    path = path == null ? SitePath.parse(raw) : path;
    Path real = path == null ? null : locate(path, path.folder());
    if (real == null) {
      return null;
    }
    try {
      StaticFile file = StaticFile.read(real);
      cache.put(key, file);
      return file;
    } catch (IOException e) {
      // It went away, or may not be read: then it is not published.
      return null;
    }
  }

  /** The one name of all spellings of an address; segments hold no slash. */
  private static String spelling(SitePath path) {
    return "/" + String.join("/", path.segments()) + (path.folder() ? "/" : "");
  }

  /** How many files are in memory. */
  long kept() {
    cache.cleanUp();
    return cache.estimatedSize();
  }

  private boolean isFolderWithIndex(String raw) {
    SitePath path = SitePath.parse(raw);
    return path != null && !path.folder() && locate(path, true) != null;
  }

  /** The real path of a published file, or null. */
  private @Nullable Path locate(SitePath path, boolean folder) {
    List<String> segments = path.segments();
    for (int i = 0; i < segments.size(); i++) {
      String segment = segments.get(i);
      if (segment.startsWith(".") && !(i == 0 && segment.equals(".well-known"))) {
        return null;
      }
    }
    try {
      Path root = site.get().publicFiles();
      Path file = root;
      for (String segment : segments) {
        file = file.resolve(segment);
      }
      if (folder) {
        file = file.resolve("index.html");
      }
      // The cheap look first: most addresses of a site are pages, not files.
      if (!Files.isRegularFile(file)) {
        return null;
      }
      Path realRoot = root.toRealPath();
      Path asked = realRoot.resolve(root.relativize(file));
      Path real = asked.toRealPath();
      // Where file names ignore case, one file would have many addresses: only its own is good.
      boolean sameCase = asked.toRealPath(LinkOption.NOFOLLOW_LINKS).equals(asked);
      return real.startsWith(realRoot) && sameCase && !isHidden(realRoot.relativize(real))
          ? real
          : null;
    } catch (InvalidPathException | IOException e) {
      return null;
    }
  }

  private static boolean isHidden(Path relative) {
    for (Path part : relative) {
      String name = part.toString();
      if (name.startsWith(".") && !name.equals(".well-known")) {
        return true;
      }
    }
    return false;
  }
}
