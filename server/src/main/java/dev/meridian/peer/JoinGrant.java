package dev.meridian.peer;

import java.security.MessageDigest;
import java.time.Instant;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * What a cluster keeps of a {@link JoinToken}: enough to know it again, not to make it. The secret
 * is 128 random bits, which nobody can search, so a plain hash needs no salt and need not be slow.
 *
 * @param secretHash SHA-256 of the token's secret, 64 hexadecimal digits
 * @param expires from when on it is of no use
 * @param reusable whether more than one node may join with it; keeping count is up to who stores it
 */
public record JoinGrant(String secretHash, Instant expires, boolean reusable) {
  private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");

  public JoinGrant {
    if (!HASH.matcher(secretHash).matches()) {
      throw new IllegalArgumentException("A SHA-256 is 64 hexadecimal digits");
    }
  }

  /** What to keep of {@code token}. */
  public static JoinGrant of(JoinToken token, Instant expires, boolean reusable) {
    return new JoinGrant(HexFormat.of().formatHex(token.secretHash()), expires, reusable);
  }

  /** Whether {@code token} lets its bearer join now; takes the same time whatever its secret is. */
  public boolean matches(JoinToken token, Instant now) {
    return now.isBefore(expires)
        && MessageDigest.isEqual(HexFormat.of().parseHex(secretHash), token.secretHash());
  }
}
