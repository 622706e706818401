package dev.meridian.handler;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Which handler answers what. A path such as {@code /products/{id}/buy} has names and parameters,
 * each a whole segment; a name goes before a parameter, segment by segment from the left. Built
 * once, then immutable.
 */
public final class Routes {
  private static final List<String> METHODS = List.of("GET", "POST", "PUT", "PATCH", "DELETE");
  private static final int MAX_ROUTES = 1_000;

  /** With nothing in it. */
  public static final Routes NONE = new Routes(List.of());

  private final List<Route> routes;

  private Routes(List<Route> routes) {
    this.routes = List.copyOf(routes);
  }

  /**
   * One route.
   *
   * @param segments of its path; those in braces are parameters
   */
  private record Route(String method, List<String> segments, Handler handler) {
    static boolean isParameter(String segment) {
      return segment.startsWith("{");
    }

    /** By which a more special route comes first. */
    String rank() {
      StringBuilder rank = new StringBuilder();
      segments.forEach(segment -> rank.append(isParameter(segment) ? 'b' : 'a'));
      return rank.toString();
    }

    boolean matches(List<String> path) {
      if (path.size() != segments.size()) {
        return false;
      }
      for (int i = 0; i < path.size(); i++) {
        String segment = segments.get(i);
        if (!isParameter(segment) && !segment.equals(path.get(i))) {
          return false;
        }
      }
      return true;
    }

    Map<String, String> parameters(List<String> path) {
      Map<String, String> parameters = new LinkedHashMap<>();
      for (int i = 0; i < path.size(); i++) {
        String segment = segments.get(i);
        if (isParameter(segment)) {
          parameters.put(segment.substring(1, segment.length() - 1), path.get(i));
        }
      }
      return parameters;
    }

    /** The path with all parameters alike: two of the same would answer the same requests. */
    String shape() {
      StringBuilder shape = new StringBuilder(method);
      segments.forEach(segment -> shape.append('/').append(isParameter(segment) ? "{}" : segment));
      return shape.toString();
    }
  }

  /**
   * A handler for a request.
   *
   * @param parameters of the path, by name
   */
  public record Match(Handler handler, Map<String, String> parameters) {}

  /**
   * These and one more.
   *
   * @param method GET, which answers HEAD, too, POST, PUT, PATCH or DELETE
   * @param path such as {@code /products/{id}}, not percent-encoded
   * @throws IllegalArgumentException if it is no path, or there is a route for it, or it is where
   *     Meridian itself answers; the message says what to write
   */
  public Routes with(String method, String path, Handler handler) {
    if (!METHODS.contains(method)) {
      throw new IllegalArgumentException(
          "A route's method is one of " + METHODS + "; it was '" + method + "'");
    }
    if (routes.size() == MAX_ROUTES) {
      throw new IllegalArgumentException("There are at most " + MAX_ROUTES + " routes");
    }
    Route added = new Route(method, segments(path), handler);
    if (routes.stream().anyMatch(route -> route.shape().equals(added.shape()))) {
      throw new IllegalArgumentException(
          "There is a handler for " + method + " " + path + " already; remove one");
    }
    List<Route> more = new ArrayList<>(routes);
    more.add(added);
    more.sort(Comparator.comparing(Route::rank));
    return new Routes(more);
  }

  private static List<String> segments(String path) {
    if (!path.startsWith("/") || (path.length() > 1 && path.endsWith("/"))) {
      throw new IllegalArgumentException(
          "A path begins with a slash and does not end with one; it was '" + path + "'");
    }
    List<String> segments = path.length() == 1 ? List.of() : List.of(path.substring(1).split("/"));
    List<String> names = new ArrayList<>();
    for (String segment : segments) {
      boolean parameter = segment.matches("\\{[A-Za-z][A-Za-z0-9_]{0,63}}");
      if (segment.isEmpty()
          || segment.equals(".")
          || segment.equals("..")
          || (!parameter && segment.matches(".*[{}\\\\*?#\\p{Cntrl}].*"))) {
        throw new IllegalArgumentException(
            "'"
                + segment
                + "' in '"
                + path
                + "' is no part of a path; write a name, or {name} for whatever stands there");
      }
      if (parameter) {
        if (names.contains(segment)) {
          throw new IllegalArgumentException(
              "The parameter " + segment + " is twice in '" + path + "'");
        }
        names.add(segment);
      }
    }
    if (!segments.isEmpty() && segments.getFirst().equals("data")) {
      throw new IllegalArgumentException(
          "'/" + segments.getFirst() + "' is Meridian's own; '" + path + "' would never be asked");
    }
    return segments;
  }

  /** Whether there are none. */
  public boolean isEmpty() {
    return routes.isEmpty();
  }

  /**
   * The handler for a request; empty if none is.
   *
   * @param method as sent
   * @param path its segments, decoded
   */
  public Optional<Match> match(String method, List<String> path) {
    String wanted = method.equals("HEAD") ? "GET" : method;
    for (Route route : routes) {
      if (route.method.equals(wanted) && route.matches(path)) {
        return Optional.of(new Match(route.handler, route.parameters(path)));
      }
    }
    return Optional.empty();
  }

  /** The methods for which there is a handler at this path, HEAD with GET. */
  public SortedSet<String> methods(List<String> path) {
    SortedSet<String> methods = new TreeSet<>();
    for (Route route : routes) {
      if (route.matches(path)) {
        methods.add(route.method);
        if (route.method.equals("GET")) {
          methods.add("HEAD");
        }
      }
    }
    return methods;
  }
}
