package dev.meridian.web;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/**
 * Writes to a connection without TLS. The engine hands everything to the system in pieces of
 * {@value #PIECE} bytes: each costs a call, and its client is woken for each. So what is larger
 * goes from here, in pieces of {@value #MAX_BYTES}. The engine's own writer keeps nothing back, so
 * the two can take turns. Used by one thread at a time, as that one.
 */
final class Http1Writer implements DataWriter {
  /** The engine's pieces. */
  private static final int PIECE = 8192;

  /** Bounds what a thread that carries others keeps for good outside the heap. */
  private static final int MAX_BYTES = 64 << 10;

  private final DataWriter engine;
  private final SocketChannel channel;

  Http1Writer(DataWriter engine, SocketChannel channel) {
    this.engine = engine;
    this.channel = channel;
  }

  @Override
  public void write(BufferData... buffers) {
    writeNow(buffers);
  }

  @Override
  public void write(BufferData buffer) {
    writeNow(buffer);
  }

  @Override
  public void writeNow(BufferData... buffers) {
    writeNow(BufferData.create(buffers));
  }

  @Override
  public void writeNow(BufferData buffer) {
    int length = buffer.available();
    if (length <= PIECE) {
      engine.writeNow(buffer);
      return;
    }
    ByteBuffer piece = ByteBuffer.allocate(Math.min(length, MAX_BYTES));
    try {
      while (!buffer.consumed()) {
        piece.clear();
        buffer.writeTo(piece, piece.capacity());
        piece.flip();
        while (piece.hasRemaining()) {
          channel.write(piece);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void flush() {
    engine.flush();
  }

  @Override
  public void close() {
    engine.close();
  }
}
