package dev.meridian.dns;

import dev.meridian.dns.ZoneException.Place;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.TTL;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Tokenizer;
import org.xbill.DNS.Type;

/**
 * Reads RFC 1035 zone files: {@code $ORIGIN}, {@code $TTL} (RFC 2308), {@code $INCLUDE} confined to
 * the site's folder, parentheses, comments, and any record type dnsjava knows or RFC 3597 can
 * write. Every record keeps the line it stands on, which is why the entries are split here and only
 * their data is handed to dnsjava.
 */
final class MasterFile {
  /** How deep files may include files. */
  static final int MAX_INCLUDES = 8;

  /** Most characters of one entry, its parentheses included. */
  static final int MAX_ENTRY = 1 << 18;

  private static final String NO_INCLUDES = "";

  private final Path folder;
  private final String file;
  private final int depth;
  private final Consumer<ZoneRecord> out;
  private final PlainLine plain = new PlainLine();
  private Name origin;
  private WireName wireOrigin;
  private long defaultTtl;
  private @Nullable WireName owner;

  private MasterFile(
      Path folder, String file, int depth, Name origin, long defaultTtl, Consumer<ZoneRecord> out) {
    this.folder = folder;
    this.file = file;
    this.depth = depth;
    this.origin = origin;
    this.wireOrigin = WireName.of(origin);
    this.defaultTtl = defaultTtl;
    this.out = out;
  }

  /**
   * Reads {@code path} and gives each record to {@code out}.
   *
   * @param folder the site's folder; neither the file nor what it includes may lie outside
   * @param ttl seconds, for records before any {@code $TTL} that give none
   * @throws ZoneException if the file is missing, outside the folder or not a zone file
   */
  static void read(Path folder, Path path, Name origin, long ttl, Consumer<ZoneRecord> out) {
    Place nowhere = new Place("site.yaml", 0);
    Path real = confined(folder, folder.resolve(path), path.toString(), nowhere);
    new MasterFile(folder, display(folder, real), 0, origin, ttl, out).readFile(real, nowhere);
  }

  /** Reads zone file text that includes nothing. */
  static void readText(String file, String text, Name origin, long ttl, Consumer<ZoneRecord> out) {
    MasterFile reader = new MasterFile(Path.of(NO_INCLUDES), file, MAX_INCLUDES, origin, ttl, out);
    try (BufferedReader lines = new BufferedReader(new java.io.StringReader(text))) {
      reader.readLines(lines);
    } catch (IOException e) {
      throw new IllegalStateException("text in memory cannot fail to be read", e);
    }
  }

  /** The library's own buffer for each record would have 8 KiB, and a zone has millions. */
  private static Tokenizer tokens(String data) {
    byte[] bytes = data.getBytes(StandardCharsets.UTF_8);
    return new Tokenizer(
        new BufferedInputStream(new ByteArrayInputStream(bytes), Math.max(1, bytes.length)));
  }

  /**
   * Reads a record's data as it is written in a zone file.
   *
   * @throws ZoneException if the type does not exist, may not be written or the data does not fit
   */
  static ZoneRecord record(
      WireName owner, String type, long ttl, String data, Name origin, Place place) {
    int number = Type.value(type.toUpperCase(Locale.ROOT));
    if (number < 0) {
      throw new ZoneException(
          place, "'" + type + "' is no record type; write one such as A, or TYPE65280 (RFC 3597).");
    }
    switch (number) {
      case Type.DNAME ->
          throw new ZoneException(place, "DNAME is not served; write a CNAME for each name.");
      case Type.RRSIG, Type.SIG, Type.NSEC, Type.NSEC3, Type.NSEC3PARAM, Type.NXT ->
          throw new ZoneException(
              place, type + " belongs to a signed zone; give the zone as it was before signing.");
      default -> {
        if (!Type.isRR(number) || number == 0) {
          throw new ZoneException(place, type + " is for queries and cannot be stored in a zone.");
        }
      }
    }
    if (ttl < 0 || ttl > Integer.MAX_VALUE) {
      throw new ZoneException(
          place, "a TTL is 0 to " + Integer.MAX_VALUE + " seconds; it was " + ttl + ".");
    }
    try {
      // Whose the data is makes no difference to it.
      Record record = Record.fromString(Name.root, number, DClass.IN, ttl, tokens(data), origin);
      byte[] wire = record.toWire(org.xbill.DNS.Section.ANSWER);
      byte[] rdata = java.util.Arrays.copyOfRange(wire, Name.root.length() + 10, wire.length);
      checkNames(number, rdata, place);
      return new ZoneRecord(owner, number, ttl, rdata, place);
    } catch (IOException | RuntimeException e) {
      if (e instanceof ZoneException zone) {
        throw zone;
      }
      throw new ZoneException(
          place,
          "the data of this "
              + type
              + " record cannot be read: "
              + reason(e)
              + "; it was '"
              + shortened(data)
              + "'.");
    }
  }

