package dev.meridian.peer;

import dev.meridian.document.InvalidInputException;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Certificates and keys as text (RFC 7468), between nodes and in files. */
public final class Pem {
  /** Most certificates in one text; a chain here has two, a list of authorities a few. */
  private static final int MAX_BLOCKS = 16;

  private static final String CERTIFICATE = "CERTIFICATE";
  private static final String PRIVATE_KEY = "PRIVATE KEY";
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z ]+)-----\n([A-Za-z0-9+/=\n]+)\n-----END \\1-----\n");
  private static final Base64.Encoder LINES =
      Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));

  private Pem() {}

  /** The certificates one after the other. */
  public static String text(List<X509Certificate> certificates) {
    StringBuilder text = new StringBuilder();
    for (X509Certificate certificate : certificates) {
      try {
        text.append(block(CERTIFICATE, certificate.getEncoded()));
      } catch (CertificateEncodingException e) {
        throw new IllegalArgumentException("A certificate has no encoding", e);
      }
    }
    return text.toString();
  }

  /**
   * Reads what {@link #text} wrote.
   *
   * @throws InvalidInputException if it is anything else
   */
  public static List<X509Certificate> certificates(String text) {
    List<X509Certificate> certificates = new ArrayList<>();
    for (Block block : blocks(text)) {
      if (!block.kind.equals(CERTIFICATE)) {
        throw new InvalidInputException("A certificate is needed where there is a " + block.kind);
      }
      certificates.add(certificate(block.bytes));
    }
    if (certificates.isEmpty()) {
      throw new InvalidInputException("There is no certificate");
    }
    return List.copyOf(certificates);
  }

  /** A private key, then certificates. */
  record Keyed(PrivateKey key, List<X509Certificate> certificates) {
    String text() {
      return block(PRIVATE_KEY, key.getEncoded()) + Pem.text(certificates);
    }

    /**
     * Reads what {@link #text} wrote.
     *
     * @throws InvalidInputException if it is anything else
     */
    static Keyed parse(String text) {
      int end = text.indexOf("-----BEGIN " + CERTIFICATE);
      List<Block> first = blocks(end < 0 ? text : text.substring(0, end));
      if (end < 0 || first.size() != 1 || !first.getFirst().kind.equals(PRIVATE_KEY)) {
        throw new InvalidInputException("There is not one private key before the certificates");
      }
      try {
        PrivateKey key =
            KeyFactory.getInstance("EC")
                .generatePrivate(new PKCS8EncodedKeySpec(first.getFirst().bytes));
        return new Keyed(key, Pem.certificates(text.substring(end)));
      } catch (GeneralSecurityException e) {
        throw new InvalidInputException("The private key is not one on an elliptic curve", e);
      }
    }
  }

  /** Reads one certificate in its binary form. */
  static X509Certificate certificate(byte[] der) {
    try {
      return (X509Certificate)
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(der));
    } catch (CertificateException e) {
      throw new InvalidInputException("A certificate cannot be read: " + e.getMessage(), e);
    }
  }

  private record Block(String kind, byte[] bytes) {}

  /** Nothing may stand before, between or after the blocks: what is cut short is not read. */
  private static List<Block> blocks(String text) {
    List<Block> blocks = new ArrayList<>();
    Matcher matcher = BLOCK.matcher(text);
    int at = 0;
    while (at < text.length()) {
      if (blocks.size() == MAX_BLOCKS || !matcher.find(at) || matcher.start() != at) {
        throw new InvalidInputException(
            "It is not a text of up to " + MAX_BLOCKS + " PEM blocks, whole and with nothing else");
      }
      try {
        byte[] bytes = Base64.getDecoder().decode(matcher.group(2).replace("\n", ""));
        blocks.add(new Block(matcher.group(1), bytes));
      } catch (IllegalArgumentException e) {
        throw new InvalidInputException("A PEM block is not Base64", e);
      }
      at = matcher.end();
    }
    return blocks;
  }

  private static String block(String kind, byte[] bytes) {
    return "-----BEGIN "
        + kind
        + "-----\n"
        + LINES.encodeToString(bytes)
        + "\n-----END "
        + kind
        + "-----\n";
  }
}
