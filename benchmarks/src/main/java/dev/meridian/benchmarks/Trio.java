package dev.meridian.benchmarks;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** A replicated store of three processes on this machine, started by us and ended by us. */
interface Trio extends AutoCloseable {
  /** How many there are. */
  int NODES = 3;

  /** Its name, for people. */
  String name();

  /** One client's way to a node; for one thread. */
  interface Client extends AutoCloseable {
    /**
     * Writes a document durably on a majority.
     *
     * @throws IOException if it was not acknowledged
     */
    void put(int document, byte[] value) throws IOException;

    /**
     * Reads a document; linearizable.
     *
     * @throws IOException if it was not answered with its value
     */
    void get(int document) throws IOException;

    /**
     * Reads a document as the node has it, which need not ask another.
     *
     * @throws IOException if it was not answered with its value
     */
    void getHere(int document) throws IOException;

    @Override
    void close();
  }

  /**
   * A new client of a node, counted from 0.
   *
   * @param limit the longest wait for an answer
   */
  Client client(int node, Duration limit);

  /** The node that is primary, or -1. */
  int primary();

  /**
   * The highest term (Raft, section 5.1) that a node knows of: it grows with each election, also
   * with one that nobody wins.
   *
   * @throws IllegalStateException if no node says
   */
  long term();

  /** Ends a node as a power cut does. */
  void kill(int node);

  /** Starts a node that was killed; returns when it is a member that serves. */
  void restart(int node);

  /** The processes. */
  List<Contender> processes();

  @Override
  void close();
}
