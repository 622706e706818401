package dev.meridian.geo;

/**
 * Goes through the search tree of a MaxMind database, once and in the order of the addresses. It
 * ends, whatever the file says: a tree visits each of its nodes once, and one that leads in circles
 * is damaged. For one thread.
 */
final class SearchTree {
  private final byte[] file;
  private final int nodes;
  private final int recordBits;
  private final boolean v6;
  private final long ipv4Start;
  private long budget;

  /** Takes what the tree knows of networks. */
  interface Visitor {
    /**
     * A network with a record.
     *
     * @param v4 whether it is of IPv4
     * @param high its first address, as {@link Prefix} has it
     * @param length its length in bits
     * @param record where its record begins, after the beginning of the data
     */
    void network(boolean v4, long high, long low, int length, long record);
  }

  /**
   * Creates it.
   *
   * @param nodes how many it has; their bytes are known to be there
   * @param recordBits 24, 28 or 32
   * @param v6 whether it is a tree of IPv6 addresses, with IPv4 at {@code ::/96}
   */
  SearchTree(byte[] file, int nodes, int recordBits, boolean v6) {
    this.file = file;
    this.nodes = nodes;
    this.recordBits = recordBits;
    this.v6 = v6;
    long start = 0;
    for (int i = 0; v6 && i < 96 && start < nodes; i++) {
      start = child(start, 0);
    }
    this.ipv4Start = start;
  }

  /**
   * Goes through it: all IPv4 networks, then all of IPv6.
   *
   * @throws DatabaseException if it is damaged
   */
  void walk(Visitor visitor) {
    budget = nodes;
    visit(visitor, true, ipv4Start, 0, 0, 0);
    if (v6) {
      visit(visitor, false, 0, 0, 0, 0);
    }
  }

  private void visit(Visitor visitor, boolean v4, long node, long high, long low, int length) {
    if (node == nodes || (!v4 && (isIpv4(node, length) || isMapped(high, low, length)))) {
      return;
    }
    if (node > nodes) {
      visitor.network(v4, high, low, length, node - nodes - 16);
      return;
    }
    budget--;
    if (budget < 0 || length >= (v4 ? 32 : 128)) {
      throw new DatabaseException("the file is damaged: its tree leads in a circle");
    }
    visit(visitor, v4, child(node, 0), high, low, length + 1);
    long bit = 1L << (63 - length % 64);
    visit(
        visitor,
        v4,
        child(node, 1),
        length < 64 ? high | bit : high,
        length < 64 ? low : low | bit,
        length + 1);
  }

  /** The addresses of IPv4 at ::/96, and wherever else a tree has them again (2002::/16, say). */
  private boolean isIpv4(long node, int length) {
    return node == ipv4Start && node < nodes && length > 0;
  }

  /** ::ffff:0:0/96: Java reads such an address as the one of IPv4. */
  private static boolean isMapped(long high, long low, int length) {
    return length >= 96 && high == 0 && low >>> 32 == 0xffff;
  }

  private long child(long node, int side) {
    int at = (int) (node * (recordBits / 4)) + side * (recordBits == 24 ? 3 : 4);
    return switch (recordBits) {
      case 24 -> bytes(at, 3);
      case 28 ->
          side == 0
              ? bytes(at, 3) | (file[at + 3] & 0xf0L) << 20
              : bytes(at, 3) | (file[at - 1] & 0x0fL) << 24;
      default -> bytes(at, 4);
    };
  }

  private long bytes(int at, int count) {
    long number = 0;
    for (int i = 0; i < count; i++) {
      number = (number << 8) | (file[at + i] & 0xff);
    }
    return number;
  }
}
