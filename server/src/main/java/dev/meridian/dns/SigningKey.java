package dev.meridian.dns;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A key pair that signs a zone, its keys and its data alike: ECDSA on P-256 with SHA-256 (algorithm
 * 13, RFC 6605). Immutable; for any thread.
 */
final class SigningKey {
  static final int ALGORITHM = 13;
  static final int SIGNATURE_BYTES = 64;

  /** A key of the zone that parents may point at (RFC 4034, section 2.1.1; RFC 3757). */
  private static final int FLAGS = 257;

  private static final int PROTOCOL = 3;
  private static final int DIGEST_SHA256 = 2;
  private static final int DIGEST_SHA384 = 4;
  private static final int COORDINATE_BYTES = 32;
  private static final String CURVE = "secp256r1";
  private static final String SCHEME = "SHA256withECDSAinP1363Format";

  private final PrivateKey secret;
  private final PublicKey open;
  private final byte[] point;
  private final byte[] dnskey;
  private final int tag;
  private volatile Signer signer;
  private final AtomicBoolean hastened = new AtomicBoolean();

  private SigningKey(PrivateKey secret, PublicKey open, byte[] point) {
    this.secret = secret;
    this.open = open;
    this.point = point;
    dnskey = new byte[4 + point.length];
    Wire.putShort(dnskey, 0, FLAGS);
    dnskey[2] = PROTOCOL;
    dnskey[3] = ALGORITHM;
    System.arraycopy(point, 0, dnskey, 4, point.length);
    tag = tag(dnskey);
    signer = new JdkSigner(secret);
  }

  /**
   * Lets OpenSSL sign from now on, if it can. Finding it takes a tenth of a second the first time:
   * no start waits for that, nor does the first signature.
   */
  private void hasten() {
    Signer fast = NativeSigner.of(secret.getEncoded()).orElse(null);
    try {
      if (fast != null && isGood(fast)) {
        signer = fast;
      }
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("A key that was checked must verify", e);
    }
  }

  /** Whether the open half verifies what a signer makes. */
  private boolean isGood(Signer tried) throws GeneralSecurityException {
    byte[] made;
    try {
      made = tried.sign(sha256().digest(dnskey));
    } catch (GeneralSecurityException e) {
      return false;
    }
    Signature check = Signature.getInstance(SCHEME);
    check.initVerify(open);
    check.update(dnskey);
    return check.verify(made);
  }

  /** A new one, of this machine's secure random numbers. */
  static SigningKey generate() {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec(CURVE));
      KeyPair pair = generator.generateKeyPair();
      ECPoint w = ((ECPublicKey) pair.getPublic()).getW();
      byte[] point = new byte[2 * COORDINATE_BYTES];
      put(point, 0, w.getAffineX());
      put(point, COORDINATE_BYTES, w.getAffineY());
      return new SigningKey(pair.getPrivate(), pair.getPublic(), point);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform here has " + CURVE, e);
    }
  }

  /**
   * One that was kept.
   *
   * @param pkcs8 {@link #pkcs8}
   * @param point {@link #point}
   * @throws GeneralSecurityException if they are damaged or do not belong together
   */
  static SigningKey of(byte[] pkcs8, byte[] point) throws GeneralSecurityException {
    KeyFactory factory = KeyFactory.getInstance("EC");
    PrivateKey secret = factory.generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
    if (!(secret instanceof ECPrivateKey ec) || point.length != 2 * COORDINATE_BYTES) {
      throw new GeneralSecurityException("no key of the curve " + CURVE);
    }
    ECPoint w =
        new ECPoint(
            new BigInteger(1, Arrays.copyOf(point, COORDINATE_BYTES)),
            new BigInteger(1, Arrays.copyOfRange(point, COORDINATE_BYTES, point.length)));
    PublicKey open = factory.generatePublic(new ECPublicKeySpec(w, ec.getParams()));
    SigningKey key = new SigningKey(secret, open, point.clone());
    if (!key.isGood(key.signer)) {
      throw new GeneralSecurityException("the two halves of the key do not belong together");
    }
    return key;
  }

  private static void put(byte[] to, int at, BigInteger coordinate) {
    byte[] bytes = coordinate.toByteArray();
    int length = Math.min(bytes.length, COORDINATE_BYTES);
    System.arraycopy(bytes, bytes.length - length, to, at + COORDINATE_BYTES - length, length);
  }

  /** RFC 4034, appendix B. */
  private static int tag(byte[] dnskey) {
    int sum = 0;
    for (int i = 0; i < dnskey.length; i++) {
      sum += (i & 1) == 0 ? (dnskey[i] & 0xff) << 8 : dnskey[i] & 0xff;
    }
    return (sum + (sum >> 16)) & 0xffff;
  }

  /** The secret half, to be kept. */
  byte[] pkcs8() {
    return secret.getEncoded();
  }

  /** The open half: x and y (RFC 6605, section 4). */
  byte[] point() {
    return point.clone();
  }

  /** The data of its DNSKEY and CDNSKEY records. */
  byte[] dnskey() {
    return dnskey.clone();
  }

  /** The data of its DS and CDS records, with SHA-256 (RFC 4509). */
  byte[] ds(WireName apex) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] head = new byte[4];
    Wire.putShort(head, 0, tag);
    head[2] = ALGORITHM;
    head[3] = DIGEST_SHA256;
    out.writeBytes(head);
    MessageDigest digest = sha256();
    digest.update(apex.lowerCased());
    out.writeBytes(digest.digest(dnskey));
    return out.toByteArray();
  }

  /** Whether the data of a DS record points at this key, so that validators follow it. */
  boolean isMeant(byte[] ds, WireName apex) {
    if (!mayBeMeant(ds)) {
      return false;
    }
    String digest =
        switch (ds[3]) {
          case DIGEST_SHA256 -> "SHA-256";
          case DIGEST_SHA384 -> "SHA-384";
          default -> null;
        };
    if (digest == null) {
      return false;
    }
    try {
      MessageDigest made = MessageDigest.getInstance(digest);
      made.update(apex.lowerCased());
      return Arrays.equals(made.digest(dnskey), Arrays.copyOfRange(ds, 4, ds.length));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform here has " + digest, e);
    }
  }

  /** Whether it has this key's number: then it may point at it, by whatever digest. */
  boolean mayBeMeant(byte[] ds) {
    return ds.length > 4 && Wire.getShort(ds, 0) == tag && ds[2] == ALGORITHM;
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** The number by which signatures name it; two keys may have the same. */
  int tag() {
    return tag;
  }

  /** Signs; takes tens of microseconds, or hundreds at first and where the JDK must do it. */
  byte[] sign(byte[] data) {
    if (!hastened.get() && hastened.compareAndSet(false, true)) {
      Thread.ofPlatform().daemon().name("meridian-openssl").start(this::hasten);
    }
    try {
      return signer.sign(sha256().digest(data));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("A key that was checked must sign", e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SigningKey key && Arrays.equals(key.point, point);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(point);
  }

  /** Never the secret. */
  @Override
  public String toString() {
    return "key " + tag;
  }
}
