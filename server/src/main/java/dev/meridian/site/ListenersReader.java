package dev.meridian.site;

import dev.meridian.document.InvalidInputException;
import dev.meridian.site.YamlReader.Field;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;

/** Reads {@code listeners} and {@code tls}: where a node listens, and with which certificate. */
final class ListenersReader {
  static final List<String> LISTENER_KEYS =
      List.of("http", "https", "dns", "dnsTls", "admin", "peer");
  static final List<String> TLS_KEYS = List.of("certificate", "key");

  private final YamlReader yaml;
  private final FilesReader files;

  ListenersReader(YamlReader yaml, FilesReader files) {
    this.yaml = yaml;
    this.files = files;
  }

  /**
   * Where the node listens.
   *
   * @param tls whether the site has a certificate
   */
  Listeners listeners(@Nullable Field field, boolean tls) {
    Listeners defaults = Listeners.DEFAULT;
    Map<String, Field> fields = yaml.fields(field, "listeners", LISTENER_KEYS);
    Listeners listeners =
        new Listeners(
            listener(fields.get("http"), "http", defaults.http()),
            listener(fields.get("https"), "https", defaults.https()),
            listener(fields.get("dns"), "dns", defaults.dns()),
            listener(fields.get("dnsTls"), "dnsTls", defaults.dnsTls()),
            listener(fields.get("admin"), "admin", Optional.of(defaults.admin()))
                .orElse(defaults.admin()),
            listener(fields.get("peer"), "peer", Optional.of(defaults.peer()))
                .orElse(defaults.peer()));
    if (!tls) {
      needsCertificate(fields.get("https"), "https", listeners.https());
      needsCertificate(fields.get("dnsTls"), "dnsTls", listeners.dnsTls());
    }
    Field dnsTls = fields.get("dnsTls");
    if (dnsTls != null && listeners.dnsTls().isPresent() && listeners.dns().isEmpty()) {
      yaml.problem(
          dnsTls.key(), "dnsTls needs the name server; give dns an address, or turn dnsTls off.");
    }
    Map<String, Optional<InetSocketAddress>> all = new LinkedHashMap<>();
    all.put("http", listeners.http());
    all.put("https", listeners.https());
    all.put("dns", listeners.dns());
    all.put("dnsTls", listeners.dnsTls());
    all.put("admin", Optional.of(listeners.admin()));
    all.put("peer", Optional.of(listeners.peer()));
    Map<InetSocketAddress, String> taken = new LinkedHashMap<>();
    all.forEach(
        (name, address) -> {
          if (address.isPresent() && address.get().getPort() != 0) {
            String earlier = taken.putIfAbsent(address.get(), name);
            Field own = fields.get(name);
            Field at = own != null || earlier == null ? own : fields.get(earlier);
            if (earlier != null && at != null) {
              yaml.problem(
                  at.value(), earlier + " and " + name + " cannot listen at the same address.");
            }
          }
        });
    return listeners;
  }

  private void needsCertificate(
      @Nullable Field field, String name, Optional<InetSocketAddress> listener) {
    if (field != null && listener.isPresent()) {
      yaml.problem(
          field.key(),
          name + " needs a certificate; add tls: {certificate: cert.pem, key: key.pem}.");
    }
  }

  private Optional<InetSocketAddress> listener(
      @Nullable Field field, String name, Optional<InetSocketAddress> otherwise) {
    if (field == null) {
      return otherwise;
    }
    Node node = field.value();
    if (YamlReader.isInteger(node)) {
      Integer port = yaml.integer(node, name, 0, 65535);
      return port == null ? otherwise : Optional.of(new InetSocketAddress("127.0.0.1", port));
    }
    String text = yaml.string(node, name);
    if (text == null) {
      return otherwise;
    }
    if (text.equals("off")) {
      if (name.equals("admin") || name.equals("peer")) {
        yaml.problem(node, name + " cannot be off; give it an address on loopback.");
      }
      return Optional.empty();
    }
    try {
      return Optional.of(ListenAddress.parse(text));
    } catch (InvalidInputException e) {
      yaml.problem(node, String.valueOf(e.getMessage()));
      return otherwise;
    }
  }

  /** The certificate's files. */
  Optional<Tls> tls(@Nullable Field field) {
    if (field == null) {
      return Optional.empty();
    }
    Map<String, Field> fields = yaml.fields(field, "tls", TLS_KEYS);
    Path certificate = tlsFile(field, fields, "certificate");
    Path key = tlsFile(field, fields, "key");
    return certificate == null || key == null
        ? Optional.empty()
        : Optional.of(new Tls(certificate, key));
  }

  private @Nullable Path tlsFile(Field tls, Map<String, Field> fields, String name) {
    Field field = fields.get(name);
    if (field == null) {
      yaml.problem(tls.key(), "tls needs '" + name + "', a PEM file.");
      return null;
    }
    // Certificates are the machine's, not the site's: tools keep them in their own folders, behind
    // symbolic links. So they may lie outside, but never where they would be published.
    Path file = files.file(field.value(), "tls." + name, true);
    if (file != null && files.isPublished(file)) {
      yaml.problem(field.value(), "files in public/ are published; keep tls." + name + " outside.");
    }
    return file;
  }
}
