package dev.meridian.health;

import dev.meridian.site.HealthCheck;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * One try whether an address can serve. Blocking, and never longer than the check's timeout,
 * whatever the peer does; what it sends is read only as far as the status line, or the headers if
 * it shall tell how busy it is.
 */
final class Probe {
  /** {@code HTTP/1.1 200 OK} with a reason of some length. */
  private static final int MAX_STATUS_LINE = 512;

  private static final int MAX_HEADER_LINE = 8192;
  private static final int MAX_HEADERS = 100;

  private static final Pattern STATUS_LINE = Pattern.compile("HTTP/1\\.[01] ([1-5][0-9]{2})( .*)?");

  private static final TrustManager[] BROWSERS = browsers();
  private static final TrustManager[] ANY = {new Unquestioning()};

  /** This machine has no way to the address at all, which says nothing of the address. */
  static final class NoNetwork extends IOException {
    private static final long serialVersionUID = 1;

    NoNetwork(IOException cause) {
      super("this machine has no route to its network", cause);
    }
  }

  /**
   * A good try.
   *
   * @param took how long it took
   * @param load requests a second that the server says it has; empty if it was not asked or did not
   *     say
   */
  record Result(Duration took, OptionalDouble load) {}

  private Probe() {}

  private static TrustManager[] browsers() {
    try {
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init((KeyStore) null);
      return factory.getTrustManagers();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform has certificates it trusts", e);
    }
  }

  /**
   * Tries.
   *
   * @param asksLoad whether the server is asked how busy it is, too; of HTTP and HTTPS
   * @throws NoNetwork if nothing can be said of it from here
   * @throws IOException if the address cannot serve; the message says what is wrong, for people
   */
  static Result run(HealthCheck check, InetSocketAddress at, boolean asksLoad) throws IOException {
    long begun = System.nanoTime();
    AtomicBoolean late = new AtomicBoolean();
    Socket socket = new Socket();
    // A peer that sends a byte now and then would pass any limit on a single read.
    Thread limit =
        Thread.ofVirtual()
            .name("probe-limit")
            .start(
                () -> {
                  try {
                    Thread.sleep(check.timeout());
                    late.set(true);
                    socket.close();
                  } catch (InterruptedException | IOException e) {
                    // It was in time, or the socket is closed anyway.
                  }
                });
    try (socket) {
      socket.connect(at, (int) check.timeout().toMillis());
      return switch (check.kind()) {
        // Whoever takes a connection and resets it at once has not said so yet; that is HTTP's.
        case TCP -> new Result(Duration.ofNanos(System.nanoTime() - begun), OptionalDouble.empty());
        case HTTP -> ask(socket, check, begun, asksLoad);
        case HTTPS -> {
          try (SSLSocket secured = secure(socket, check)) {
            yield ask(secured, check, begun, asksLoad);
          }
        }
      };
    } catch (IOException e) {
      if (String.valueOf(e.getMessage()).contains("Network is unreachable")) {
        throw new NoNetwork(e);
      }
      throw late.get() || e instanceof SocketTimeoutException
          ? new IOException("no answer within " + text(check.timeout()), e)
          : new IOException(reason(e), e);
    } finally {
      limit.interrupt();
    }
  }

  private static SSLSocket secure(Socket socket, HealthCheck check) throws IOException {
    SSLContext context;
    try {
      // A new one each time: a session that is resumed would show no certificate.
      context = SSLContext.getInstance("TLS");
      context.init(null, check.verify() ? BROWSERS : ANY, null);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform has TLS", e);
    }
    SSLSocket secured =
        (SSLSocket)
            context.getSocketFactory().createSocket(socket, check.host(), check.portToTry(), true);
    SSLParameters parameters = secured.getSSLParameters();
    if (!check.host().isEmpty()) {
      parameters.setServerNames(List.of(new SNIHostName(check.host())));
    }
    if (check.verify()) {
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
    }
    secured.setSSLParameters(parameters);
    secured.startHandshake();
    return secured;
  }

  private static Result ask(Socket socket, HealthCheck check, long begun, boolean asksLoad)
      throws IOException {
    String request =
        "GET "
            + check.path()
            + " HTTP/1.1\r\nHost: "
            + check.host()
            + "\r\nUser-Agent: Meridian-health\r\nAccept: */*\r\n"
            + (asksLoad ? LoadReport.FORMAT + ": TEXT\r\n" : "")
            + "Connection: close\r\n\r\n";
    socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    socket.getOutputStream().flush();
    InputStream in = new BufferedInputStream(socket.getInputStream());
    String line = line(in, MAX_STATUS_LINE);
    Matcher status = STATUS_LINE.matcher(line);
    if (!status.matches()) {
      throw new IOException("the answer is not HTTP: '" + printable(line) + "'");
    }
    int code = Integer.parseInt(status.group(1));
    boolean good =
        check.statuses().isEmpty() ? code >= 200 && code < 400 : check.statuses().contains(code);
    if (!good) {
      throw new IOException("the answer is " + code);
    }
    Duration took = Duration.ofNanos(System.nanoTime() - begun);
    return new Result(took, asksLoad ? load(in) : OptionalDouble.empty());
  }

  /** The server is well, whatever becomes of the rest of its answer. */
  private static OptionalDouble load(InputStream in) {
    try {
      for (int i = 0; i < MAX_HEADERS; i++) {
        String line = line(in, MAX_HEADER_LINE);
        int colon = line.indexOf(':');
        if (line.isEmpty() || colon < 0) {
          break;
        }
        if (line.substring(0, colon).equalsIgnoreCase(LoadReport.HEADER)) {
          return LoadReport.requestsPerSecond(line.substring(colon + 1));
        }
      }
    } catch (IOException e) {
      // It does not say.
    }
    return OptionalDouble.empty();
  }

  private static String line(InputStream in, int most) throws IOException {
    byte[] line = new byte[most];
    int length = 0;
    while (length < line.length) {
      int next = in.read();
      if (next < 0) {
        if (length == 0) {
          throw new IOException("the connection was closed without an answer");
        }
        break;
      }
      if (next == '\n') {
        break;
      }
      line[length++] = (byte) next;
    }
    return new String(line, 0, length, StandardCharsets.ISO_8859_1).strip();
  }

  private static String printable(String text) {
    String plain = text.replaceAll("[^ -~]", "?");
    return plain.length() <= 40 ? plain : plain.substring(0, 40) + "…";
  }

  private static String reason(IOException failure) {
    String message = String.valueOf(failure.getMessage());
    return switch (failure) {
      case SSLException _ -> "TLS: " + printableLine(message);
      case SocketException _ -> printableLine(message.toLowerCase(Locale.ROOT));
      default -> printableLine(message);
    };
  }

  private static String printableLine(String message) {
    String line = message.replaceAll("[^ -~]+", " ");
    return line.length() <= 200 ? line : line.substring(0, 200) + "…";
  }

  private static String text(Duration duration) {
    return duration.toMillis() % 1000 == 0
        ? duration.toSeconds() + " s"
        : duration.toMillis() + " ms";
  }

  /** Takes every certificate, for sites that have none that browsers know. */
  private static final class Unquestioning extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

    @Override
    public void checkClientTrusted(
        X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {}

    @Override
    public void checkServerTrusted(
        X509Certificate[] chain, String type, javax.net.ssl.SSLEngine engine) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
