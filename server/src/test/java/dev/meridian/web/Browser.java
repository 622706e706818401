package dev.meridian.web;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A client that keeps cookies as they are set, over one port or another. */
final class Browser {
  final Map<String, String> cookies = new LinkedHashMap<>();

  /** All that was set, with attributes, the newest last. */
  final List<String> set = new ArrayList<>();

  private final HttpClient client;

  Browser(HttpClient client) {
    this.client = client;
  }

  /** The value of a cookie; empty when there is none. */
  String cookie(String name) {
    return cookies.getOrDefault(name, "");
  }

  /** Sends as a page of the site would; headers are names and values in turn. */
  HttpResponse<String> page(int port, String method, String path, String body, String... headers)
      throws IOException, InterruptedException {
    String[] all = new String[headers.length + 2];
    all[0] = "Sec-Fetch-Site";
    all[1] = "same-origin";
    System.arraycopy(headers, 0, all, 2, headers.length);
    return send(port, method, path, body, all);
  }

  HttpResponse<String> send(int port, String method, String path, String body, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .version(HttpClient.Version.HTTP_1_1)
            .timeout(Duration.ofSeconds(60))
            .method(
                method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    if (!cookies.isEmpty()) {
      List<String> pairs = new ArrayList<>();
      cookies.forEach((name, value) -> pairs.add(name + "=" + value));
      request.header("Cookie", String.join("; ", pairs));
    }
    HttpResponse<String> answer = client.send(request.build(), BodyHandlers.ofString());
    for (String line : answer.headers().allValues("Set-Cookie")) {
      set.add(line);
      String name = line.substring(0, line.indexOf('='));
      String value = line.substring(line.indexOf('=') + 1, line.indexOf(';'));
      if (line.contains("Max-Age=0;")) {
        cookies.remove(name);
      } else {
        cookies.put(name, value);
      }
    }
    return answer;
  }
}
