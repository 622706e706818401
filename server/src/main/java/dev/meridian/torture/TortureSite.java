package dev.meridian.torture;

import dev.meridian.document.InvalidInputException;
import dev.meridian.torture.Operation.Part;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The site that a cluster must have to be tortured: a collection for each policy, sessions, and
 * pages that show documents at their own paths.
 */
public final class TortureSite {
  private static final Pattern SHOWN = Pattern.compile("<p>(nothing|v=([^ <]*) n=([0-9]*))</p>");

  private TortureSite() {}

  /**
   * Writes the site.
   *
   * @param folder made if it is not there
   */
  public static void write(Path folder, List<CachePolicy> policies) throws IOException {
    StringBuilder site = new StringBuilder();
    site.append(
        """
        name: Torture
        domains: [torture.test]
        rules: {read: "true", write: "true"}
        sessions: on
        collections:
        """);
    for (CachePolicy policy : policies) {
      String cache =
          policy.flushes() ? "{policy: " + policy.label() + ", age: 500 ms}" : policy.label();
      for (String pattern : List.of(policy.collection(), policy.collection() + "/*/parts")) {
        site.append("  \"").append(pattern).append("\": {cache: ").append(cache).append("}\n");
      }
      Path pages = folder.resolve("pages").resolve(policy.collection());
      Files.createDirectories(pages.resolve("[id]/parts"));
      Files.writeString(pages.resolve("[id].html"), page(policy.collection() + "/{id}"));
      Files.writeString(
          pages.resolve("[id]/parts/[part].html"),
          page(policy.collection() + "/{id}/parts/{part}"));
    }
    Files.writeString(folder.resolve("site.yaml"), site);
  }

  private static String page(String document) {
    return """
        ---
        data:
          it: {document: "%s", optional: true}
        ---
        <p>{%% if it is null %%}nothing{%% else %%}v={{ it.v }} n={{ it.n }}{%% endif %%}</p>
        """
        .formatted(document);
  }

  /**
   * What such a page shows of a document.
   *
   * @throws InvalidInputException if it is another page
   */
  static Part read(String document, byte[] body) {
    Matcher shown = SHOWN.matcher(new String(body, StandardCharsets.UTF_8));
    if (!shown.find()) {
      throw new InvalidInputException("a page does not show its document");
    }
    return new Part(document, text(shown.group(2)), number(shown.group(3)), null);
  }

  private static @Nullable String text(@Nullable String shown) {
    return shown == null || shown.isEmpty() ? null : shown;
  }

  private static long number(@Nullable String shown) {
    String text = text(shown);
    return text == null ? 0 : Long.parseLong(text);
  }
}
