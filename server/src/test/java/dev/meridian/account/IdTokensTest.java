package dev.meridian.account;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class IdTokensTest {
  private static final String ISSUER = "https://id.test";
  private static RSAKey key;
  private static IdTokens tokens;

  @BeforeAll
  static void makeKey() throws JOSEException {
    key = new RSAKeyGenerator(2048).keyID("k").generate();
    tokens = new IdTokens(ISSUER, "site", new ImmutableJWKSet<>(new JWKSet(key.toPublicJWK())));
  }

  private static JWTClaimsSet claims(UnaryOperator<JWTClaimsSet.Builder> change) {
    Instant now = Instant.now();
    return change
        .apply(
            new JWTClaimsSet.Builder()
                .issuer(ISSUER)
                .audience("site")
                .subject("ada")
                .claim("nonce", "n")
                .issueTime(Date.from(now))
                .expirationTime(Date.from(now.plusSeconds(300))))
        .build();
  }

  private static String signed(UnaryOperator<JWTClaimsSet.Builder> change) throws JOSEException {
    return signed(claims(change), JWSAlgorithm.RS256, new RSASSASigner(key));
  }

  private static String signed(JWTClaimsSet claims, JWSAlgorithm algorithm, JWSSigner signer)
      throws JOSEException {
    SignedJWT token = new SignedJWT(new JWSHeader.Builder(algorithm).keyID("k").build(), claims);
    token.sign(signer);
    return token.serialize();
  }

  private static void refused(String token) {
    assertThatThrownBy(() -> tokens.check(token, "n"))
        .isInstanceOfSatisfying(
            OidcException.class,
            e -> assertThat(e.reason()).isEqualTo(OidcException.Reason.REFUSED));
  }

  private static Date in(Duration time) {
    return Date.from(Instant.now().plus(time));
  }

  @Test
  void aGoodTokenSaysWhoItIs() throws Exception {
    assertThat(tokens.check(signed(all -> all), "n").getSubject()).isEqualTo("ada");
    String two = signed(all -> all.audience(List.of("site", "b")).claim("azp", "site"));
    assertThat(tokens.check(two, "n").getSubject()).isEqualTo("ada");
    String late = signed(all -> all.expirationTime(in(IdTokens.SKEW.dividedBy(2).negated())));
    assertThat(tokens.check(late, "n").getSubject()).as("clocks differ").isEqualTo("ada");
  }

  @Test
  void aTokenOfAnotherOrForAnotherIsRefused() throws Exception {
    refused(signed(all -> all.issuer("https://evil.test")));
    refused(signed(all -> all.issuer(ISSUER + "/")));
    refused(signed(all -> all.audience("b")));
    refused(signed(all -> all.audience(List.of())));
    refused(signed(all -> all.audience(List.of("site", "b"))));
    refused(signed(all -> all.claim("azp", "b")));
    refused(signed(all -> all.claim("nonce", "m")));
    refused(signed(all -> all.claim("nonce", null)));
    refused(signed(all -> all.subject(null)));
    refused(signed(all -> all.subject("")));
    refused(signed(all -> all.subject("a\nb")));
    refused(signed(all -> all.subject("x".repeat(256))));
  }

  @Test
  void aTokenThatIsOverOrNotYetIsRefused() throws Exception {
    refused(signed(all -> all.expirationTime(in(IdTokens.SKEW.multipliedBy(2).negated()))));
    refused(signed(all -> all.expirationTime(null)));
    refused(signed(all -> all.issueTime(null)));
    refused(signed(all -> all.issueTime(in(IdTokens.SKEW.multipliedBy(2)))));
    refused(signed(all -> all.notBeforeTime(in(IdTokens.SKEW.multipliedBy(2)))));
  }

  @Test
  void aTokenThatTheProviderDidNotSignIsRefused() throws Exception {
    RSAKey other = new RSAKeyGenerator(2048).keyID("k").generate();
    JWTClaimsSet good = claims(all -> all);
    refused(signed(good, JWSAlgorithm.RS256, new RSASSASigner(other)));
    refused(new PlainJWT(good).serialize());
    // The public key taken for a shared secret.
    refused(signed(good, JWSAlgorithm.HS256, new MACSigner(key.toRSAPublicKey().getEncoded())));
    String token = signed(all -> all);
    refused(token.substring(0, token.length() - 4) + "AAAA");
    refused(token.substring(0, token.lastIndexOf('.') + 1));
    refused("");
    refused("x.y.z");
  }
}
