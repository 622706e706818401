package dev.meridian.site;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads and checks a site's folder. */
public final class SiteLoader {
  /** The file that describes a site, in its folder. */
  public static final String FILE = "site.yaml";

  /** The resource that holds the JSON Schema of {@link #FILE}, for editors. */
  static final String SCHEMA_RESOURCE = "site.schema.json";

  private SiteLoader() {}

  /**
   * Reads {@code folder/site.yaml}.
   *
   * @throws SiteException with every problem found, if the folder is not usable as it stands
   */
  public static Site load(Path folder) {
    Path absolute = folder.toAbsolutePath().normalize();
    YamlReader yaml = new YamlReader(FILE);
    if (!Files.isDirectory(absolute)) {
      throw fail(
          yaml,
          "there is no folder '"
              + folder
              + "'; './meridian new "
              + folder
              + "' makes one with a small site in it.");
    }
    Node root = yaml.read(text(absolute, yaml));
    if (root == null) {
      if (yaml.problems().isEmpty()) {
        throw fail(
            yaml,
            "the file is empty; it needs at least one line, such as domains: [example.test].");
      }
      throw new SiteException(yaml.problems());
    }
    Site site = new SiteReader(absolute, yaml).read(root);
    if (!yaml.problems().isEmpty()) {
      throw new SiteException(yaml.problems());
    }
    return site;
  }

  /** The JSON Schema (draft 2020-12) of {@code site.yaml}. */
  public static String schema() {
    try (InputStream in =
        Objects.requireNonNull(SiteLoader.class.getResourceAsStream(SCHEMA_RESOURCE))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static String text(Path folder, YamlReader yaml) {
    Path file = folder.resolve(FILE);
    if (!Files.exists(file)) {
      String others =
          List.of("site.yml", "site.json", "meridian.yaml").stream()
              .filter(name -> Files.exists(folder.resolve(name)))
              .findFirst()
              .map(name -> "; rename '" + name + "'.")
              .orElse("; './meridian new SITE' makes a site to start from.");
      throw fail(yaml, "the file is missing in '" + folder + "'" + others);
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      ByteArrayOutputStream read = new ByteArrayOutputStream();
      // One byte more than a full file of 4-byte characters would be far beyond MAX_CHARS.
      read.write(in.readNBytes(4 * YamlReader.MAX_CHARS + 1));
      bytes = read.toByteArray();
    } catch (IOException e) {
      throw fail(yaml, "the file cannot be read: " + e + ".");
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(buffer).toString();
    } catch (CharacterCodingException e) {
      int line = 1;
      int column = 1;
      for (int i = 0; i < buffer.position(); i++) {
        column = bytes[i] == '\n' ? 1 : column + 1;
        line += bytes[i] == '\n' ? 1 : 0;
      }
      yaml.problem(line, column, "the file is not in UTF-8; save it in that encoding.");
      throw new SiteException(yaml.problems());
    }
  }

  private static SiteException fail(YamlReader yaml, String message) {
    yaml.problem(1, 1, message);
    return new SiteException(yaml.problems());
  }
}
