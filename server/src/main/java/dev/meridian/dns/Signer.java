package dev.meridian.dns;

import java.security.GeneralSecurityException;

/** Signs digests with one secret key; for any thread. */
interface Signer {
  /**
   * Signs a SHA-256 digest by ECDSA on P-256.
   *
   * @return r and s, 32 bytes each (RFC 6605, section 4)
   */
  byte[] sign(byte[] digest) throws GeneralSecurityException;
}
