package dev.meridian.web;

import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/** One template being rendered: what its functions work with, and where its output goes. */
final class Rendering {
  /** The rendering that the current thread does. */
  static final ScopedValue<Rendering> CURRENT = ScopedValue.newInstance();

  private final String template;
  private final PageReads reads;
  private final Output output = new Output();
  private final Messages messages;
  private final Map<String, String> assets = new HashMap<>();
  private boolean granted;

  Rendering(String template, PageReads reads, Messages messages) {
    this.template = template;
    this.reads = reads;
    this.messages = messages;
  }

  Messages messages() {
    return messages;
  }

  PageReads reads() {
    return reads;
  }

  Writer output() {
    return output;
  }

  /** Most characters of output: a page has no fewer bytes than characters. */
  int maxChars() {
    return reads.site().limits().pageBytes();
  }

  /**
   * The output in UTF-8.
   *
   * @throws PageFailure if it is larger than {@code limits.pageSize}
   */
  byte[] bytes() {
    byte[] bytes = output.text.toString().getBytes(StandardCharsets.UTF_8);
    if (bytes.length > maxChars()) {
      throw tooLarge();
    }
    return bytes;
  }

  /** The failure of a page that grows over {@code limits.pageSize}. */
  PageFailure tooLarge() {
    return new PageFailure(
        template,
        0,
        "the page grows larger than "
            + (maxChars() >> 10)
            + " KiB; show its lists in parts, or raise limits.pageSize in site.yaml.",
        null);
  }

  /** Notes that the output leads to a file at this address. */
  void asset(String path, String address) {
    assets.put(path, address);
  }

  /** The files that the output leads to, and their addresses. */
  Map<String, String> assets() {
    return assets;
  }

  /** Notes that the output carries a grant. */
  void grant() {
    granted = true;
  }

  /** Whether the output carries a grant, which compression beside a visitor's text could betray. */
  boolean isGranted() {
    return granted;
  }

  /** Collects text, and ends a page that grows too large or takes too long. */
  private final class Output extends Writer {
    private final StringBuilder text = new StringBuilder(4096);

    @Override
    public void write(char[] chars, int offset, int length) {
      Objects.checkFromIndexSize(offset, length, chars.length);
      check(length);
      text.append(chars, offset, length);
    }

    @Override
    public void write(String string, int offset, int length) {
      check(length);
      text.append(string, offset, offset + length);
    }

    @Override
    public void write(int c) {
      check(1);
      text.append((char) c);
    }

    private void check(int length) {
      reads.checkTime(template, 0);
      if (text.length() + length > maxChars()) {
        throw tooLarge();
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }
}
