package dev.meridian.web;

import java.util.Locale;
import java.util.Map;

/** Media types by the endings of file names (the IANA registry, and the WHATWG's for fonts). */
final class MediaTypes {
  /** What nobody should guess at. */
  static final String UNKNOWN = "application/octet-stream";

  private static final Map<String, String> BY_ENDING =
      Map.ofEntries(
          text("html", "text/html"),
          text("htm", "text/html"),
          text("css", "text/css"),
          text("js", "text/javascript"),
          text("mjs", "text/javascript"),
          text("txt", "text/plain"),
          text("md", "text/markdown"),
          text("csv", "text/csv"),
          text("ics", "text/calendar"),
          text("vtt", "text/vtt"),
          text("xml", "application/xml"),
          text("xsl", "application/xslt+xml"),
          text("rss", "application/rss+xml"),
          text("atom", "application/atom+xml"),
          text("svg", "image/svg+xml"),
          Map.entry("json", "application/json"),
          Map.entry("map", "application/json"),
          Map.entry("geojson", "application/geo+json"),
          Map.entry("jsonld", "application/ld+json"),
          Map.entry("webmanifest", "application/manifest+json"),
          Map.entry("wasm", "application/wasm"),
          Map.entry("pdf", "application/pdf"),
          Map.entry("zip", "application/zip"),
          Map.entry("gz", "application/gzip"),
          Map.entry("png", "image/png"),
          Map.entry("jpg", "image/jpeg"),
          Map.entry("jpeg", "image/jpeg"),
          Map.entry("gif", "image/gif"),
          Map.entry("webp", "image/webp"),
          Map.entry("avif", "image/avif"),
          Map.entry("ico", "image/vnd.microsoft.icon"),
          Map.entry("woff", "font/woff"),
          Map.entry("woff2", "font/woff2"),
          Map.entry("ttf", "font/ttf"),
          Map.entry("otf", "font/otf"),
          Map.entry("mp3", "audio/mpeg"),
          Map.entry("ogg", "audio/ogg"),
          Map.entry("wav", "audio/wav"),
          Map.entry("mp4", "video/mp4"),
          Map.entry("webm", "video/webm"));

  private MediaTypes() {}

  private static Map.Entry<String, String> text(String ending, String type) {
    return Map.entry(ending, type + "; charset=utf-8");
  }

  /** The type of a file by its name. */
  static String of(String fileName) {
    String ending = fileName.substring(fileName.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    return BY_ENDING.getOrDefault(ending, UNKNOWN);
  }

  /** Whether files of a type become much smaller by compression. */
  static boolean isCompressible(String type) {
    return type.contains("charset=")
        || type.contains("json")
        || type.equals("application/wasm")
        || type.equals("font/ttf")
        || type.equals("font/otf")
        || type.equals("image/vnd.microsoft.icon");
  }
}
