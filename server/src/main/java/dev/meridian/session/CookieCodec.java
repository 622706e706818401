package dev.meridian.session;

import dev.meridian.document.InvalidInputException;
import dev.meridian.store.SessionToken;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * The texts that a visitor's browser keeps, all signed, so that what we did not write is known
 * without asking the store:
 *
 * <ul>
 *   <li>the session's cookie, {@code 1.KEY.SELECTOR.VERIFIER.SIGNATURE}: the selector names the
 *       document, and the verifier, 128 random bits of which the store has only the hash, proves
 *       that the browser was given it;
 *   <li>the cookie of what the visitor has seen, {@code 1.KEY.SIGNATURE.TOKEN};
 *   <li>the token against forged requests, {@code KEY.SIGNATURE};
 *   <li>other texts, {@code 1.KEY.SIGNATURE.TEXT}, each signed for a purpose.
 * </ul>
 *
 * The second and third are bound to the selector: they are of no use with another session. The
 * third is bound to the verifier too, so that a rotation replaces it with the cookie. Safe for any
 * thread.
 */
final class CookieCodec {
  /** 128 bits. */
  static final int PART_BYTES = 16;

  private static final int PART_CHARS = 22;
  private static final int SIGNATURE_CHARS = 43;
  private static final String VERSION = "1.";
  private static final int VERSION_CHARS = 2;

  /** Characters in the session's cookie. */
  static final int COOKIE_CHARS =
      VERSION_CHARS + SigningKeys.ID_CHARS + 2 * PART_CHARS + SIGNATURE_CHARS + 3;

  private static final int SEEN_AT = VERSION_CHARS + SigningKeys.ID_CHARS + SIGNATURE_CHARS + 2;

  /** Longest token that is put into a cookie: one of some dozen regions. */
  static final int MAX_TOKEN_CHARS = 512;

  private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();
  private static final Base64.Decoder DECODER = Base64.getUrlDecoder();

  private final SigningKeys keys;

  CookieCodec(SigningKeys keys) {
    this.keys = keys;
  }

  /** What came of a cookie: a claim, or why there is none. */
  record Read(@Nullable Claim claim, @Nullable Refusal refusal) {
    private static Read refused(Refusal why) {
      return new Read(null, why);
    }
  }

  /**
   * The cookie of a session.
   *
   * @param selector the document's id: 32 hexadecimal digits
   * @param verifier {@link #PART_BYTES} random bytes
   */
  String cookie(String selector, byte[] verifier) {
    SigningKeys.Key key = keys.signing();
    String body =
        VERSION
            + key.id()
            + '.'
            + ENCODER.encodeToString(HexFormat.of().parseHex(selector))
            + '.'
            + ENCODER.encodeToString(verifier);
    return body + '.' + key.sign("cookie:" + body);
  }

  /** Reads what claims to be a session's cookie. */
  Read read(String text) {
    if (text.length() > COOKIE_CHARS) {
      return Read.refused(Refusal.OVERSIZED);
    }
    int keyAt = VERSION_CHARS;
    int selectorAt = keyAt + SigningKeys.ID_CHARS + 1;
    int verifierAt = selectorAt + PART_CHARS + 1;
    int signatureAt = verifierAt + PART_CHARS + 1;
    if (text.length() < COOKIE_CHARS
        || !text.startsWith(VERSION)
        || text.charAt(selectorAt - 1) != '.'
        || text.charAt(verifierAt - 1) != '.'
        || text.charAt(signatureAt - 1) != '.') {
      return Read.refused(Refusal.MALFORMED);
    }
    SigningKeys.Key key = keys.find(text.substring(keyAt, selectorAt - 1));
    String body = text.substring(0, signatureAt - 1);
    if (key == null || !same(text.substring(signatureAt), key.sign("cookie:" + body))) {
      return Read.refused(Refusal.FORGED);
    }
    // Signed, so the rest is what we wrote.
    byte[] selector = DECODER.decode(text.substring(selectorAt, verifierAt - 1));
    byte[] verifier = DECODER.decode(text.substring(verifierAt, signatureAt - 1));
    return new Read(new Claim(HexFormat.of().formatHex(selector), hash(verifier)), null);
  }

  /** The cookie of what a session's visitor has seen; empty when the token is too long for one. */
  String seen(String selector, SessionToken token) {
    String text = token.toString();
    if (text.length() > MAX_TOKEN_CHARS) {
      return "";
    }
    SigningKeys.Key key = keys.signing();
    return VERSION + key.id() + '.' + key.sign("seen:" + selector + ":" + text) + '.' + text;
  }

  /** The token in such a cookie; none if it is not ours, or another session's. */
  SessionToken readSeen(String selector, String text) {
    if (text.length() < SEEN_AT
        || text.length() > SEEN_AT + MAX_TOKEN_CHARS
        || !text.startsWith(VERSION)) {
      return SessionToken.NONE;
    }
    int signatureAt = VERSION_CHARS + SigningKeys.ID_CHARS + 1;
    SigningKeys.Key key = keys.find(text.substring(VERSION_CHARS, signatureAt - 1));
    String token = text.substring(SEEN_AT);
    if (key == null
        || !same(
            text.substring(signatureAt, SEEN_AT - 1), key.sign("seen:" + selector + ":" + token))) {
      return SessionToken.NONE;
    }
    try {
      return SessionToken.parse(token);
    } catch (InvalidInputException e) {
      throw new IllegalStateException("signed, but no token", e);
    }
  }

  /**
   * The token that forms and scripts of this session send back.
   *
   * @param verifier the hash of the cookie's
   */
  String csrf(String selector, byte[] verifier) {
    SigningKeys.Key key = keys.signing();
    return key.id() + '.' + key.sign(csrfText(selector, verifier));
  }

  private static String csrfText(String selector, byte[] verifier) {
    return "csrf:" + selector + ":" + HexFormat.of().formatHex(verifier);
  }

  /** Whether {@code token} is one of this session and this cookie. */
  boolean isCsrf(String selector, byte[] verifier, String token) {
    if (token.length() != SigningKeys.ID_CHARS + 1 + SIGNATURE_CHARS) {
      return false;
    }
    SigningKeys.Key key = keys.find(token.substring(0, SigningKeys.ID_CHARS));
    return key != null && same(token, key.id() + '.' + key.sign(csrfText(selector, verifier)));
  }

  /**
   * A text that a browser keeps for us, of no session.
   *
   * @param purpose a word of letters: what is signed for one is good for no other
   */
  String signed(String purpose, String text) {
    SigningKeys.Key key = keys.signing();
    return VERSION + key.id() + '.' + key.sign("text:" + purpose + ":" + text) + '.' + text;
  }

  /** The text; null if it is not ours, or was signed for something else. */
  @Nullable String readSigned(String purpose, String signed) {
    if (signed.length() < SEEN_AT
        || signed.length() > SEEN_AT + MAX_TOKEN_CHARS
        || !signed.startsWith(VERSION)) {
      return null;
    }
    int signatureAt = VERSION_CHARS + SigningKeys.ID_CHARS + 1;
    SigningKeys.Key key = keys.find(signed.substring(VERSION_CHARS, signatureAt - 1));
    String text = signed.substring(SEEN_AT);
    return key != null
            && same(
                signed.substring(signatureAt, SEEN_AT - 1),
                key.sign("text:" + purpose + ":" + text))
        ? text
        : null;
  }

  /** The hash of a verifier. */
  static byte[] hash(byte[] verifier) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(verifier);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Takes the same time wherever they differ. */
  private static boolean same(String a, String b) {
    return MessageDigest.isEqual(
        a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
  }
}
