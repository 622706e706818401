package dev.meridian.geo;

/**
 * Goes through records of a MaxMind database before the reader does, which believes what it reads:
 * a damaged or hostile file may claim lists of millions, lists in lists, and pointers that lead in
 * a circle. What passes takes memory and time within bounds. For one thread.
 *
 * <p>The format is MaxMind DB 2.0, "Data Field Format".
 */
final class DataCheck {
  /** Deepest nesting, pointers included. */
  private static final int MAX_DEPTH = 32;

  /** Most values in one record. */
  private static final int MAX_VALUES = 5_000;

  private static final int POINTER = 1;
  private static final int STRING = 2;
  private static final int DOUBLE = 3;
  private static final int BYTES = 4;
  private static final int UINT16 = 5;
  private static final int UINT32 = 6;
  private static final int MAP = 7;
  private static final int INT32 = 8;
  private static final int UINT64 = 9;
  private static final int UINT128 = 10;
  private static final int ARRAY = 11;
  private static final int BOOLEAN = 14;
  private static final int FLOAT = 15;

  private final byte[] file;
  private final long base;
  private final int end;
  private long budget;
  private int values;
  private int at;

  /**
   * Creates it.
   *
   * @param base where the records begin, and pointers count from
   * @param end where they end
   * @param budget most values in all records together
   */
  DataCheck(byte[] file, int base, int end, long budget) {
    this.file = file;
    this.base = base;
    this.end = end;
    this.budget = budget;
  }

  /**
   * Checks the record at {@code offset} after the base.
   *
   * @throws DatabaseException if it is none
   */
  void record(long offset) {
    values = 0;
    at = place(offset);
    value(0, false);
  }

  private int place(long offset) {
    if (offset < 0 || base + offset >= end) {
      throw damaged("a pointer leads out of the data");
    }
    return (int) (base + offset);
  }

  private void value(int depth, boolean key) {
    values++;
    budget--;
    if (depth > MAX_DEPTH || values > MAX_VALUES || budget < 0) {
      throw damaged("a record is too large");
    }
    int control = next();
    int type = control >>> 5;
    if (type == POINTER) {
      pointer(control, depth, key);
      return;
    }
    if (type == 0) {
      type = 7 + next();
    }
    int size = control & 0x1f;
    if (size >= 29) {
      size = size == 29 ? 29 + next() : size == 30 ? 285 + number(2) : 65_821 + number(3);
    }
    if (key && type != STRING) {
      throw damaged("a name is no text");
    }
    switch (type) {
      case STRING, BYTES -> skip(size, Integer.MAX_VALUE);
      case DOUBLE -> exactly(size, 8);
      case FLOAT -> exactly(size, 4);
      case UINT16 -> skip(size, 2);
      case UINT32, INT32 -> skip(size, 4);
      case UINT64 -> skip(size, 8);
      case UINT128 -> skip(size, 16);
      case BOOLEAN -> {
        if (size > 1) {
          throw damaged("a truth is neither true nor false");
        }
      }
      case MAP, ARRAY -> {
        // Every value takes a byte at least, so a size beyond the end is a lie.
        if (size > end - at || size > MAX_VALUES) {
          throw damaged("a list is longer than the file");
        }
        for (int i = 0; i < size; i++) {
          if (type == MAP) {
            value(depth + 1, true);
          }
          value(depth + 1, false);
        }
      }
      default -> throw damaged("there is a value of unknown type " + type);
    }
  }

  private void pointer(int control, int depth, boolean key) {
    long target =
        switch (control >>> 3 & 3) {
          case 0 -> (control & 7) << 8 | number(1);
          case 1 -> 2048 + ((control & 7) << 16 | number(2));
          case 2 -> 526_336 + ((control & 7) << 24 | number(3));
          default -> number(4) & 0xffff_ffffL;
        };
    int after = at;
    at = place(target);
    value(depth + 1, key);
    at = after;
  }

  private int next() {
    if (at >= end) {
      throw damaged("a value runs over the end");
    }
    return file[at++] & 0xff;
  }

  private int number(int bytes) {
    int number = 0;
    for (int i = 0; i < bytes; i++) {
      number = number << 8 | next();
    }
    return number;
  }

  private void skip(int size, int most) {
    if (size > most || size > end - at) {
      throw damaged("a value runs over the end");
    }
    at += size;
  }

  private void exactly(int size, int expected) {
    if (size != expected) {
      throw damaged("a number has " + size + " bytes");
    }
    skip(size, size);
  }

  private static DatabaseException damaged(String what) {
    return new DatabaseException("the file is damaged: " + what);
  }
}