  /** Data written as RFC 3597 hexadecimal can hold names that are none; find them here. */
  private static void checkNames(int type, byte[] rdata, Place place) {
    int at =
        switch (type) {
          case Type.NS, Type.CNAME, Type.PTR, Type.SOA -> 0;
          case Type.MX, Type.SVCB, Type.HTTPS -> 2;
          case Type.SRV -> 6;
          default -> -1;
        };
    if (at < 0) {
      return;
    }
    int end = nameEnd(rdata, at);
    if (type == Type.SOA && end > 0) {
      end = nameEnd(rdata, end);
      end = end > 0 && end + 20 == rdata.length ? end : -1;
    }
    if (end < 0 || (end != rdata.length && !longer(type))) {
      throw new ZoneException(place, "the data of this record does not fit its type.");
    }
  }

  private static boolean longer(int type) {
    return type == Type.SOA || type == Type.SVCB || type == Type.HTTPS;
  }

  private static int nameEnd(byte[] bytes, int start) {
    int at = start;
    while (at < bytes.length) {
      int label = bytes[at] & 0xff;
      at += label + 1;
      if (label > 63 || at - start > WireName.MAX_LENGTH) {
        return -1;
      }
      if (label == 0) {
        return at;
      }
    }
    return -1;
  }

  private static Path confined(Path folder, Path path, String written, Place place) {
    try {
      Path real = path.toRealPath();
      if (!real.startsWith(folder.toRealPath())) {
        throw new ZoneException(
            place, "'" + written + "' lies outside the site's folder; move it inside.");
      }
      if (!Files.isRegularFile(real)) {
        throw new ZoneException(place, "'" + written + "' is not a file; name a zone file.");
      }
      return real;
    } catch (IOException e) {
      throw new ZoneException(
          place, "the zone file '" + written + "' is not there; create it or mend its name.");
    }
  }

  private static String display(Path folder, Path real) {
    try {
      return folder.toRealPath().relativize(real).toString();
    } catch (IOException e) {
      return real.toString();
    }
  }

  private void readFile(Path real, Place from) {
    try (BufferedReader lines = Files.newBufferedReader(real, StandardCharsets.UTF_8)) {
      readLines(lines);
    } catch (CharacterCodingException e) {
      throw new ZoneException(new Place(file, 0), "the file is not UTF-8; save it as UTF-8.");
    } catch (IOException e) {
      throw new ZoneException(from, "'" + file + "' cannot be read: " + e.getMessage() + ".");
    }
  }

  private void readLines(BufferedReader lines) throws IOException {
    int line = 0;
    Entry entry = new Entry();
    for (String text = lines.readLine(); text != null; text = lines.readLine()) {
      Place place = place(++line);
      if (entry.parentheses == 0) {
        ZoneRecord record = plain.read(text, place, wireOrigin, owner, defaultTtl);
        if (record != null) {
          owner = record.owner();
          out.accept(record);
          continue;
        }
        entry.begin(line, text);
      }
      entry.add(text, place);
      if (entry.parentheses == 0) {
        take(entry);
      }
    }
    if (entry.parentheses > 0) {
      throw new ZoneException(place(entry.line), "the '(' of this entry is never closed; add ')'.");
    }
  }

  private Place place(int line) {
    return new Place(file, line);
  }

  private void take(Entry entry) throws IOException {
    List<String> words = entry.words;
    if (words.isEmpty()) {
      return;
    }
    Place place = place(entry.line);
    if (words.getFirst().startsWith("$") && !entry.indented) {
      directive(words, place);
      return;
    }
    int at = 0;
    if (!entry.indented) {
      owner = WireName.of(name(words.get(at++), place));
    }
    WireName current = owner;
    if (current == null) {
      throw new ZoneException(place, "the first record needs a name; '@' is " + origin + ".");
    }
    long ttl = -1;
    boolean classGiven = false;
    while (at < words.size()) {
      String word = words.get(at);
      if (ttl < 0 && !word.isEmpty() && word.charAt(0) >= '0' && word.charAt(0) <= '9') {
        ttl = ttl(word, place);
      } else if (!classGiven && DClass.value(word) >= 0) {
        if (DClass.value(word) != DClass.IN) {
          throw new ZoneException(place, "class " + word + " is not served; only IN is.");
        }
        classGiven = true;
      } else {
        break;
      }
      at++;
    }
    if (at == words.size()) {
      throw new ZoneException(place, "this record has no type; write 'name ttl IN type data'.");
    }
    String data = String.join(" ", words.subList(at + 1, words.size()));
    out.accept(record(current, words.get(at), ttl < 0 ? defaultTtl : ttl, data, origin, place));
  }

