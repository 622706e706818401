package dev.meridian.dns;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A UDP socket by the C library's {@code recvmmsg} and {@code sendmmsg}: one system call takes all
 * packets that are waiting, one sends all their responses, and nothing is allocated for any of
 * them. Linux on 64-bit processors only.
 *
 * <p>A socket on all addresses also asks for the address each query was sent to, and answers from
 * just that one: resolvers drop a response from any other.
 */
final class NativeUdpListener implements UdpListener {
  /** Most packets taken by one call; more would only make the first wait for the last. */
  private static final int BATCH = 64;

  /** How long a receive waits before it looks whether the listener was closed. */
  private static final int WAKE_MILLIS = 200;

  private static final Logger LOG = LoggerFactory.getLogger(NativeUdpListener.class);

  // Linux: the generic numbers, the same on x86-64 and AArch64.
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
  private static final int SOL_SOCKET = 1;
  private static final int SO_REUSEADDR = 2;
  private static final int SO_SNDBUF = 7;
  private static final int SO_RCVBUF = 8;
  private static final int SO_REUSEPORT = 15;
  private static final int SO_RCVTIMEO = 20;
  private static final int SO_SNDTIMEO = 21;
  private static final int IPPROTO_IP = 0;
  private static final int IP_PKTINFO = 8;
  private static final int IPPROTO_IPV6 = 41;
  private static final int IPV6_V6ONLY = 26;
  private static final int IPV6_RECVPKTINFO = 49;
  private static final int MSG_WAITFORONE = 0x10000;
  private static final int EINTR = 4;
  private static final int EAGAIN = 11;

  // struct mmsghdr: a struct msghdr of 56 bytes, the length, padding.
  private static final int HEADER = 64;
  private static final int NAME = 0;
  private static final int NAME_LENGTH = 8;
  private static final int VECTORS = 16;
  private static final int VECTOR_COUNT = 24;
  private static final int CONTROL = 32;
  private static final int CONTROL_LENGTH = 40;
  private static final int FLAGS = 48;
  private static final int LENGTH = 56;
  private static final int VECTOR = 16;
  private static final int ADDRESS_ROOM = 32; // sockaddr_in6 has 28
  private static final int CONTROL_ROOM = 64; // cmsghdr and in6_pktinfo have 40

