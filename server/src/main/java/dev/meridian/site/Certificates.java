package dev.meridian.site;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The certificate and key of the listeners with TLS, as the site's files have them: looked at every
 * second, so that a renewed certificate is in use without a restart. Files that cannot be used
 * leave the last good ones in use, and the log says once what is wrong with them.
 *
 * <p>Contents are compared, not times: files are renewed by copying, by renaming and by turning
 * symbolic links, and each keeps other times.
 */
public final class Certificates implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Certificates.class);
  private static final Duration PERIOD = Duration.ofSeconds(1);

  /** A long chain of large certificates is 50 KiB. */
  private static final int MAX_FILE_BYTES = 1 << 20;

  /** What a signature is made with to see that a key belongs to a certificate. */
  private static final Map<String, String> SIGNATURES =
      Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "EdDSA", "EdDSA");

  private static final Pattern KEY_BLOCK =
      Pattern.compile("-----BEGIN ([A-Z ]*PRIVATE KEY)-----([^-]*)-----END \\1-----");

  private final Supplier<Site> site;
  private final Manager manager;
  private final Thread thread;

  /** What was last tried, good or not. Confined to the thread after the constructor. */
  private Contents tried;

  /** What was last found broken; it is complained about when it is still there a second later. */
  private @Nullable Contents doubtful;

  /**
   * Reads the files.
   *
   * @param site the site as it now is
   * @param listener that needs them, as people call it
   * @throws UncheckedIOException if there are none or they cannot be used; it says how to mend that
   */
  public Certificates(Supplier<Site> site, String listener) {
    this.site = site;
    Tls files =
        site.get()
            .tls()
            .orElseThrow(
                () ->
                    new UncheckedIOException(
                        new IOException(
                            listener
                                + " needs a certificate; add tls: {certificate: cert.pem, key:"
                                + " key.pem} to site.yaml, or turn "
                                + listener
                                + " off")));
    try {
      this.tried = Contents.read(files);
      this.manager = new Manager(identity(files, tried, 0));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.thread = Thread.ofPlatform().daemon().name("certificates").start(this::run);
  }

  /**
   * A context whose handshakes use the files as they are then. Each has sessions of its own, so
   * that none is resumed at another listener.
   */
  public SSLContext context() {
    try {
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(new KeyManager[] {manager}, null, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform has TLS", e);
    }
  }

  private void run() {
    try {
      while (true) {
        Thread.sleep(PERIOD);
        try {
          site.get().tls().ifPresent(this::look);
        } catch (RuntimeException e) {
          log.error("Could not look at the certificate files; the old certificate stays in use", e);
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private void look(Tls files) {
    Contents now = Contents.readOrProblem(files);
    if (now.equals(tried)) {
      doubtful = null;
      return;
    }
    try {
      Identity identity = identity(files, now, manager.current.generation + 1);
      manager.use(identity);
      tried = now;
      doubtful = null;
      log.info(
          "The new certificate is in use, valid until {}",
          identity.chain[0].getNotAfter().toInstant());
    } catch (IOException e) {
      // Two files are seldom replaced at the same moment: what does not fit may be half done.
      if (now.equals(doubtful)) {
        tried = now;
        doubtful = null;
        log.error("The old certificate stays in use: {}", e.getMessage());
      } else {
        doubtful = now;
      }
    }
  }

  /** The bytes of both files, or why they could not be read. */
  private record Contents(byte[] certificate, byte[] key, String problem) {
    static Contents read(Tls files) throws IOException {
      return new Contents(bytes(files.certificate()), bytes(files.key()), "");
    }

    static Contents readOrProblem(Tls files) {
      try {
        return read(files);
      } catch (IOException e) {
        return new Contents(new byte[0], new byte[0], String.valueOf(e.getMessage()));
      }
    }

    private static byte[] bytes(Path file) throws IOException {
      try (InputStream in = Files.newInputStream(file)) {
        byte[] bytes = in.readNBytes(MAX_FILE_BYTES + 1);
        if (bytes.length > MAX_FILE_BYTES) {
          throw new IOException(
              file + " is larger than " + MAX_FILE_BYTES + " bytes; it cannot be a PEM file");
        }
        return bytes;
      } catch (NoSuchFileException e) {
        throw new IOException(file + " does not exist; site.yaml names it under tls", e);
      } catch (java.nio.file.AccessDeniedException e) {
        throw new IOException(file + " may not be read by this user; change its owner or mode", e);
      }
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Contents that
          && Arrays.equals(certificate, that.certificate)
          && Arrays.equals(key, that.key)
          && problem.equals(that.problem);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(certificate);
    }
  }

  private static Identity identity(Tls files, Contents contents, int generation)
      throws IOException {
    if (!contents.problem.isEmpty()) {
      throw new IOException(contents.problem);
    }
    X509Certificate[] chain = chain(files.certificate(), contents.certificate);
    PublicKey publicKey = chain[0].getPublicKey();
    String algorithm = publicKey.getAlgorithm();
    if (!SIGNATURES.containsKey(algorithm)) {
      throw new IOException(
          files.certificate() + " has a key of kind " + algorithm + "; make one with RSA or EC");
    }
    PrivateKey key = key(files, contents.key, algorithm);
    if (!belong(key, publicKey)) {
      throw mismatch(files);
    }
    Instant end = chain[0].getNotAfter().toInstant();
    if (end.isBefore(Instant.now())) {
      log.warn(
          "The certificate in {} expired on {}; clients refuse it until it is renewed",
          files.certificate(),
          end);
    }
    return new Identity(generation, chain, key, algorithm);
  }

  private static X509Certificate[] chain(Path file, byte[] pem) throws IOException {
    try {
      Collection<? extends Certificate> certificates =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(pem));
      X509Certificate[] chain =
          certificates.stream().map(X509Certificate.class::cast).toArray(X509Certificate[]::new);
      if (chain.length == 0) {
        throw new IOException(
            file + " has no certificate; it should begin with -----BEGIN CERTIFICATE-----");
      }
      return chain;
    } catch (CertificateException e) {
      throw new IOException(
          file + " is not a certificate chain in PEM, the site's own certificate first", e);
    }
  }

  private static PrivateKey key(Tls files, byte[] pem, String algorithm) throws IOException {
    Path file = files.key();
    Matcher block = KEY_BLOCK.matcher(new String(pem, StandardCharsets.ISO_8859_1));
    if (!block.find()) {
      throw new IOException(
          file + " has no private key; it should begin with -----BEGIN PRIVATE KEY-----");
    }
    String kind = block.group(1);
    if (!kind.equals("PRIVATE KEY")) {
      throw new IOException(
          file
              + " has "
              + (kind.startsWith("ENCRYPTED") ? "a key under a passphrase" : "an older form of key")
              + "; convert it: openssl pkcs8 -topk8 -nocrypt -in "
              + file.getFileName()
              + " -out new-key.pem");
    }
    byte[] bytes;
    try {
      bytes = Base64.getMimeDecoder().decode(block.group(2));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + " is damaged: its private key is not Base64", e);
    }
    for (String candidate : SIGNATURES.keySet()) {
      Optional<PrivateKey> key = decode(candidate, bytes);
      if (key.isPresent()) {
        if (!candidate.equals(algorithm)) {
          throw mismatch(files);
        }
        return key.get();
      }
    }
    throw new IOException(file + " is damaged: its private key is not an RSA, EC or Ed25519 key");
  }

  private static Optional<PrivateKey> decode(String algorithm, byte[] pkcs8) {
    try {
      return Optional.of(
          KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8)));
    } catch (InvalidKeySpecException e) {
      return Optional.empty();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform has " + algorithm, e);
    }
  }

  private static boolean belong(PrivateKey key, PublicKey publicKey) {
    try {
      Signature signature = Signature.getInstance(SIGNATURES.get(publicKey.getAlgorithm()));
      byte[] text = "meridian".getBytes(StandardCharsets.US_ASCII);
      signature.initSign(key);
      signature.update(text);
      byte[] signed = signature.sign();
      signature.initVerify(publicKey);
      signature.update(text);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  private static IOException mismatch(Tls files) {
    return new IOException(
        files.key()
            + " is not the key of the first certificate in "
            + files.certificate()
            + "; put files of one request together, the site's own certificate first");
  }

  /** Stops looking at the files. */
  @Override
  public void close() {
    thread.interrupt();
  }

  private record Identity(
      int generation, X509Certificate[] chain, PrivateKey key, String algorithm) {
    String alias() {
      return "generation-" + generation;
    }
  }

  /**
   * Gives handshakes the current identity. A handshake asks for an alias, then for its chain and
   * key: it keeps the identity it began with, though that be replaced in between.
   */
  private static final class Manager extends X509ExtendedKeyManager {
    private volatile Identity current;
    private volatile Identity previous;

    Manager(Identity first) {
      current = first;
      previous = first;
    }

    void use(Identity next) {
      previous = current;
      current = next;
    }

    private @Nullable String alias(String keyType) {
      Identity identity = current;
      return identity.algorithm.equals(keyType) ? identity.alias() : null;
    }

    private @Nullable Identity of(String alias) {
      for (Identity identity : List.of(current, previous)) {
        if (identity.alias().equals(alias)) {
          return identity;
        }
      }
      return null;
    }

    @Override
    public @Nullable String chooseEngineServerAlias(
        String keyType, Principal @Nullable [] issuers, SSLEngine engine) {
      return alias(keyType);
    }

    @Override
    public @Nullable String chooseServerAlias(
        String keyType, Principal @Nullable [] issuers, Socket socket) {
      return alias(keyType);
    }

    @Override
    public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
      String alias = alias(keyType);
      return alias == null ? null : new String[] {alias};
    }

    @Override
    public X509Certificate @Nullable [] getCertificateChain(String alias) {
      Identity identity = of(alias);
      return identity == null ? null : identity.chain.clone();
    }

    @Override
    public @Nullable PrivateKey getPrivateKey(String alias) {
      Identity identity = of(alias);
      return identity == null ? null : identity.key;
    }

    @Override
    public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
      return null;
    }

    @Override
    public @Nullable String chooseClientAlias(
        String[] keyType, Principal @Nullable [] issuers, Socket socket) {
      return null;
    }
  }
}
