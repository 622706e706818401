package dev.meridian.benchmarks;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Three Meridian nodes, with TLS between them and the log synced to disk, as always. */
final class MeridianTrio implements Trio {
  private static final Duration START = Duration.ofSeconds(90);
  private static final int HTTP = 8080;
  private static final int ADMIN = 8081;
  private static final int PEER = 7400;
  private static final Pattern TERM = Pattern.compile("\"term\":(\\d+)");

  private final Path home;
  private final Path scratch;
  private final Path site;
  private final Contender[] nodes = new Contender[NODES];
  private final HttpClient http =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .connectTimeout(Duration.ofSeconds(1))
          .build();

  /** Starts a cluster that serves {@code site}; nodes are at 127.0.0.21 to .23. */
  MeridianTrio(Path home, Path scratch, Path site) {
    this.home = home;
    this.scratch = scratch;
    this.site = site;
    try {
      nodes[0] = launch(0, "");
      awaitReady(0);
      String token =
          admin(0, "POST", "/tokens", "{\"minutes\":60,\"reusable\":true}")
              .body()
              .replaceAll("(?s).*\"token\":\"([^\"]+)\".*", "$1");
      for (int i = 1; i < NODES; i++) {
        nodes[i] = launch(i, token);
        awaitReady(i);
      }
    } catch (IOException | RuntimeException e) {
      close();
      throw new IllegalStateException("Meridian's cluster did not start", e);
    }
  }

  @Override
  public String name() {
    return "Meridian";
  }

  private static String host(int node) {
    return "127.0.0." + (21 + node);
  }

  private Path data(int node) {
    return scratch.resolve("meridian" + node);
  }

  private Contender launch(int node, String token) {
    List<String> command = new ArrayList<>(List.of(home.resolve("meridian").toString(), "up"));
    if (node == 0) {
      command.add(site.toString());
    } else {
      command.addAll(List.of("--join", host(0) + ":" + PEER));
    }
    command.addAll(
        List.of(
            "--http",
            host(node) + ":" + HTTP,
            "--admin",
            host(node) + ":" + ADMIN,
            "--peer",
            host(node) + ":" + PEER,
            "--dns",
            "off",
            "--data",
            data(node).toString(),
            "--production",
            "--access-log",
            "off"));
    return Contender.start(
        "Meridian",
        HTTP,
        scratch.resolve("meridian" + node + ".log"),
        command,
        token.isEmpty() ? Map.of() : Map.of("MERIDIAN_TOKEN", token));
  }

  private HttpResponse<String> admin(int node, String method, String path, String body)
      throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://" + host(node) + ":" + ADMIN + path))
            .timeout(Duration.ofSeconds(3))
            .method(method, HttpRequest.BodyPublishers.ofString(body));
    if (!path.startsWith("/health")) {
      request.header(
          "Authorization", "Bearer " + Files.readString(data(0).resolve("operator.key")).strip());
    }
    try {
      return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  private void awaitReady(int node) {
    Tools.await(
        "Meridian's node " + node,
        START,
        () -> {
          try {
            return admin(node, "GET", "/health/ready", "").statusCode() == 200;
          } catch (IOException e) {
            return false;
          }
        });
  }

  @Override
  public int primary() {
    for (int i = 0; i < NODES; i++) {
      try {
        if (admin(i, "GET", "/status", "").body().contains("\"role\":\"primary\",\"ready\":true")) {
          return i;
        }
      } catch (IOException e) {
        // Another one.
      }
    }
    return -1;
  }

  @Override
  public long term() {
    long highest = -1;
    for (int i = 0; i < NODES; i++) {
      try {
        Matcher term = TERM.matcher(admin(i, "GET", "/status", "").body());
        if (term.find()) {
          highest = Math.max(highest, Long.parseLong(term.group(1)));
        }
      } catch (IOException e) {
        // Another one.
      }
    }
    if (highest < 0) {
      throw new IllegalStateException("no node of Meridian tells its term");
    }
    return highest;
  }

  @Override
  public void kill(int node) {
    nodes[node].kill();
  }

  @Override
  public void restart(int node) {
    nodes[node] = launch(node, "");
    awaitReady(node);
  }

  @Override
  public List<Contender> processes() {
    return List.of(nodes);
  }

  @Override
  public Client client(int node, Duration limit) {
    return new HttpConnection(new InetSocketAddress(host(node), HTTP), limit);
  }

  @Override
  public void close() {
    for (Contender node : nodes) {
      if (node != null) {
        node.close();
      }
    }
    http.shutdownNow();
  }

  /** HTTP/1.1 with a connection that is kept. */
  private static final class HttpConnection implements Client {
    private final InetSocketAddress to;
    private final int limitMillis;
    private @Nullable Socket socket;
    private @Nullable InputStream in;
    private @Nullable OutputStream out;

    HttpConnection(InetSocketAddress to, Duration limit) {
      this.to = to;
      this.limitMillis = (int) limit.toMillis();
    }

    @Override
    public void put(int document, byte[] value) throws IOException {
      byte[] head =
          ("PUT /data/bench/"
                  + document
                  + " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "
                  + value.length
                  + "\r\n\r\n")
              .getBytes(StandardCharsets.US_ASCII);
      byte[] request = java.util.Arrays.copyOf(head, head.length + value.length);
      System.arraycopy(value, 0, request, head.length, value.length);
      int status = send(request);
      if (status / 100 != 2) {
        throw new IOException("PUT was answered with " + status);
      }
    }

    @Override
    public void get(int document) throws IOException {
      get(document, "Meridian-Consistency: strong\r\n");
    }

    @Override
    public void getHere(int document) throws IOException {
      get(document, ""); // a session's, which has written nothing
    }

    private void get(int document, String header) throws IOException {
      int status =
          send(
              ("GET /data/bench/" + document + " HTTP/1.1\r\nHost: bench\r\n" + header + "\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
      if (status != 200) {
        throw new IOException("GET was answered with " + status);
      }
    }

    private int send(byte[] request) throws IOException {
      try {
        if (socket == null) {
          Socket open = new Socket();
          socket = open;
          open.setTcpNoDelay(true);
          open.setSoTimeout(limitMillis);
          open.connect(to, limitMillis);
          in = new BufferedInputStream(open.getInputStream(), 4096);
          out = open.getOutputStream();
        }
        java.util.Objects.requireNonNull(out).write(request);
        return answer(java.util.Objects.requireNonNull(in));
      } catch (IOException e) {
        close();
        throw e;
      }
    }

    private int answer(InputStream from) throws IOException {
      int status = Integer.parseInt(line(from), 9, 12, 10);
      int length = 0;
      boolean last = false;
      for (String line = line(from); !line.isEmpty(); line = line(from)) {
        if (line.regionMatches(true, 0, "content-length:", 0, 15)) {
          length = Integer.parseInt(line.substring(15).strip());
        }
        last |= line.equalsIgnoreCase("connection: close");
      }
      from.skipNBytes(length);
      if (last) {
        close();
      }
      return status;
    }

    private static String line(InputStream from) throws IOException {
      StringBuilder line = new StringBuilder(40);
      for (int c; (c = from.read()) != '\n'; ) {
        if (c < 0) {
          throw new EOFException();
        }
        if (c != '\r') {
          line.append((char) c);
        }
      }
      return line.toString();
    }

    @Override
    public void close() {
      Socket open = socket;
      socket = null;
      if (open != null) {
        try {
          open.close();
        } catch (IOException e) {
          // It is closed then.
        }
      }
    }
  }
}
