package dev.meridian.benchmarks;

import io.helidon.common.socket.SocketOptions;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Status;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A peer: what a team writes that keeps documents in Redis and serves them through nginx. GET of
 * {@code /data/…} is one look at Redis on a shared connection; virtual threads, nothing else.
 */
public final class RedisService {
  private RedisService() {}

  /** Serves until it is ended: the arguments are its port and Redis'. */
  static void main(String[] args) throws InterruptedException {
    RedisClient client =
        RedisClient.create(RedisURI.create("127.0.0.1", Integer.parseInt(args[1])));
    RedisCommands<byte[], byte[]> redis = client.connect(ByteArrayCodec.INSTANCE).sync();
    redis.setTimeout(Duration.ofSeconds(5));
    WebServer.builder()
        .host("127.0.0.1")
        .port(Integer.parseInt(args[0]))
        .connectionOptions(SocketOptions.builder().tcpNoDelay(true).build())
        .routing(routing -> routing.get("/data/*", (asked, answer) -> get(redis, asked, answer)))
        .build()
        .start();
    Thread.currentThread().join();
  }

  private static void get(
      RedisCommands<byte[], byte[]> redis, ServerRequest request, ServerResponse response) {
    String path = request.path().path();
    byte @Nullable [] found = redis.get(path.getBytes(StandardCharsets.UTF_8));
    if (found == null) {
      response.status(Status.NOT_FOUND_404).send();
      return;
    }
    response.header(HeaderValues.CONTENT_TYPE_JSON);
    response.header(HeaderValues.create(HeaderNames.CACHE_CONTROL, "no-cache"));
    response.send(found);
  }
}
