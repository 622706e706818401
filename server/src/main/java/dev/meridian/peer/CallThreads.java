package dev.meridian.peer;

import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.ServerCall;
import org.apache.ratis.thirdparty.io.grpc.ServerCallExecutorSupplier;
import org.apache.ratis.thirdparty.io.grpc.internal.SerializingExecutor;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyChannelBuilder;
import org.apache.ratis.thirdparty.io.grpc.netty.NettyServerBuilder;
import org.apache.ratis.thirdparty.io.netty.util.concurrent.FastThreadLocalThread;

/**
 * On which threads gRPC hands over what it has read. Left alone, it wakes another thread for each
 * message, which costs more than most messages do. Here calls of {@link PeerService}, and the
 * answers to them, are handed over by the thread that read them, which must not be made to wait.
 * What did not come from a connection, such as a call's failure before it was sent, is handed over
 * by another thread, and never within the call.
 *
 * <p>Ratis' calls and answers keep threads of their own: it waits for its disk on them.
 */
final class CallThreads {
  /** For Ratis' calls; as many as gRPC would have. Its threads end when they have nothing to do. */
  private static final Executor RATIS = pool("raft-call-");

  private static final Executor OTHERS = pool("peer-call-");

  /**
   * Hands messages over where they were read. Netty's own threads read connections, and nothing
   * else here is such a thread. On them gRPC also asks for work that takes long, such as the
   * signatures of a handshake: that is not a call's, and goes elsewhere.
   */
  private static final Executor READER =
      task -> {
        if (task instanceof SerializingExecutor
            && Thread.currentThread() instanceof FastThreadLocalThread) {
          task.run();
        } else {
          OTHERS.execute(task);
        }
      };

  private CallThreads() {}

  private static Executor pool(String name) {
    return Executors.newCachedThreadPool(Thread.ofPlatform().name(name, 0).daemon().factory());
  }

  /** Sees to a channel whose answers are handed over to what does not wait. */
  static NettyChannelBuilder of(NettyChannelBuilder builder) {
    return builder.executor(READER);
  }

  /** Sees to a server's calls. */
  static NettyServerBuilder of(NettyServerBuilder builder) {
    return builder.executor(READER).callExecutor(new OfMethods());
  }

  /** Where a call is handled. Its method has type parameters, which a lambda cannot have. */
  private static final class OfMethods implements ServerCallExecutorSupplier {
    @Override
    public <Q, A> Executor getExecutor(ServerCall<Q, A> call, Metadata headers) {
      return PeerService.offers(call.getMethodDescriptor().getFullMethodName()) ? READER : RATIS;
    }
  }
}
