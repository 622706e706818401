package dev.meridian.web;

import dev.meridian.site.Suggestions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Addresses by the files that answer them: {@code cities/index.html} is {@code /cities}, {@code
 * cities/[id].html} is any one segment below it and {@code [...rest].html} one or more. A name goes
 * before a parameter, a parameter before the rest, segment by segment. Immutable once built.
 */
final class PageRoutes {
  /** Pages that answer errors, not addresses. */
  static final List<String> ERROR_PAGES = List.of("404.html", "500.html");

  private final Node root = new Node();

  private static final class Node {
    final Map<String, Node> named = new HashMap<>();
    @Nullable Node parameter;
    @Nullable Entry page;
    @Nullable Entry rest;
  }

  /** A template and the names of its parameters in their order. */
  private record Entry(String template, List<String> parameters) {}

  /**
   * The page for an address.
   *
   * @param template its name below {@code pages/}
   * @param parameters by name, decoded
   */
  record Match(String template, Map<String, Object> parameters) {}

  /** Whether a template is one that answers an address. */
  static boolean isRoutable(String template) {
    for (String segment : template.split("/")) {
      if (segment.startsWith("_")) {
        return false;
      }
    }
    return !ERROR_PAGES.contains(template)
        && (template.endsWith(".html") || template.endsWith(".xml"));
  }

  /**
   * Adds a template.
   *
   * @throws PageFailure if its name is no route or another template has the same one
   */
  void add(String template) {
    String address =
        template.endsWith(".html")
            ? template.substring(0, template.length() - ".html".length())
            : template;
    List<String> segments = new ArrayList<>(List.of(address.split("/")));
    if (segments.getLast().equals("index") && template.endsWith(".html")) {
      segments.removeLast();
    }
    Node node = root;
    List<String> parameters = new ArrayList<>();
    for (int i = 0; i < segments.size(); i++) {
      String segment = segments.get(i);
      boolean rest = segment.startsWith("[...");
      if (!segment.startsWith("[")) {
        if (segment.indexOf('[') >= 0 || segment.indexOf(']') >= 0) {
          throw bad(template, segment);
        }
        node = node.named.computeIfAbsent(segment, _ -> new Node());
        continue;
      }
      String name =
          segment.endsWith("]") ? segment.substring(rest ? 4 : 1, segment.length() - 1) : "";
      if (!name.matches("[A-Za-z][A-Za-z0-9_]{0,63}") || parameters.contains(name)) {
        throw bad(template, segment);
      }
      parameters.add(name);
      if (rest) {
        if (i < segments.size() - 1) {
          throw new PageFailure(
              template, 0, "'" + segment + "' takes all that follows, so it comes last.", null);
        }
        node.rest = only(node.rest, new Entry(template, List.copyOf(parameters)));
        return;
      }
      if (node.parameter == null) {
        node.parameter = new Node();
      }
      node = node.parameter;
    }
    node.page = only(node.page, new Entry(template, List.copyOf(parameters)));
  }

  private static PageFailure bad(String template, String segment) {
    return new PageFailure(
        template,
        0,
        "'" + segment + "' is no part of an address; write a name, [name] or [...name].",
        null);
  }

  private static Entry only(@Nullable Entry known, Entry added) {
    if (known != null) {
      throw new PageFailure(
          added.template,
          0,
          "this page and pages/" + known.template + " answer the same address; remove one.",
          null);
    }
    return added;
  }

  /** The page for a path, or null if there is none. */
  @Nullable Match match(List<String> segments) {
    return match(root, segments, 0, new ArrayList<>());
  }

  private static @Nullable Match match(
      Node node, List<String> segments, int at, List<String> values) {
    if (at == segments.size()) {
      return node.page == null ? null : found(node.page, values);
    }
    String segment = segments.get(at);
    Node named = node.named.get(segment);
    Match match = named == null ? null : match(named, segments, at + 1, values);
    if (match == null && node.parameter != null) {
      values.add(segment);
      match = match(node.parameter, segments, at + 1, values);
      values.removeLast();
    }
    if (match == null && node.rest != null) {
      values.add(String.join("/", segments.subList(at, segments.size())));
      match = found(node.rest, values);
      values.removeLast();
    }
    return match;
  }

  private static Match found(Entry route, List<String> values) {
    Map<String, Object> parameters = new LinkedHashMap<>();
    for (int i = 0; i < route.parameters.size(); i++) {
      parameters.put(route.parameters.get(i), values.get(i));
    }
    return new Match(route.template, parameters);
  }

  /** A hint for somebody who misspelt a first segment, for the development page. */
  String nearest(String segment) {
    return Suggestions.didYouMean(segment, root.named.keySet());
  }
}
