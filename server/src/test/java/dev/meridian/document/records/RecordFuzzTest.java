package dev.meridian.document.records;

import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.meridian.document.Json;
import dev.meridian.document.JsonLimits;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files of records as people have them: whole, cut off, damaged, in another encoding, compressed
 * twice. What can be read is read, what cannot is named by its line, and nothing is made up.
 */
@Timeout(120)
class RecordFuzzTest {
  /** Small, so that records over the limit are cheap to make. */
  private static final JsonLimits SMALL = JsonLimits.DEFAULT.withBytes(2_000).withDepth(10);

  private static final RecordReader.Options OPTIONS =
      new RecordReader.Options(null, null, false, SMALL);

  /** What a file held, and what ended it before its end, if something did. */
  private record Read(List<RecordItem> items, String error) {
    List<RecordItem.Good> good() {
      return items.stream()
          .filter(RecordItem.Good.class::isInstance)
          .map(RecordItem.Good.class::cast)
          .toList();
    }

    List<String> values() {
      return good().stream().map(good -> new String(good.json(), UTF_8)).toList();
    }

    List<RecordItem.Bad> bad() {
      return items.stream()
          .filter(RecordItem.Bad.class::isInstance)
          .map(RecordItem.Bad.class::cast)
          .toList();
    }
  }

  private static Read read(byte[] file, RecordReader.Options options) {
    return read(new ByteArrayInputStream(file), options);
  }

