package dev.meridian.peer;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.thirdparty.io.grpc.HandlerRegistry;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor;
import org.apache.ratis.thirdparty.io.grpc.ServerMethodDefinition;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.stub.ServerCallStreamObserver;
import org.apache.ratis.thirdparty.io.grpc.stub.ServerCalls;
import org.apache.ratis.thirdparty.io.grpc.stub.StreamObserver;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a node does for its peers, beside Raft and on the same port: methods by name, bytes in and
 * bytes out. Handlers run on virtual threads and may block; so many run at once and no more. What
 * can be answered without a wait, the thread that read the call may answer at once.
 */
public final class PeerService extends HandlerRegistry {
  private static final Logger LOG = LoggerFactory.getLogger(PeerService.class);

  /** What a node says that did not look at a call. */
  static final String BUSY = "this node is busy";

  private static final ScopedValue<String> CALLER = ScopedValue.newInstance();
  private static final String PREFIX = "meridian.Peer/";

  /** Calls handled at once; further ones are refused and may be made again. */
  private static final int MAX_CALLS = 4096;

  private static final int MAX_STRANGERS_BYTES = 64 << 10;

  /** So long ago, a call says that others may call again. */
  private static final Duration LATELY = Duration.ofSeconds(1);

  /** How long others, who hear from their primary more often, may take this node for it yet. */
  private static final Duration LINGER = Duration.ofMillis(200);

  /** Answers one call. What it throws reaches the caller as a failed call. */
  @FunctionalInterface
  public interface Handler {
    /** The answer to {@code request}. */
    byte[] answer(byte[] request) throws Exception;
  }

  /** Answers one call on the thread that read it, or leaves it to a {@link Handler}. */
  @FunctionalInterface
  public interface Prompt {
    /** The answer to {@code request}; null where that takes a wait, or it cannot tell. */
    byte @Nullable [] answer(byte[] request);
  }

  private final Map<String, ServerMethodDefinition<byte[], byte[]>> methods =
      new ConcurrentHashMap<>();
  private volatile long lastCall = System.nanoTime() - LATELY.toNanos();
  private final Semaphore room = new Semaphore(MAX_CALLS);

  /** One for each call whose answer has yet to be sent, to the last byte. */
  private final Semaphore unsent = new Semaphore(MAX_CALLS);

  private final Semaphore strangersRoom = new Semaphore(PeerAuthentication.MOST_STRANGERS);

  /**
   * Offers a method from now on.
   *
   * @param name unique in a node, of letters, digits, dots and slashes
   */
  public void offer(String name, Handler handler) {
    offer(name, _ -> null, handler);
  }

  /**
   * The same, of a method that often needs no wait.
   *
   * @param prompt is asked first, on a thread that must not be blocked
   */
  public void offer(String name, Prompt prompt, Handler handler) {
    methods.put(
        PREFIX + name,
        ServerMethodDefinition.create(
            method(name),
            ServerCalls.asyncUnaryCall(
                (request, answer) -> handle(name, prompt, handler, request, answer))));
  }

  /**
   * The same, of a method that is open to those without a certificate: their messages are small.
   */
  public void offerOpenly(String name, Handler handler) {
    offer(
        name,
        request -> {
          if (request.length > MAX_STRANGERS_BYTES) {
            throw new IOException(
                "The message has %d bytes; at most %d are taken by %s"
                    .formatted(request.length, MAX_STRANGERS_BYTES, name));
          }
          // Of its own: who hangs up makes room for another call, while this one goes on.
          if (!strangersRoom.tryAcquire()) {
            throw new IOException(BUSY);
          }
          try {
            return handler.answer(request);
          } finally {
            strangersRoom.release();
          }
        });
  }

  /** Offers it no longer. */
  public void withdraw(String name) {
    methods.remove(PREFIX + name);
  }

  /**
   * Takes no more calls, and waits until those under way are answered, and the answers sent:
   * whoever ends the server ends what it is sending.
   *
   * @return false if that takes longer than {@code limit}
   */
  public boolean drain(Duration limit) throws InterruptedException {
    long until = System.nanoTime() + limit.toNanos();
    boolean drained = room.tryAcquire(MAX_CALLS, limit.toNanos(), TimeUnit.NANOSECONDS);
    if (System.nanoTime() - lastCall < LATELY.toNanos()) {
      // Those whose calls are on their way are told to ask elsewhere.
      Thread.sleep(LINGER);
    }
    return drained
        && unsent.tryAcquire(
            MAX_CALLS, Math.max(0, until - System.nanoTime()), TimeUnit.NANOSECONDS);
  }

  private void handle(
      String name, Prompt prompt, Handler handler, byte[] request, StreamObserver<byte[]> answer) {
    lastCall = System.nanoTime();
    if (!takesIn()) {
      answer.onError(Status.RESOURCE_EXHAUSTED.withDescription(BUSY).asRuntimeException());
      return;
    }
    // gRPC calls one of the two, once.
    ServerCallStreamObserver<byte[]> call = (ServerCallStreamObserver<byte[]>) answer;
    call.setOnCloseHandler(unsent::release);
    call.setOnCancelHandler(unsent::release);
    String caller = PeerAuthentication.NODE.get();
    if (!answered(name, () -> as(caller, () -> prompt.answer(request)), answer)) {
      Thread.ofVirtual()
          .name("peer-" + name)
          .start(
              () ->
                  answered(
                      name,
                      () -> as(caller, () -> Objects.requireNonNull(handler.answer(request))),
                      answer));
    }
  }

  private static byte @Nullable [] as(@Nullable String caller, Callable<byte @Nullable []> work)
      throws Exception {
    return caller == null
        ? work.call()
        : ScopedValue.where(CALLER, caller).<byte @Nullable [], Exception>call(work::call);
  }

  /** Answers a call, and makes room for another; false if there is no answer yet. */
  private boolean answered(
      String name, Callable<byte @Nullable []> work, StreamObserver<byte[]> answer) {
    boolean done = true;
    try {
      byte[] given = work.call();
      if (given == null) {
        done = false;
      } else {
        answer.onNext(given);
        answer.onCompleted();
      }
    } catch (Exception | Error e) {
      LOG.debug("A peer's call of {} failed", name, e);
      answer.onError(Status.INTERNAL.withDescription(String.valueOf(e.getMessage())).asException());
    } finally {
      if (done) {
        room.release();
      }
    }
    return done;
  }

  private boolean takesIn() {
    if (!room.tryAcquire()) {
      return false;
    }
    if (!unsent.tryAcquire()) {
      room.release();
      return false;
    }
    return true;
  }

  @Override
  public @Nullable ServerMethodDefinition<?, ?> lookupMethod(
      String name, @Nullable String authority) {
    return methods.get(name);
  }

  /** Whether a method of that full name would be one of these. */
  static boolean offers(String fullName) {
    return fullName.startsWith(PREFIX);
  }

  static String fullName(String name) {
    return PREFIX + name;
  }

  /** The node that made the call being answered by this thread, or null for one without a proof. */
  public static @Nullable String caller() {
    return CALLER.isBound() ? CALLER.get() : null;
  }

  static MethodDescriptor<byte[], byte[]> method(String name) {
    return MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName(PREFIX + name)
        .setRequestMarshaller(Bytes.MARSHALLER)
        .setResponseMarshaller(Bytes.MARSHALLER)
        .build();
  }

  /** Messages are encoded by those who send them. */
  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    static final Bytes MARSHALLER = new Bytes();

    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
