package dev.meridian.torture;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What concurrent clients asked and were told: an append-only record, for any thread. It is kept in
 * memory, at most {@link #MAX_OPERATIONS}, and goes to a file of one JSON object a line, so that a
 * failing run can be looked at and checked again.
 */
public final class History {
  /** Most operations of a history; each takes some 300 bytes of memory. */
  public static final int MAX_OPERATIONS = 2_000_000;

  private final AtomicLong ids = new AtomicLong();

  /** In the order of their responses. Guarded by itself. */
  private final List<Operation> operations = new ArrayList<>();

  /** An id for the next operation. */
  public long nextId() {
    return ids.incrementAndGet();
  }

  /**
   * Appends an operation that has come to its end.
   *
   * @return false if the history is full; the operation was not recorded
   */
  public boolean add(Operation operation) {
    ids.accumulateAndGet(operation.id(), Math::max);
    synchronized (operations) {
      return operations.size() < MAX_OPERATIONS && operations.add(operation);
    }
  }

  /** How many there are. */
  public int size() {
    synchronized (operations) {
      return operations.size();
    }
  }

  /** What was recorded so far, in the order of responses. */
  public List<Operation> operations() {
    synchronized (operations) {
      return List.copyOf(operations);
    }
  }

  /** Writes all to {@code file}, replacing it. */
  public void write(Path file) throws IOException {
    try (BufferedWriter out = Files.newBufferedWriter(file)) {
      for (Operation operation : operations()) {
        out.write(HistoryLine.of(operation));
        out.write('\n');
      }
    }
  }

  /**
   * Reads what {@link #write} wrote. A last line that is cut off, as after a kill, is left out.
   *
   * @throws IOException if it cannot be read or is no history; the message names the line
   */
  public static History read(Path file) throws IOException {
    History history = new History();
    try (BufferedReader in = Files.newBufferedReader(file)) {
      int number = 1;
      for (String line = in.readLine(); line != null; number++) {
        String next = in.readLine();
        try {
          if (!history.add(HistoryLine.parse(line))) {
            throw new IOException(file + " has more than " + MAX_OPERATIONS + " operations");
          }
        } catch (IllegalArgumentException e) {
          if (next != null) {
            throw new IOException(file + ":" + number + " is no operation: " + e.getMessage(), e);
          }
        }
        line = next;
      }
    }
    return history;
  }
}