  private static Read read(InputStream file, RecordReader.Options options) {
    List<RecordItem> items = new ArrayList<>();
    try (RecordReader reader = RecordReader.open(file, options)) {
      for (RecordItem item = reader.next(); item != null; item = reader.next()) {
        items.add(item);
      }
      return new Read(items, "");
    } catch (RecordException e) {
      assertThat(e.getMessage()).isNotBlank().doesNotContain("\n", "Exception");
      return new Read(items, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw new AssertionError("not told as a fault of the file", e);
    }
  }

  private static RecordReader.Options as(RecordFormat format) {
    return new RecordReader.Options(format, null, false, SMALL);
  }

  private static byte[] gzip(byte[] bytes) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return out.toByteArray();
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  // --- Whatever it is ------------------------------------------------------------------------

  private static final List<String> FILES =
      List.of(
          "{\"_id\":\"a\",\"n\":1}\n{\"_id\":\"b\",\"n\":[1,{\"x\":\"ä😀\"}]}\r\n\n{\"id\":7}\n",
          "[\n {\"_id\":\"a\"},\n {\"_id\":\"b\",\"_value\":[1,2]},\n {\"x\":\"]\\\"\"}\n]\n",
          "[]",
          "[1,\"a\",null,[[]],{}]",
          "_id,name,n\r\na,\"x, \"\"y\"\"\",1\r\nb,\"two\r\nlines\",007\r\n",
          "id,name\n1,a\n\n2,b",
          "{\"_path\":\"a/1\",\"_value\":{\"n\":1}}\n{\"_path\":\"a/1/b/2\",\"_value\":null}\n");

  private static final List<String> INSERTED =
      List.of(
          "\0",
          "\n",
          "\r",
          "\r\n",
          "\u2028",
          "\ufeff",
          "\"",
          "\\",
          ",",
          ";",
          "\t",
          "[",
          "]",
          "{",
          "}",
          "[[[[[[[[[[[[[[",
          "\ud83d",
          "1e999999999",
          "{\"_id\":[]}",
          "{\"_id\":\"\"}",
          "\"".repeat(3),
          ",".repeat(200),
          "x".repeat(5_000),
          "\n".repeat(5_000),
          "-",
          "NaN");

  @Provide
  Arbitrary<byte[]> files() {
    Arbitrary<byte[]> whole = Arbitraries.of(FILES).map(text -> text.getBytes(UTF_8));
    Arbitrary<byte[]> junk = Arbitraries.bytes().array(byte[].class).ofMaxSize(300);
    Arbitrary<byte[]> mutated =
        Combinators.combine(
                whole,
                Arbitraries.integers().between(0, 10_000),
                Arbitraries.integers().between(0, 5),
                Arbitraries.of(INSERTED),
                Arbitraries.bytes())
            .as(RecordFuzzTest::mutate);
    Arbitrary<byte[]> twice =
        Combinators.combine(
                mutated,
                Arbitraries.integers().between(0, 10_000),
                Arbitraries.integers().between(0, 5),
                Arbitraries.of(INSERTED),
                Arbitraries.bytes())
            .as(RecordFuzzTest::mutate);
    Arbitrary<byte[]> compressed =
        Combinators.combine(
                mutated.map(RecordFuzzTest::gzip),
                Arbitraries.integers().between(0, 10_000),
                Arbitraries.integers().between(0, 6),
                Arbitraries.of(INSERTED),
                Arbitraries.bytes())
            .as((gz, at, how, text, b) -> how == 6 ? gz : mutate(gz, at, how, text, b));
    return Arbitraries.frequencyOf(
        net.jqwik.api.Tuple.of(1, whole),
        net.jqwik.api.Tuple.of(1, junk),
        net.jqwik.api.Tuple.of(6, mutated),
        net.jqwik.api.Tuple.of(6, twice),
        net.jqwik.api.Tuple.of(4, compressed));
  }

  private static byte[] mutate(byte[] file, int where, int how, String text, byte b) {
    int at = file.length == 0 ? 0 : where % file.length;
    byte[] head = Arrays.copyOf(file, at);
    byte[] tail = Arrays.copyOfRange(file, at, file.length);
    byte[] inserted = text.getBytes(UTF_8);
    return switch (how) {
      case 0 -> head;
      case 1 -> join(head, inserted, tail);
      case 2 ->
          join(
              head,
              new byte[] {b},
              Arrays.copyOfRange(file, Math.min(file.length, at + 1), file.length));
      case 3 -> join(head, Arrays.copyOfRange(file, Math.min(file.length, at + 3), file.length));
      case 4 -> join(file, tail);
      default -> join(head, new byte[] {b}, inserted, tail);
    };
  }

  @Property(tries = 4_000)
  void everyFileIsReadOrRefusedAndWhatIsReadCanBeStored(
      @ForAll("files") byte[] file, @ForAll boolean strings) {
    for (RecordFormat format :
        new RecordFormat[] {null, RecordFormat.NDJSON, RecordFormat.JSON, RecordFormat.CSV}) {
      Read read = read(file, new RecordReader.Options(format, null, strings, SMALL));
      long number = 0;
      long line = 0;
      long lines = 1;
      for (byte b : file) {
        lines += b == '\n' || b == '\r' ? 1 : 0;
      }
      boolean compressed = file.length > 1 && file[0] == 0x1f;
      for (RecordItem item : read.items()) {
        assertThat(item.number()).isEqualTo(++number);
        assertThat(item.line()).isPositive().isGreaterThanOrEqualTo(line);
        if (!compressed) {
          assertThat(item.line()).isLessThanOrEqualTo(lines);
        }
        line = item.line();
        switch (item) {
          case RecordItem.Good good -> {
            assertThat(good.json().length).isLessThanOrEqualTo(SMALL.bytes());
            // JSON, minified, within the limits, and without what only damage brings.
            assertThat(Json.parse(good.json(), SMALL).toBytes()).isEqualTo(good.json());
          }
          case RecordItem.Bad bad ->
              assertThat(bad.reason()).isNotBlank().doesNotContain("Exception", "\n");
        }
      }
      // The same file, the same answer: an interrupted import counts on it.
      Read again = read(drop(file), new RecordReader.Options(format, null, strings, SMALL));
      assertThat(again.error().isEmpty()).isEqualTo(read.error().isEmpty());
      if (read.error().isEmpty()) {
        assertThat(again.values()).isEqualTo(read.values());
      } else {
        // Damaged gzip gives up what it had inflated, and that is as much as was asked for.
        int both = Math.min(again.values().size(), read.values().size());
        assertThat(again.values().subList(0, both)).isEqualTo(read.values().subList(0, both));
      }
    }
  }

  /** Comes byte by byte, as from a slow pipe, and never knows whether there is more. */
  private static InputStream drop(byte[] file) {
    return new FilterInputStream(new ByteArrayInputStream(file)) {
      @Override
      public int read(byte[] to, int offset, int length) throws IOException {
        return super.read(to, offset, Math.min(length, 1));
      }

      @Override
      public int available() {
        return 0;
      }
    };
  }

  // --- Nothing is lost -----------------------------------------------------------------------

  @Property(tries = 300)
  void recordsOfAnyNumberOfGzipMembersAreAllRead(
      @ForAll @IntRange(min = 1, max = 6) int members, @ForAll boolean slow) {
    List<String> values = new ArrayList<>();
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    for (int i = 0; i < members; i++) {
      values.add("{\"n\":" + i + "}");
      file.writeBytes(gzip((values.getLast() + "\n").getBytes(UTF_8)));
    }
    byte[] bytes = file.toByteArray();
    Read read = read(slow ? drop(bytes) : new ByteArrayInputStream(bytes), OPTIONS);
    assertThat(read.error()).isEmpty();
    assertThat(read.values()).isEqualTo(values);
  }

  @Property(tries = 1_000)
  void gzipThatIsCutOffOrDamagedIsNeverTakenForWhole(
      @ForAll @IntRange(min = 0, max = 100_000) int where,
      @ForAll @IntRange(min = 0, max = 7) int bit,
      @ForAll boolean cut) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 30; i++) {
      text.append("{\"_id\":\"").append(i).append("\",\"n\":").append(i * 7919L).append("}\n");
    }
    byte[] first = gzip(text.toString().getBytes(UTF_8));
    byte[] whole = join(first, gzip(text.toString().getBytes(UTF_8)));
    int at = where % whole.length;
    if (cut) {
      if (at == 0 || at == first.length) {
        return; // An empty file, and a whole one.
      }
      byte[] part = Arrays.copyOf(whole, at);
      // One byte of gzip is not gzip yet.
      Read read = read(part, as(RecordFormat.NDJSON));
      assertThat(at == 1 ? String.valueOf(read.bad()) : read.error()).isNotEmpty();
      return;
    }
    int inMember = at < first.length ? at : at - first.length;
    if (inMember >= 3 && inMember < 10) {
      return; // Flags, time and system: of no consequence, or another kind of header.
    }
    whole[at] ^= (byte) (1 << bit);
    Read read = read(whole, as(RecordFormat.NDJSON));
    boolean told = !read.error().isEmpty() || !read.bad().isEmpty();
    if (!told) {
      // A bit that means nothing, between the end of the data and the next whole byte.
      assertThat(String.join("\n", read.values()) + "\n")
          .as("byte %d", at)
          .isEqualTo((text.toString() + text).replaceAll("\"_id\":\"[0-9]+\",", ""));
    }
  }

  @Test
  void whatFollowsGzipIsRefusedButPaddingIsNot() {
    byte[] gzip = gzip("{\"n\":1}\n".getBytes(UTF_8));
    assertThat(read(join(gzip, "more".getBytes(UTF_8)), OPTIONS).error()).contains("gzip");
    assertThat(read(join(gzip, new byte[5_000]), OPTIONS).error()).isEmpty();
    assertThat(read(join(gzip, new byte[5], new byte[] {1}), OPTIONS).error()).contains("gzip");
    assertThat(read(join(gzip, new byte[5_000]), OPTIONS).values()).containsExactly("{\"n\":1}");
  }

  @Test
  void everyKindOfGzipHeaderIsRead() {
    byte[] plain = gzip("{\"n\":1}\n".getBytes(UTF_8));
    byte[] body = Arrays.copyOfRange(plain, 10, plain.length);
    byte[] head = {0x1f, (byte) 0x8b, 8, 0, 1, 2, 3, 4, 0, 3};
    byte[] extra = {3, 0, 'a', 'b', 'c'};
    byte[] name = "cities.ndjson\0".getBytes(UTF_8);
    byte[] comment = "made\0".getBytes(UTF_8);
    head[3] = 4 | 8 | 16;
    assertThat(read(join(head, extra, name, comment, body), OPTIONS).values())
        .containsExactly("{\"n\":1}");
    head[3] = 2 | 8;
    CRC32 crc = new CRC32();
    crc.update(join(head, name));
    byte[] check = {(byte) crc.getValue(), (byte) (crc.getValue() >> 8)};
    assertThat(read(join(head, name, check, body), OPTIONS).values()).containsExactly("{\"n\":1}");
    check[0]++;
    assertThat(read(join(head, name, check, body), OPTIONS).error()).contains("gzip");
    head[3] = (byte) 0x80;
    assertThat(read(join(head, body), OPTIONS).error()).contains("gzip");
  }

  // --- Nothing is made up --------------------------------------------------------------------

  @Property(tries = 300)
  void textInAnotherEncodingIsRefused(
      @ForAll("plainFiles") String text, @ForAll @IntRange(min = 0, max = 3) int kind) {
    byte[] file =
        switch (kind) {
          case 0 -> text.getBytes(UTF_16LE);
          case 1 -> text.getBytes(UTF_16BE);
          case 2 -> join(new byte[] {(byte) 0xff, (byte) 0xfe}, text.getBytes(UTF_16LE));
          default -> join(new byte[] {(byte) 0xfe, (byte) 0xff}, text.getBytes(UTF_16BE));
        };
    assertThat(read(file, OPTIONS).good()).isEmpty();
    assertThat(read(file, as(RecordFormat.CSV)).good()).isEmpty();
  }

  @Provide
  Arbitrary<String> plainFiles() {
    return Arbitraries.of(FILES).filter(text -> text.length() > 4);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<!DOCTYPE html>\n<html>\n<body>404</body>\n",
        "<?xml version=\"1.0\"?>\n<records>\n</records>\n",
        "name;age\nAda;36\n",
        "name\tage\nAda\t36\n",
        "name|age\nAda|36\n",
        "PK\u0003\u0004[Content_Types].xml\nmore\n",
        "na\u0000me,age\nAda,36\n",
        "name,age\nA\u0000da,36\n",
      })
  void fileThatOnlyPassesForCsvIsRefused(String text) {
    Read read = read(text.getBytes(UTF_8), OPTIONS);
    assertThat(read.good()).isEmpty();
    assertThat(read.error() + read.bad()).isNotEqualTo("[]");
  }

  @Test
  void sameRecordsAreReadWhateverEndsTheLines() {
    for (String end : List.of("\n", "\r\n")) {
      String lines = "{\"n\":1}" + end + end + "{\"n\":2}" + end + "  " + end + "{\"n\":3}";
      assertThat(read(lines.getBytes(UTF_8), OPTIONS).values())
          .containsExactly("{\"n\":1}", "{\"n\":2}", "{\"n\":3}");
      assertThat(read(lines.getBytes(UTF_8), OPTIONS).items())
          .extracting(RecordItem::line)
          .containsExactly(1L, 3L, 5L);
    }
    for (String end : List.of("\n", "\r\n", "\r")) {
      String rows = "n" + end + "1" + end + end + "2" + end + "3";
      Read read = read(rows.getBytes(UTF_8), OPTIONS);
      assertThat(read.values()).containsExactly("{\"n\":1}", "{\"n\":2}", "{\"n\":3}");
      assertThat(read.items()).extracting(RecordItem::line).containsExactly(2L, 4L, 5L);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          a,b\\n1,2\\n3                      | 3
          a,b\\n1,2\\n3\\n                   | 3
          a,b\\n\\n\\n1\\n                   | 4
          a,b\\r\\n"x\\r\\ny",2\\r\\n3,4,5   | 4
          a,b\\n"1\\n2\\n3"\\n4,5            | 2
          {"n":1}\\n{"n"\\n{"n":3}           | 2
          {"n":1}\\r\\n\\r\\n{"n"            | 3
          [1,\\n2,\\n\\n x,\\n4]             | 4
          [1,\\n"a\\\\nb",x]                 | 2
          """)
  void badRecordIsNamedByTheLineItBeginsOn(String file, long line) {
    String text = file.replace("\\\\n", "\0").replace("\\n", "\n").replace("\\r", "\r");
    Read read = read(text.replace("\0", "\\n").getBytes(UTF_8), OPTIONS);
    assertThat(read.bad()).hasSize(1);
    assertThat(read.bad().getFirst().line()).isEqualTo(line);
  }

  @ParameterizedTest
  @EnumSource(RecordFormat.class)
  void recordOfTheLargestSizeAndDepthComesBackFromItsExport(RecordFormat format) {
    int depth = SMALL.depth();
    String deep = "[".repeat(depth) + "]".repeat(depth);
    String large = "\"" + "x".repeat(SMALL.bytes() - 2) + "\"";
    if (format == RecordFormat.CSV) {
      return; // It is flat, and says what does not fit when it is written.
    }
    for (String value : List.of(deep, large)) {
      String line = "{\"_id\":\"a\",\"_value\":" + value + "}";
      String file = format == RecordFormat.JSON ? "[\n" + line + "\n]\n" : line + "\n";
      Read read = read(file.getBytes(UTF_8), as(format));
      assertThat(read.bad()).isEmpty();
      assertThat(read.values()).containsExactly(value);
    }
    String tooDeep = "{\"_id\":\"a\",\"_value\":[" + deep + "]}";
    String tooLarge = "{\"_id\":\"a\",\"_value\":[" + large + "]}";
    for (String line : List.of(tooDeep, tooLarge)) {
      String file = format == RecordFormat.JSON ? "[" + line + "]" : line;
      assertThat(read(file.getBytes(UTF_8), as(format)).bad()).hasSize(1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"[1}", "[1},2]", "[{]}", "[[1,2]", "[1,2", "[\"a", "[1]]", "[1] 2", "[}"})
  void arrayThatDoesNotCloseIsRefusedByLine(String file) {
    Read read = read(file.getBytes(UTF_8), OPTIONS);
    assertThat(read.error()).contains("line 1");
  }

  // --- Nothing grows -------------------------------------------------------------------------

  /** So many bytes of a pattern, made as they are read. */
  private static InputStream endless(String begin, String pattern, long bytes) {
    byte[] repeated = pattern.repeat((1 << 16) / pattern.length()).getBytes(UTF_8);
    InputStream many =
        new InputStream() {
          private long left = bytes;

          @Override
          public int read() {
            throw new UnsupportedOperationException();
          }

          @Override
          public int read(byte[] to, int offset, int length) {
            if (left <= 0) {
              return -1;
            }
            int count = Math.min(length, repeated.length);
            System.arraycopy(repeated, 0, to, offset, count);
            left -= count;
            return count;
          }
        };
    return new SequenceInputStream(new ByteArrayInputStream(begin.getBytes(UTF_8)), many);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\'',
      textBlock =
          """
          NDJSON | {        | x
          NDJSON | [        | [
          NDJSON | {"a":"   | é
          JSON   | [        | [
          JSON   | ["       | x
          JSON   | [        | ' '
          CSV    | a,b      | ,
          CSV    | a        | x
          CSV    | "        | x
          """)
  void recordWithoutEndTakesNoMemory(RecordFormat format, String begin, String pattern) {
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    Read read = read(endless(begin, pattern, 200 << 20), as(format));
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(20 << 20);
    assertThat(read.good()).isEmpty();
    assertThat(read.error().isEmpty() && read.bad().isEmpty()).isFalse();
  }

  @Test
  void gzipBombTakesNoMemory() {
    byte[] zeros = gzip(new byte[50 << 20]);
    byte[] bomb = join(Collections.nCopies(10, zeros).toArray(byte[][]::new));
    for (RecordFormat format : RecordFormat.values()) {
      assertThat(read(bomb, as(format)).good()).isEmpty();
    }
    assertThat(read(bomb, OPTIONS).error()).isNotEmpty();
    assertThat(read(gzip(bomb), OPTIONS).good()).isEmpty();
  }

  @Test
  void fileThatEndsTheReadingWithAnErrorOfItsOwnIsNotBlamed() {
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("disk on fire");
          }
        };
    assertThatThrownBy(() -> RecordReader.open(broken, OPTIONS))
        .isInstanceOf(IOException.class)
        .isNotInstanceOf(RecordException.class)
        .hasMessage("disk on fire");
  }
}