  private static final ValueLayout.OfInt NETWORK_INT = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfLong NETWORK_LONG = JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN);

  private static final C LIBRARY = C.load();

  private final UdpHandler handler;
  private final boolean wildcard;
  private final int socket;
  private final Object lock = new Object();
  private volatile boolean closed;
  private boolean running;
  private boolean released;

  /** The functions of the C library; null where they cannot be had. */
  @SuppressWarnings("UnusedVariable")
  private record C(
      MethodHandle socket,
      MethodHandle setsockopt,
      MethodHandle bind,
      MethodHandle close,
      MethodHandle receive,
      MethodHandle send,
      VarHandle errno,
      MemoryLayout state,
      boolean available) {
    @SuppressWarnings("NullAway") // an unavailable library has no handles, and is never called
    static C load() {
      try {
        String processor = System.getProperty("os.arch");
        if (!System.getProperty("os.name").equals("Linux")
            || !(processor.equals("amd64") || processor.equals("aarch64"))) {
          return new C(null, null, null, null, null, null, null, null, false);
        }
        Linker linker = Linker.nativeLinker();
        MemoryLayout state = Linker.Option.captureStateLayout();
        Linker.Option errno = Linker.Option.captureCallState("errno");
        FunctionDescriptor batch =
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
        return new C(
            function(linker, "socket", errno, ints(3)),
            function(
                linker,
                "setsockopt",
                errno,
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT)),
            function(
                linker,
                "bind",
                errno,
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT)),
            function(linker, "close", errno, ints(1)),
            function(linker, "recvmmsg", errno, batch.appendArgumentLayouts(ADDRESS)),
            function(linker, "sendmmsg", errno, batch),
            state.varHandle(MemoryLayout.PathElement.groupElement("errno")),
            state,
            true);
      } catch (RuntimeException | LinkageError e) {
        LOG.info("UDP goes one packet at a time, as native access is off: {}", e.toString());
        return new C(null, null, null, null, null, null, null, null, false);
      }
    }

    private static FunctionDescriptor ints(int count) {
      MemoryLayout[] arguments = new MemoryLayout[count];
      java.util.Arrays.fill(arguments, JAVA_INT);
      return FunctionDescriptor.of(JAVA_INT, arguments);
    }

    private static MethodHandle function(
        Linker linker, String name, Linker.Option option, FunctionDescriptor descriptor) {
      return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, option);
    }
  }

  /** Whether this system has what it needs. */
  static boolean isAvailable() {
    return LIBRARY.available();
  }

  NativeUdpListener(InetSocketAddress address, UdpHandler handler) throws IOException {
    this.handler = handler;
    InetAddress host = address.getAddress();
    wildcard = host.isAnyLocalAddress();
    boolean v6 = host instanceof Inet6Address;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(LIBRARY.state());
      socket = open(v6, state);
      try {
        option(state, arena, SOL_SOCKET, SO_REUSEPORT, 1);
        option(state, arena, SOL_SOCKET, SO_REUSEADDR, wildcard ? 0 : 1);
        option(state, arena, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
        option(state, arena, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
        timeout(state, arena, SO_RCVTIMEO);
        timeout(state, arena, SO_SNDTIMEO);
        if (v6) {
          option(state, arena, IPPROTO_IPV6, IPV6_V6ONLY, wildcard ? 0 : 1);
        }
        if (wildcard) {
          option(
              state, arena, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
        }
        bind(state, arena, address, v6);
      } catch (IOException | RuntimeException e) {
        release();
        throw e;
      }
    }
  }

  private static int open(boolean v6, MemorySegment state) throws IOException {
    int opened = call3(LIBRARY.socket(), state, v6 ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC, 0);
    return check(opened, state, "socket");
  }

  private void option(MemorySegment state, Arena arena, int level, int name, int value)
      throws IOException {
    MemorySegment data = arena.allocate(JAVA_INT);
    data.set(JAVA_INT, 0, value);
    setOption(state, level, name, data, 4);
  }

  private void timeout(MemorySegment state, Arena arena, int name) throws IOException {
    MemorySegment time = arena.allocate(JAVA_LONG, 2);
    time.setAtIndex(JAVA_LONG, 1, WAKE_MILLIS * 1000L);
    setOption(state, SOL_SOCKET, name, time, 16);
  }

  private void setOption(MemorySegment state, int level, int name, MemorySegment data, int length)
      throws IOException {
    try {
      check(
          (int) LIBRARY.setsockopt().invokeExact(state, socket, level, name, data, length),
          state,
          "setsockopt");
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  private void bind(MemorySegment state, Arena arena, InetSocketAddress address, boolean v6)
      throws IOException {
    int length = v6 ? 28 : 16;
    MemorySegment name = arena.allocate(length);
    name.set(JAVA_SHORT, 0, (short) (v6 ? AF_INET6 : AF_INET));
    name.set(JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), 2, (short) address.getPort());
    byte[] bytes = address.getAddress().getAddress();
    MemorySegment.copy(bytes, 0, name, JAVA_BYTE, v6 ? 8 : 4, bytes.length);
    if (address.getAddress() instanceof Inet6Address scoped) {
      name.set(JAVA_INT, 24, scoped.getScopeId());
    }
    try {
      check((int) LIBRARY.bind().invokeExact(state, socket, name, length), state, "bind");
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  private static int call3(MethodHandle function, MemorySegment state, int a, int b, int c)
      throws IOException {
    try {
      return (int) function.invokeExact(state, a, b, c);
    } catch (Throwable e) {
      throw failure(e);
    }
  }

  private static int check(int result, MemorySegment state, String function) throws IOException {
    if (result < 0) {
      throw new IOException(function + " failed with error " + errno(state));
    }
    return result;
  }

  private static int errno(MemorySegment state) {
    return (int) LIBRARY.errno().get(state, 0L);
  }

  private static IOException failure(Throwable e) {
    if (e instanceof IOException io) {
      return io;
    }
    if (e instanceof Error error) {
      throw error;
    }
    return new IOException("a call of the C library failed", e);
  }

  @Override
  public void run() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      running = true;
    }
    try (Arena arena = Arena.ofConfined()) {
      serve(new Batch(arena));
    } finally {
      release();
    }
  }

  private void serve(Batch batch) {
    byte[] in = new byte[MAX_QUERY];
    byte[] out = new byte[Wire.MAX_UDP];
    handler.from(batch);
    while (!closed) {
      try {
        int received = batch.receive();
        handler.received();
        int responses = 0;
        for (int i = 0; i < received; i++) {
          int length = batch.read(i, in);
          int written = handler.respond(in, length, out);
          if (written > 0) {
            batch.write(responses++, i, out, written);
          }
        }
        batch.send(responses);
      } catch (IOException e) {
        LOG.debug("DNS packets over UDP failed.", e);
        // The system is short of something; trying again at once would only take more of it.
        java.util.concurrent.locks.LockSupport.parkNanos(WAKE_MILLIS * 1_000_000L);
      } catch (RuntimeException e) {
        LOG.warn("A DNS query over UDP failed and was dropped.", e);
      }
    }
  }

  /** Buffers for the packets of one call, used by the listener's thread alone. */
  private final class Batch implements Client.Source {
    private final MemorySegment state;
    private final MemorySegment receiving;
    private final MemorySegment sending;
    private final MemorySegment queries;
    private final MemorySegment responses;
    private final MemorySegment responseVectors;
    private final MemorySegment addresses;
    private int used;
    private int current;

    Batch(Arena arena) {
      state = arena.allocate(LIBRARY.state());
      receiving = arena.allocate((long) HEADER * BATCH, 8);
      sending = arena.allocate((long) HEADER * BATCH, 8);
      queries = arena.allocate((long) MAX_QUERY * BATCH, 64);
      responses = arena.allocate((long) Wire.MAX_UDP * BATCH, 64);
      responseVectors = arena.allocate((long) VECTOR * BATCH, 8);
      MemorySegment queryVectors = arena.allocate((long) VECTOR * BATCH, 8);
      addresses = arena.allocate((long) ADDRESS_ROOM * BATCH, 8);
      MemorySegment controls = arena.allocate((long) CONTROL_ROOM * BATCH, 8);
      for (int i = 0; i < BATCH; i++) {
        vector(queryVectors, i, queries.asSlice((long) i * MAX_QUERY), MAX_QUERY);
        vector(responseVectors, i, responses.asSlice((long) i * Wire.MAX_UDP), 0);
        long header = (long) i * HEADER;
        receiving.set(ADDRESS, header + NAME, addresses.asSlice((long) i * ADDRESS_ROOM));
        receiving.set(ADDRESS, header + VECTORS, queryVectors.asSlice((long) i * VECTOR));
        receiving.set(JAVA_LONG, header + VECTOR_COUNT, 1);
        if (wildcard) {
          receiving.set(ADDRESS, header + CONTROL, controls.asSlice((long) i * CONTROL_ROOM));
        }
        sending.set(ADDRESS, header + VECTORS, responseVectors.asSlice((long) i * VECTOR));
        sending.set(JAVA_LONG, header + VECTOR_COUNT, 1);
        resetHeader(i);
      }
    }

    private static void vector(MemorySegment vectors, int i, MemorySegment buffer, int length) {
      vectors.set(ADDRESS, (long) i * VECTOR, buffer);
      vectors.set(JAVA_LONG, (long) i * VECTOR + 8, length);
    }

    /** The kernel overwrites room with length; give it the room again. */
    private void resetHeader(int i) {
      long header = (long) i * HEADER;
      receiving.set(JAVA_INT, header + NAME_LENGTH, ADDRESS_ROOM);
      if (wildcard) {
        receiving.set(JAVA_LONG, header + CONTROL_LENGTH, CONTROL_ROOM);
      }
      receiving.set(JAVA_INT, header + FLAGS, 0);
    }

    /** Waits for packets, a moment at most; returns how many came. */
    int receive() throws IOException {
      for (int i = 0; i < used; i++) {
        resetHeader(i);
      }
      used = 0;
      int count;
      try {
        count =
            (int)
                LIBRARY
                    .receive()
                    .invokeExact(
                        state, socket, receiving, BATCH, MSG_WAITFORONE, MemorySegment.NULL);
      } catch (Throwable e) {
        throw failure(e);
      }
      if (count < 0) {
        int error = errno(state);
        if (error != EAGAIN && error != EINTR) {
          throw new IOException("recvmmsg failed with error " + error);
        }
        return 0;
      }
      used = count;
      return count;
    }

    int read(int i, byte[] in) {
      current = i;
      int length = Math.min(receiving.get(JAVA_INT, (long) i * HEADER + LENGTH), MAX_QUERY);
      MemorySegment.copy(queries, JAVA_BYTE, (long) i * MAX_QUERY, in, 0, length);
      return length;
    }

    @Override
    public void tell(Client client) {
      long from = (long) current * ADDRESS_ROOM;
      switch (addresses.get(JAVA_SHORT, from)) {
        case AF_INET -> client.cameFrom(addresses.get(NETWORK_INT, from + 4));
        case AF_INET6 ->
            client.cameFrom(
                addresses.get(NETWORK_LONG, from + 8), addresses.get(NETWORK_LONG, from + 16));
        default -> {
          // Nobody knows.
        }
      }
    }

    /** Makes {@code out} the {@code at}th response, to where the {@code query}th packet is from. */
    void write(int at, int query, byte[] out, int length) {
      MemorySegment.copy(out, 0, responses, JAVA_BYTE, (long) at * Wire.MAX_UDP, length);
      responseVectors.set(JAVA_LONG, (long) at * VECTOR + 8, length);
      long to = (long) at * HEADER;
      long from = (long) query * HEADER;
      sending.set(ADDRESS, to + NAME, receiving.get(ADDRESS, from + NAME));
      sending.set(JAVA_INT, to + NAME_LENGTH, receiving.get(JAVA_INT, from + NAME_LENGTH));
      if (wildcard) {
        // What the kernel says of where a packet came in is what it takes for where one goes out.
        sending.set(ADDRESS, to + CONTROL, receiving.get(ADDRESS, from + CONTROL));
        sending.set(
            JAVA_LONG, to + CONTROL_LENGTH, receiving.get(JAVA_LONG, from + CONTROL_LENGTH));
      }
    }

    /** Sends the first {@code count} responses; one that cannot be sent is skipped. */
    void send(int count) throws IOException {
      int sent = 0;
      while (sent < count) {
        int now;
        try {
          now =
              (int)
                  LIBRARY
                      .send()
                      .invokeExact(
                          state, socket, sending.asSlice((long) sent * HEADER), count - sent, 0);
        } catch (Throwable e) {
          throw failure(e);
        }
        if (now <= 0 && errno(state) == EINTR) {
          continue;
        }
        // A client at port 0, or whose network is unreachable, must not cost the others theirs.
        sent += Math.max(now, 1);
      }
    }
  }

  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      if (running) {
        return; // the thread releases the socket: its number may not be reused under a receive
      }
    }
    release();
  }

  private void release() {
    synchronized (lock) {
      if (released) {
        return;
      }
      released = true;
    }
    try (Arena arena = Arena.ofConfined()) {
      int _ = (int) LIBRARY.close().invokeExact(arena.allocate(LIBRARY.state()), socket);
    } catch (Throwable e) {
      LOG.debug("Closing a DNS socket failed.", e);
    }
  }
}
