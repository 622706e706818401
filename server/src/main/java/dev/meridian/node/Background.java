package dev.meridian.node;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does long work on a thread that yields its processor to those that answer clients. On Linux a
 * thread has a nice value of its own, which it may raise and never lower again: so each work gets a
 * new thread. Elsewhere the work is done all the same.
 */
final class Background {
  /** A tenth of a processor that others want, and all of one that nobody does. */
  private static final int NICE = 10;

  private static final int PRIO_PROCESS = 0;
  private static final int THIS_THREAD = 0;

  private static final Logger LOG = LoggerFactory.getLogger(Background.class);
  private static final @Nullable MethodHandle SET_PRIORITY = setPriority();

  private Background() {}

  private static @Nullable MethodHandle setPriority() {
    if (!System.getProperty("os.name", "").equals("Linux")) {
      return null; // Where a process has one priority, this would lower all of it.
    }
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("setpriority")
        .map(
            function ->
                linker.downcallHandle(
                    function, FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT)))
        .orElse(null);
  }

  /** Does the work, on another thread, and waits for it; what it throws is thrown here. */
  static <T> T run(String name, Supplier<T> work) {
    CompletableFuture<T> done = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .name(name)
        .start(
            () -> {
              yieldToOthers();
              try {
                done.complete(work.get());
              } catch (Throwable e) {
                done.completeExceptionally(e);
              }
            });
    try {
      return done.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw e;
    }
  }

  private static void yieldToOthers() {
    try {
      if (SET_PRIORITY != null) {
        int _ = (int) SET_PRIORITY.invokeExact(PRIO_PROCESS, THIS_THREAD, NICE);
      }
    } catch (Throwable e) {
      LOG.debug("Work in the background has the priority of all others", e);
    }
  }
}