  private void directive(List<String> words, Place place) {
    String directive = words.getFirst().toUpperCase(Locale.ROOT);
    int arguments = words.size() - 1;
    if (directive.equals("$ORIGIN") && arguments == 1) {
      origin = name(words.get(1), place);
      wireOrigin = WireName.of(origin);
    } else if (directive.equals("$TTL") && arguments == 1) {
      defaultTtl = ttl(words.get(1), place);
    } else if (directive.equals("$INCLUDE") && (arguments == 1 || arguments == 2)) {
      include(words.get(1), arguments == 2 ? name(words.get(2), place) : origin, place);
    } else {
      throw new ZoneException(
          place,
          "'"
              + String.join(" ", words)
              + "' is not understood; the directives are '$ORIGIN name', '$TTL time' and"
              + " '$INCLUDE file [origin]'.");
    }
  }

  private void include(String written, Name itsOrigin, Place place) {
    if (depth == MAX_INCLUDES) {
      throw new ZoneException(
          place, "files include files at most " + MAX_INCLUDES + " deep; include fewer.");
    }
    String unquoted =
        written.startsWith("\"") ? written.substring(1, written.length() - 1) : written;
    Path parent = folder.resolve(file).getParent();
    Path path;
    try {
      path = (parent == null ? folder : parent).resolve(unquoted);
    } catch (java.nio.file.InvalidPathException e) {
      throw new ZoneException(place, "'" + written + "' is no file name.");
    }
    Path real = confined(folder, path, unquoted, place);
    // RFC 1035, section 5.1: an include changes neither the origin nor the owner of its parent.
    new MasterFile(folder, display(folder, real), depth + 1, itsOrigin, defaultTtl, out)
        .readFile(real, place);
  }

  private Name name(String word, Place place) {
    try {
      for (int i = 0; i < word.length(); i++) {
        if (word.charAt(i) > 126) {
          throw new TextParseException("names are ASCII; write other letters in their xn-- form");
        }
      }
      return word.equals("@") ? origin : Name.fromString(word, origin);
    } catch (TextParseException e) {
      throw new ZoneException(
          place, "'" + shortened(word) + "' is no domain name: " + reason(e) + ".");
    }
  }

  private static long ttl(String word, Place place) {
    try {
      return TTL.parseTTL(word);
    } catch (NumberFormatException e) {
      throw new ZoneException(
          place, "'" + shortened(word) + "' is no time; write seconds or such as 1h30m.");
    }
  }

  private static String reason(Exception e) {
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message.replace("<none>:", "line ");
  }

  private static String shortened(String text) {
    return text.length() <= 80 ? text : text.substring(0, 77) + "...";
  }

  /** One entry: a line, or the lines that parentheses join. */
  private static final class Entry {
    private final List<String> words = new ArrayList<>();
    private int line;
    private int parentheses;
    private boolean indented;
    private int length;

    void begin(int number, String text) {
      words.clear();
      line = number;
      length = 0;
      indented = !text.isEmpty() && (text.charAt(0) == ' ' || text.charAt(0) == '\t');
    }

    /** Splits a line into words; quoted ones keep their quotes, escapes stay escapes. */
    void add(String text, Place place) {
      length += text.length();
      if (length > MAX_ENTRY) {
        throw new ZoneException(
            place, "an entry has at most " + MAX_ENTRY + " characters; is a ')' missing?");
      }
      int at = 0;
      while (at < text.length()) {
        char c = text.charAt(at);
        if (c == ';') {
          return;
        } else if (c == ' ' || c == '\t') {
          at++;
        } else if (c == '(') {
          parentheses++;
          at++;
        } else if (c == ')') {
          if (parentheses-- == 0) {
            throw new ZoneException(place, "this ')' closes nothing; remove it or add '('.");
          }
          at++;
        } else {
          int end = c == '"' ? quotedEnd(text, at, place) : wordEnd(text, at);
          words.add(text.substring(at, end));
          at = end;
        }
      }
    }

    private static int quotedEnd(String text, int start, Place place) {
      for (int at = start + 1; at < text.length(); at++) {
        if (text.charAt(at) == '\\') {
          at++;
        } else if (text.charAt(at) == '"') {
          return at + 1;
        }
      }
      throw new ZoneException(place, "a quoted text is not closed on its line; add '\"'.");
    }

    private static int wordEnd(String text, int start) {
      int at = start;
      while (at < text.length() && " \t;()\"".indexOf(text.charAt(at)) < 0) {
        at += text.charAt(at) == '\\' ? 2 : 1;
      }
      return Math.min(at, text.length());
    }
  }
}
