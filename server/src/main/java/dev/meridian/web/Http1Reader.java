package dev.meridian.web;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.webserver.CloseConnectionException;

/**
 * Reads the bytes of an HTTP/1.1 connection for the engine, and chunked bodies by the letter of RFC
 * 9112, section 7.1: sizes are hexadecimal digits alone, a line break follows every chunk's data,
 * extensions and trailers are passed over. A body that breaks this is a {@link BrokenBody}, and the
 * connection gives no other request: where that would begin is unknown, and guessing it is what
 * request smuggling lives on.
 *
 * <p>Confined to the connection's thread.
 */
@SuppressWarnings("removal") // the constructor: the factories that are to replace it cannot extend
final class Http1Reader extends DataReader {
  // How it works: the engine calls readLine only for chunked bodies, once before each chunk's data
  // and once for the empty line at the end. So a body is recognised here without a second look at
  // the head, about which two readers might disagree. The engine is told of chunks as large as what
  // has arrived, for it would keep a whole chunk in memory, however large the client makes it,
  // before
  // anybody could compare it with a limit.

  /** Longest line with a chunk's size or with a trailer. */
  static final int MOST_LINE_BYTES = 4096;

  /** Most bytes of extensions and trailers in a body: what is passed over costs time, too. */
  static final int MOST_PASSED_BYTES = 16 << 10;

  private static final int MOST_AT_ONCE = 64 << 10;

  /** Sizes of so many digits fit in a long, and are more than anybody may send. */
  private static final int MOST_DIGITS = 15;

  private static final String HEX = "0123456789abcdefABCDEF";

  private enum State {
    /** Between chunked bodies. */
    OUTSIDE,
    /** The next line is a chunk's size. */
    SIZE,
    /** Data follows, {@link #left} bytes of a chunk. */
    DATA,
    /** Some of a chunk's data was read; the engine skips what it takes for the line's break. */
    AFTER_DATA,
    /** All was read; the engine reads what it takes for the last empty line. */
    END,
    /** The body was broken: nothing more is read. */
    BROKEN
  }

  private State state = State.OUTSIDE;

  /** Bytes of the chunk that the engine has not had. */
  private long left;

  private int passed;

  /** Reads on from where {@code connection} is. */
  Http1Reader(DataReader connection) {
    super(
        () -> {
          connection.ensureAvailable();
          return connection.readBytes(connection.available());
        });
  }

  /** A chunked body that does not keep to the rules. */
  static final class BrokenBody extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BrokenBody(String message) {
      super(message);
    }
  }

  @Override
  public String readLine() {
    switch (state) {
      case OUTSIDE -> {
        passed = 0;
        state = State.SIZE;
      }
      case SIZE, DATA -> {}
      case END -> {
        state = State.OUTSIDE;
        return "";
      }
      case AFTER_DATA -> throw broken("the engine reads chunks in another way");
      case BROKEN -> throw broken("it was found broken before");
    }
    if (state == State.SIZE) {
      left = size(line());
      if (left == 0) {
        trailers();
        state = State.END;
        return "0";
      }
      state = State.DATA;
    }
    ensureAvailable();
    return Long.toHexString(Math.min(left, Math.min(available(), MOST_AT_ONCE)));
  }

  @Override
  public BufferData readBuffer(int length) {
    if (state != State.DATA) {
      return super.readBuffer(length);
    }
    BufferData data = getBuffer(length);
    super.skip(length);
    left -= length;
    state = State.AFTER_DATA;
    return data;
  }

  @Override
  public void skip(int length) {
    if (state != State.AFTER_DATA) {
      super.skip(length);
    } else if (left > 0) {
      state = State.DATA;
    } else {
      if (read() != '\r' || read() != '\n') {
        throw broken("a chunk's data is not followed by a line break");
      }
      state = State.SIZE;
    }
  }

  /** The engine looks for a line first when it reads a head: there is none inside a body. */
  @Override
  public int findNewLine(int max) {
    if (state != State.OUTSIDE) {
      throw new CloseConnectionException("The body of the request before was not read to its end");
    }
    return super.findNewLine(max);
  }

  private BrokenBody broken(String message) {
    state = State.BROKEN;
    return new BrokenBody(message);
  }

  private String line() {
    int length;
    try {
      length = super.findNewLine(MOST_LINE_BYTES);
    } catch (IncorrectNewLineException e) {
      throw broken("a line ends with something else than CR and LF");
    }
    if (length >= MOST_LINE_BYTES) {
      throw broken("a line is longer than " + MOST_LINE_BYTES + " bytes");
    }
    String line = length == 0 ? "" : readAsciiString(length);
    super.skip(2);
    // The engine finds a lone line feed only where no line break follows it.
    if (line.chars().anyMatch(c -> (c < ' ' && c != '\t') || c == 0x7f)) {
      throw broken("a line holds a control character");
    }
    return line;
  }

  /** The size that a chunk begins with; extensions are passed over, as section 7.1.1 asks. */
  private long size(String line) {
    int digits = 0;
    while (digits < line.length() && HEX.indexOf(line.charAt(digits)) >= 0) {
      digits++;
    }
    int at = digits;
    while (at < line.length() && (line.charAt(at) == ' ' || line.charAt(at) == '\t')) {
      at++;
    }
    boolean extended = at < line.length() && line.charAt(at) == ';';
    if (digits == 0 || digits > MOST_DIGITS || (!extended && digits < line.length())) {
      throw broken("a chunk begins with its size in hexadecimal digits");
    }
    pass(line.length() - digits);
    return Long.parseLong(line, 0, digits, 16);
  }

  private void trailers() {
    for (String line = line(); !line.isEmpty(); line = line()) {
      int colon = line.indexOf(':');
      if (colon <= 0 || line.substring(0, colon).chars().anyMatch(c -> c <= ' ' || c > '~')) {
        throw broken("after the last chunk come trailers, 'name: value', or an empty line");
      }
      pass(line.length() + 2);
    }
  }

  private void pass(int bytes) {
    passed += bytes;
    if (passed > MOST_PASSED_BYTES) {
      throw broken("extensions and trailers are more than " + MOST_PASSED_BYTES + " bytes");
    }
  }
}
