package dev.meridian.dns;

import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Signs by the JDK, on every machine. */
final class JdkSigner implements Signer {
  private static final String SCHEME = "NONEwithECDSAinP1363Format";

  private final PrivateKey secret;

  /** To make one ready takes a fifth of the time of signing; never more than sign at once. */
  private final ConcurrentLinkedQueue<Signature> idle = new ConcurrentLinkedQueue<>();

  JdkSigner(PrivateKey secret) {
    this.secret = secret;
  }

  @Override
  public byte[] sign(byte[] digest) throws GeneralSecurityException {
    Signature signature = idle.poll();
    if (signature == null) {
      signature = Signature.getInstance(SCHEME);
      signature.initSign(secret);
    }
    signature.update(digest);
    byte[] signed = signature.sign();
    idle.offer(signature);
    return signed;
  }
}
