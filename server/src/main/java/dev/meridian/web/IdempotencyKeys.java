package dev.meridian.web;

import dev.meridian.document.InvalidInputException;
import dev.meridian.store.IdempotencyKey;
import io.helidon.http.HeaderNames;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * The header {@code Idempotency-Key} (IETF draft-ietf-httpapi-idempotency-key-header). Keys of
 * different callers never meet: what is stored is a hash of the caller and the key. The fingerprint
 * covers method, path, content type and body.
 */
final class IdempotencyKeys {
  private IdempotencyKeys() {}

  /** The request's key, or null when it has none. */
  static @Nullable IdempotencyKey of(RequestContext context, Caller caller, byte[] body) {
    String sent = context.header(Names.IDEMPOTENCY_KEY);
    if (sent == null) {
      return null;
    }
    String key = sent.strip();
    if (key.length() >= 2 && key.startsWith("\"") && key.endsWith("\"")) {
      key = key.substring(1, key.length() - 1);
    }
    if (key.isEmpty() || key.length() > IdempotencyKey.MAX_CHARS) {
      throw new InvalidInputException(
          "Idempotency-Key has 1 to "
              + IdempotencyKey.MAX_CHARS
              + " characters; a UUID is a good one.");
    }
    var prologue = context.request().prologue();
    String type = context.header(HeaderNames.CONTENT_TYPE);
    MessageDigest fingerprint = sha256();
    part(fingerprint, prologue.method().text());
    part(fingerprint, prologue.uriPath().rawPath());
    part(fingerprint, prologue.hasQuery() ? prologue.query().rawValue() : "");
    part(fingerprint, type == null ? "" : type);
    fingerprint.update(body);
    MessageDigest scoped = sha256();
    part(scoped, caller.id());
    part(scoped, key);
    return new IdempotencyKey(HexFormat.of().formatHex(scoped.digest()), fingerprint.digest());
  }

  private static void part(MessageDigest digest, String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    digest.update((byte) 0);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }
}
