package dev.meridian.benchmarks;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.ratis.thirdparty.com.google.protobuf.CodedInputStream;
import org.apache.ratis.thirdparty.com.google.protobuf.CodedOutputStream;
import org.apache.ratis.thirdparty.com.google.protobuf.WireFormat;
import org.apache.ratis.thirdparty.io.grpc.CallOptions;
import org.apache.ratis.thirdparty.io.grpc.ManagedChannel;
import org.apache.ratis.thirdparty.io.grpc.MethodDescriptor;
import org.apache.ratis.thirdparty.io.grpc.StatusRuntimeException;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder;
import org.apache.ratis.thirdparty.io.grpc.stub.ClientCalls;

/**
 * Three etcd nodes as they come: fsync on, election timeout 1 s; between them no TLS, which is to
 * their advantage.
 */
final class EtcdTrio implements Trio {
  private static final Duration START = Duration.ofSeconds(60);
  private static final int CLIENT = 2379;
  private static final int PEER = 2380;

  /** Connections to a node; all clients of it share them, as gRPC clients do. */
  private static final int CHANNELS = 8;

  private static final MethodDescriptor<byte[], byte[]> PUT = method("etcdserverpb.KV/Put");
  private static final MethodDescriptor<byte[], byte[]> RANGE = method("etcdserverpb.KV/Range");
  private static final MethodDescriptor<byte[], byte[]> STATUS =
      method("etcdserverpb.Maintenance/Status");

  /** The field {@code serializable} of a RangeRequest: true. */
  private static final byte[] SERIALIZABLE = {7 << 3, 1};

  private final Path scratch;
  private final boolean tls;
  private final Contender[] nodes = new Contender[NODES];
  private final List<List<ManagedChannel>> channels = new ArrayList<>();
  private final AtomicInteger next = new AtomicInteger();

  /**
   * Starts a cluster; nodes are at 127.0.0.24 to .26.
   *
   * @param tls whether its members talk over TLS, with certificates that each makes itself
   */
  EtcdTrio(Path scratch, boolean tls) {
    this.scratch = scratch;
    this.tls = tls;
    for (int i = 0; i < NODES; i++) {
      nodes[i] = launch(i, "new");
      List<ManagedChannel> own = new ArrayList<>();
      for (int c = 0; c < CHANNELS; c++) {
        own.add(NettyChannelBuilder.forAddress(host(i), CLIENT).usePlaintext().build());
      }
      channels.add(own);
    }
    for (int i = 0; i < NODES; i++) {
      awaitServing(i);
    }
  }

  @Override
  public String name() {
    return tls ? "etcd (TLS)" : "etcd";
  }

  private static String host(int node) {
    return "127.0.0." + (24 + node);
  }

