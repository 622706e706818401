package dev.meridian.web;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** The pages a site shows of itself when it has none of its own: errors, plain or helpful. */
final class PlainPages {
  private static final int LINES_AROUND = 5;

  private static final String STYLE =
      """
      :root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--paper:#f6f7f9;--card:#fff;\
      --line:#e2e6ec;--mark:#fff1f0;--red:#c8321f}
      @media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--soft:#9aa6b6;--paper:#12161c;\
      --card:#1a2029;--line:#2b3441;--mark:#3a1f1c;--red:#ff8a75}}
      *{box-sizing:border-box}
      body{margin:0;min-height:100vh;background:var(--paper);color:var(--ink);\
      font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
      main{max-width:60rem;margin:0 auto;padding:clamp(1.25rem,5vw,4rem) 1.25rem}
      main.plain{max-width:34rem;padding-top:18vh}
      .kind{color:var(--red);font-weight:600;font-size:.85rem;letter-spacing:.02em;margin:0}
      h1{font-size:clamp(1.25rem,3.5vw,1.75rem);line-height:1.3;margin:.35rem 0 1rem;\
      overflow-wrap:anywhere}
      p{margin:.6rem 0}.soft{color:var(--soft)}
      code,pre{font:13px/1.7 ui-monospace,"SF Mono",Menlo,Consolas,monospace}
      .source{background:var(--card);border:1px solid var(--line);border-radius:10px;\
      overflow-x:auto;padding:.5rem 0;margin:1.25rem 0}
      .source ol{list-style:none;margin:0;padding:0;min-width:max-content}
      .source li{padding:0 1rem 0 0;white-space:pre;border-left:3px solid transparent}
      .source li span{display:inline-block;width:3.5rem;padding-right:1rem;text-align:right;\
      color:var(--soft);user-select:none}
      .source li.here{background:var(--mark);border-left-color:var(--red)}
      .file{font-weight:600}
      a{color:inherit}
      """;

  private PlainPages() {}

  /** What a visitor sees of an error: what it means for them, and nothing of the inside. */
  static byte[] error(int status, String title, String detail) {
    return page(
        title,
        "<main class=\"plain\"><p class=\"kind\">"
            + status
            + "</p><h1>"
            + escape(title)
            + "</h1><p class=\"soft\">"
            + escape(detail)
            + "</p><p><a href=\"/\">Home</a></p></main>");
  }

  /** What a developer sees of a broken page: what is wrong, where, and the lines around it. */
  static byte[] failure(PageFailure failure, @Nullable String source) {
    StringBuilder body = new StringBuilder("<main><p class=\"kind\">This page is broken</p><h1>");
    body.append(escape(failure.problem())).append("</h1>");
    body.append("<p><code class=\"file\">pages/").append(escape(failure.template()));
    if (failure.line() > 0) {
      body.append("</code>, line ").append(failure.line());
    } else {
      body.append("</code>");
    }
    body.append("</p>");
    if (source != null) {
      excerpt(body, source, failure.line());
    }
    body.append(
        "<p class=\"soft\">Save the file and reload. Visitors of a site that is not in development"
            + " see a plain page instead, and the log has this message.</p></main>");
    return page("Broken: pages/" + failure.template(), body.toString());
  }

  private static void excerpt(StringBuilder body, String source, int line) {
    String[] lines = source.split("\n", -1);
    int here = Math.clamp(line, 1, lines.length);
    int from = Math.max(1, here - LINES_AROUND);
    int to = Math.min(lines.length, line > 0 ? here + LINES_AROUND : 2 * LINES_AROUND);
    body.append("<div class=\"source\"><ol>");
    for (int i = from; i <= to; i++) {
      String text = lines[i - 1].stripTrailing();
      body.append(i == line ? "<li class=\"here\"><span>" : "<li><span>")
          .append(i)
          .append("</span>")
          .append(escape(text.length() > 500 ? text.substring(0, 500) + "…" : text))
          .append("</li>");
    }
    body.append("</ol></div>");
  }

  private static byte[] page(String title, String body) {
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            + "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
            + "<title>"
            + escape(title)
            + "</title><style>"
            + STYLE
            + "</style></head><body>"
            + body
            + "</body></html>\n")
        .getBytes(StandardCharsets.UTF_8);
  }

  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }
}
