package dev.meridian.web;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/** Validators made from contents, and how requests compare them (RFC 9110, section 13). */
final class EntityTags {
  private static final int HASH_BYTES = 15;

  private EntityTags() {}

  /** The quoted strong tag of {@code content}; {@code coding} tells encoded variants apart. */
  static String strong(byte[] content, String coding) {
    return '"' + hash(content) + coding + '"';
  }

  /** 20 characters that stand for {@code content} and may stand in an address. */
  static String hash(byte[] content) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
      return Base64.getUrlEncoder()
          .withoutPadding()
          .encodeToString(Arrays.copyOf(digest, HASH_BYTES));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Whether an If-None-Match header names {@code tag}, by weak comparison. */
  static boolean matches(List<String> header, String tag) {
    String opaque = opaque(tag);
    for (String line : header) {
      for (String item : line.split(",")) {
        String candidate = item.strip();
        if (candidate.equals("*") || opaque(candidate).equals(opaque)) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Whether an If-Match header names {@code tag}, by strong comparison: weak tags match nothing.
   */
  static boolean matchesStrongly(List<String> header, String tag) {
    for (String line : header) {
      for (String item : line.split(",")) {
        String candidate = item.strip();
        if (candidate.equals("*") || (candidate.equals(tag) && !tag.startsWith("W/"))) {
          return true;
        }
      }
    }
    return false;
  }

  private static String opaque(String tag) {
    return tag.startsWith("W/") ? tag.substring(2) : tag;
  }
}