  private Contender launch(int node, String state) {
    String peers = tls ? "https://" : "http://";
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < NODES; i++) {
      all.append(i == 0 ? "" : ",").append("n").append(i).append("=").append(peers).append(host(i));
      all.append(':').append(PEER);
    }
    String client = "http://" + host(node) + ":" + CLIENT;
    String peer = peers + host(node) + ":" + PEER;
    return Contender.start(
        "etcd",
        CLIENT,
        scratch.resolve("etcd" + node + ".log"),
        List.of(
            Objects.requireNonNull(Tools.find("etcd")).toString(),
            "--name",
            "n" + node,
            "--data-dir",
            scratch.resolve("etcd" + node).toString(),
            "--listen-client-urls",
            client,
            "--advertise-client-urls",
            client,
            "--listen-peer-urls",
            peer,
            "--initial-advertise-peer-urls",
            peer,
            "--initial-cluster",
            all.toString(),
            "--initial-cluster-state",
            state,
            "--peer-auto-tls=" + tls,
            "--logger",
            "zap"),
        Map.of());
  }

  private void awaitServing(int node) {
    byte[] value = {'1'};
    Tools.await(
        "etcd's node " + node,
        START,
        () -> {
          try (Client client = client(node, Duration.ofSeconds(1))) {
            client.put(0, value);
            return true;
          } catch (IOException e) {
            return false;
          }
        });
  }

  @Override
  public int primary() {
    for (int i = 0; i < NODES; i++) {
      try {
        Status status = status(i);
        if (status.self == status.leader) {
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
        highest = Math.max(highest, status(i).term);
      } catch (IOException e) {
        // Another one.
      }
    }
    if (highest < 0) {
      throw new IllegalStateException("no node of etcd tells its term");
    }
    return highest;
  }

  /** What a node says of itself, by its member id, and of the cluster. */
  private record Status(long self, long leader, long term) {}

  private Status status(int node) throws IOException {
    byte[] status = call(node, STATUS, new byte[0], Duration.ofSeconds(1));
    // StatusResponse: 1 header (ResponseHeader: 2 member_id), 4 leader, 6 raftTerm.
    CodedInputStream in = CodedInputStream.newInstance(status);
    long self = 0;
    long leader = -1;
    long term = -1;
    for (int tag; (tag = in.readTag()) != 0; ) {
      switch (WireFormat.getTagFieldNumber(tag)) {
        case 1 -> self = member(in.readByteArray());
        case 4 -> leader = in.readUInt64();
        case 6 -> term = in.readUInt64();
        default -> in.skipField(tag);
      }
    }
    return new Status(self, leader, term);
  }

  private static long member(byte[] header) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(header);
    long member = 0;
    for (int tag; (tag = in.readTag()) != 0; ) {
      if (WireFormat.getTagFieldNumber(tag) == 2) {
        member = in.readUInt64();
      } else {
        in.skipField(tag);
      }
    }
    return member;
  }

  @Override
  public void kill(int node) {
    nodes[node].kill();
  }

  @Override
  public void restart(int node) {
    nodes[node] = launch(node, "existing");
    channels.get(node).forEach(ManagedChannel::resetConnectBackoff);
    awaitServing(node);
  }

  @Override
  public List<Contender> processes() {
    return List.of(nodes);
  }

  private byte[] call(
      int node, MethodDescriptor<byte[], byte[]> method, byte[] request, Duration limit)
      throws IOException {
    ManagedChannel channel =
        channels.get(node).get(Math.floorMod(next.getAndIncrement(), CHANNELS));
    return call(channel, method, request, limit);
  }

  private static byte[] call(
      ManagedChannel channel,
      MethodDescriptor<byte[], byte[]> method,
      byte[] request,
      Duration limit)
      throws IOException {
    try {
      return ClientCalls.blockingUnaryCall(
          channel,
          method,
          CallOptions.DEFAULT.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS),
          request);
    } catch (StatusRuntimeException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  @Override
  public Client client(int node, Duration limit) {
    ManagedChannel channel =
        channels.get(node).get(Math.floorMod(next.getAndIncrement(), CHANNELS));
    return new Client() {
      @Override
      public void put(int document, byte[] value) throws IOException {
        call(channel, PUT, message(key(document), value), limit);
      }

      @Override
      public void get(int document) throws IOException {
        // Linearizable is what it does unless asked for less.
        get(message(key(document)));
      }

      @Override
      public void getHere(int document) throws IOException {
        byte[] request = message(key(document));
        int length = request.length;
        request = java.util.Arrays.copyOf(request, length + SERIALIZABLE.length);
        System.arraycopy(SERIALIZABLE, 0, request, length, SERIALIZABLE.length);
        get(request);
      }

      private void get(byte[] request) throws IOException {
        if (!hasValue(call(channel, RANGE, request, limit))) {
          throw new IOException("there is no such key");
        }
      }

      @Override
      public void close() {
        // Others use the connection, too.
      }
    };
  }

  private static byte[] key(int document) {
    return ("bench/" + document).getBytes(StandardCharsets.US_ASCII);
  }

  /** PutRequest: 1 key, 2 value; RangeRequest: 1 key. */
  private static byte[] message(byte[]... fields) {
    byte[] bytes = new byte[Arrays.stream(fields).mapToInt(field -> field.length + 8).sum()];
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    try {
      for (int i = 0; i < fields.length; i++) {
        out.writeByteArray(i + 1, fields[i]);
      }
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Arrays.copyOf(bytes, out.getTotalBytesWritten());
  }

  /** RangeResponse: 2 kvs. */
  private static boolean hasValue(byte[] response) throws IOException {
    CodedInputStream in = CodedInputStream.newInstance(response);
    for (int tag; (tag = in.readTag()) != 0; ) {
      if (WireFormat.getTagFieldNumber(tag) == 2) {
        return true;
      }
      in.skipField(tag);
    }
    return false;
  }

  @Override
  public void close() {
    channels.forEach(own -> own.forEach(ManagedChannel::shutdownNow));
    for (Contender node : nodes) {
      if (node != null) {
        node.close();
      }
    }
  }

  private static MethodDescriptor<byte[], byte[]> method(String name) {
    return MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName(name)
        .setRequestMarshaller(Bytes.MARSHALLER)
        .setResponseMarshaller(Bytes.MARSHALLER)
        .build();
  }

  /** Messages are encoded by hand. */
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
