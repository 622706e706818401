package dev.meridian.node;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives memory back to the system after a large load. The JVM alone keeps what such a load needed
 * for a moment: a heap of more than three times of what is used, and much of that is nothing but
 * what the load left. For any thread.
 */
final class HeapRoom {
  /** Bytes; who allocates fewer leaves nothing worth the work. */
  private static final long LARGE = 256L << 20;

  /** Percent of the heap that may be free after a large load, at least and at most. */
  private static final int LEAST_FREE = 10;

  private static final int MOST_FREE = 25;

  /** What the first leaves, as it was allocated while it ran, the second takes. */
  private static final int COLLECTIONS = 2;

  private static final Object ONE_AT_A_TIME = new Object();
  private static final Logger LOG = LoggerFactory.getLogger(HeapRoom.class);

  private HeapRoom() {}

  /**
   * Loads something in this thread. If that was large, another thread has the heap collected, which
   * goes on beside all others: the launcher says that explicit collections are concurrent.
   */
  static <T> T load(Supplier<T> load) {
    long before = allocated();
    T loaded = load.get();
    if (allocated() - before >= LARGE) {
      Thread.ofPlatform().daemon().name("heap-room").start(HeapRoom::giveBack);
    }
    return loaded;
  }

  private static long allocated() {
    return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean threads
        ? threads.getCurrentThreadAllocatedBytes()
        : 0;
  }

  /** The limits hold for these collections only: other work is faster with more room. */
  private static void giveBack() {
    synchronized (ONE_AT_A_TIME) {
      HotSpotDiagnosticMXBean machine =
          ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
      try {
        if (!Boolean.parseBoolean(machine.getVMOption("ExplicitGCInvokesConcurrent").getValue())) {
          return; // Started otherwise than by the launcher: all would have to wait.
        }
        String least = machine.getVMOption("MinHeapFreeRatio").getValue();
        String most = machine.getVMOption("MaxHeapFreeRatio").getValue();
        try {
          // The least is never to be above the most, not even in between.
          machine.setVMOption("MinHeapFreeRatio", Integer.toString(LEAST_FREE));
          machine.setVMOption("MaxHeapFreeRatio", Integer.toString(MOST_FREE));
          for (int i = 0; i < COLLECTIONS; i++) {
            System.gc();
          }
        } finally {
          machine.setVMOption("MaxHeapFreeRatio", most);
          machine.setVMOption("MinHeapFreeRatio", least);
        }
      } catch (IllegalArgumentException e) {
        // A JVM without these options, or with some of its own that they do not go with.
        LOG.debug("The heap keeps its room", e);
      }
    }
  }
}
