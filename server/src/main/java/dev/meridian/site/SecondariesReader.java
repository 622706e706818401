package dev.meridian.site;

import dev.meridian.document.InvalidInputException;
import dev.meridian.geo.Prefix;
import dev.meridian.site.YamlReader.Field;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code names.secondaries}: name servers that follow this one. */
final class SecondariesReader {
  static final List<String> KEYS = List.of("address", "key", "notify");
  static final int MOST = 100;

  private static final int MAX_KEY_FILE = 8192;
  private static final int PORT = 53;

  private final YamlReader yaml;
  private final FilesReader files;
  private final Map<String, TransferKey> keys = new HashMap<>();

  SecondariesReader(YamlReader yaml, FilesReader files) {
    this.yaml = yaml;
    this.files = files;
  }

  List<Secondary> read(@Nullable Field field) {
    List<Node> items = field == null ? null : yaml.oneOrMore(field.value(), "secondaries");
    List<Secondary> secondaries = new ArrayList<>();
    if (field == null || items == null) {
      return secondaries;
    }
    if (items.size() > MOST) {
      yaml.problem(field.value(), "there are at most " + MOST + " secondaries.");
    }
    for (Node item : items) {
      Secondary secondary =
          item instanceof MappingNode ? mapping(item) : secondary(item, null, null);
      if (secondary != null) {
        secondaries.add(secondary);
      }
    }
    return secondaries;
  }

  private @Nullable Secondary mapping(Node item) {
    Map<String, Field> fields = yaml.fields(item, "a secondary", KEYS);
    Field address = fields.get("address");
    if (address == null) {
      yaml.problem(item, "'address' is missing: where the secondary asks from.");
      return null;
    }
    return secondary(address.value(), fields.get("key"), fields.get("notify"));
  }

  private @Nullable Secondary secondary(
      Node address, @Nullable Field keyField, @Nullable Field notify) {
    String text = yaml.string(address, "address");
    Prefix network = text == null ? null : GeoReader.network(yaml, address, text);
    TransferKey key = keyField == null ? null : key(keyField.value());
    if (network == null || (keyField != null && key == null)) {
      return null;
    }
    if (network.length() == 0 && key == null) {
      yaml.problem(
          address, "everybody could copy the zones; add key: FILE, or name the secondaries.");
      return null;
    }
    return new Secondary(network, Optional.ofNullable(key), notified(network, notify));
  }

  private Optional<InetSocketAddress> notified(Prefix network, @Nullable Field field) {
    boolean single = network.length() == (network.v4() ? 32 : 128);
    if (field == null) {
      return single ? Optional.of(new InetSocketAddress(network.first(), PORT)) : Optional.empty();
    }
    if (field.value() instanceof ScalarNode scalar && scalar.getValue().equals("off")) {
      return Optional.empty();
    }
    String text = yaml.string(field.value(), "notify");
    AddressWithPort address = text == null ? null : AddressWithPort.parse(text);
    if (text != null && address == null) {
      yaml.problem(
          field.value(),
          "'"
              + YamlReader.shorten(text)
              + "' is no address to notify; write it as 192.0.2.53, 192.0.2.53:5353,"
              + " '[2001:db8::53]:5353' or off.");
    }
    return Optional.ofNullable(address).map(to -> to.at(PORT));
  }

  /** A key's file; null if a problem was reported. */
  private @Nullable TransferKey key(Node node) {
    Path file = files.file(node, "a secondary's key", false);
    if (file == null) {
      return null;
    }
    if (files.isPublished(file)) {
      yaml.problem(node, "files in public/ are published; keep the key's file elsewhere.");
      return null;
    }
    try (InputStream in = Files.newInputStream(file)) {
      String text = new String(in.readNBytes(MAX_KEY_FILE), StandardCharsets.ISO_8859_1);
      TransferKey key = TransferKey.parse(text);
      TransferKey other = keys.putIfAbsent(key.name(), key);
      if (other != null && !other.equals(key)) {
        yaml.problem(
            node, "two different keys have the name '" + key.name() + "'; name one otherwise.");
        return null;
      }
      return key;
    } catch (IOException e) {
      yaml.problem(node, "the key's file cannot be read: " + e.getMessage() + ".");
    } catch (InvalidInputException e) {
      yaml.problem(node, "the key's file cannot be used: " + e.getMessage() + ".");
    }
    return null;
  }
}
