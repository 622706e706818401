package dev.meridian.account;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import dev.meridian.account.OidcException.Reason;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.text.ParseException;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/**
 * Judges ID tokens of one provider for one client (OpenID Connect Core 1.0, section 3.1.3.7):
 * signed by a key of the provider's with an algorithm of public keys, of this issuer, for this
 * client, not over, and for the sign-in that began here. Safe for any thread.
 */
final class IdTokens {
  /** How far the provider's clock may be off. */
  static final Duration SKEW = Duration.ofSeconds(60);

  /** OpenID Connect Core 1.0, section 2. */
  private static final int MAX_SUBJECT = 255;

  /** No "none", and none where the client's secret or a public key taken for one could sign. */
  private static final Set<JWSAlgorithm> ALGORITHMS =
      Set.of(
          JWSAlgorithm.RS256,
          JWSAlgorithm.RS384,
          JWSAlgorithm.RS512,
          JWSAlgorithm.PS256,
          JWSAlgorithm.PS384,
          JWSAlgorithm.PS512,
          JWSAlgorithm.ES256,
          JWSAlgorithm.ES384,
          JWSAlgorithm.ES512);

  private final String clientId;
  private final DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();

  IdTokens(String issuer, String clientId, JWKSource<SecurityContext> keys) {
    this.clientId = clientId;
    DefaultJWTClaimsVerifier<SecurityContext> claims =
        new DefaultJWTClaimsVerifier<>(
            clientId,
            new JWTClaimsSet.Builder().issuer(issuer).build(),
            Set.of("sub", "iat", "exp", "nonce"));
    claims.setMaxClockSkew((int) SKEW.toSeconds());
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(ALGORITHMS, keys));
    processor.setJWTClaimsSetVerifier(claims);
  }

  /**
   * What a token says.
   *
   * @param nonce the sign-in's
   * @throws OidcException if the token is not good, or the provider's keys cannot be had
   */
  JWTClaimsSet check(String token, String nonce) throws OidcException {
    JWTClaimsSet claims;
    try {
      claims = processor.process(token, null);
      if (!same(String.valueOf(claims.getStringClaim("nonce")), nonce)) {
        throw refused("it is of another sign-in");
      }
      String party = claims.getStringClaim("azp");
      List<String> audience = claims.getAudience();
      if ((party == null && audience.size() > 1) || (party != null && !party.equals(clientId))) {
        throw refused("it is for another client");
      }
      // One from before the provider's clock was set right would be good for too long.
      if (claims.getIssueTime() == null
          || claims.getIssueTime().getTime() > System.currentTimeMillis() + SKEW.toMillis()) {
        throw refused("it was made in the future");
      }
    } catch (KeySourceException e) {
      throw new OidcException(Reason.UNAVAILABLE, "no keys: " + e.getMessage(), e);
    } catch (ParseException | BadJOSEException | JOSEException e) {
      throw new OidcException(Reason.REFUSED, "the ID token: " + e.getMessage(), e);
    }
    String subject = claims.getSubject();
    if (subject == null
        || subject.isEmpty()
        || subject.length() > MAX_SUBJECT
        || !subject.chars().allMatch(c -> c > 0x20 && c < 0x7f)) {
      throw refused("its subject is none");
    }
    return claims;
  }

  private static boolean same(String a, String b) {
    return MessageDigest.isEqual(
        a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
  }

  private static OidcException refused(String why) {
    return new OidcException(Reason.REFUSED, "the ID token: " + why);
  }
}
