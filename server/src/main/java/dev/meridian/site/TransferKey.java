package dev.meridian.site;

import dev.meridian.document.InvalidInputException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A secret that a secondary name server shares with this one, by which they know each other's
 * messages (TSIG, RFC 8945). Immutable; its text form shows no secret.
 */
public final class TransferKey {
  /** Fewest bytes of a secret. */
  public static final int MIN_SECRET = 16;

  private static final int MAX_SECRET = 1024;
  private static final List<String> ALGORITHMS =
      List.of("hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512");

  private static final Pattern STATEMENT =
      Pattern.compile(
          "key\\s+\"?(?<name>[^\\s\"{};]+)\"?\\s*\\{\\s*"
              + "algorithm\\s+\"?(?<algorithm>[A-Za-z0-9-]+)\"?\\s*;\\s*"
              + "secret\\s+\"?(?<secret>[A-Za-z0-9+/=]+)\"?\\s*;\\s*\\}\\s*;?");

  private static final Pattern LINE =
      Pattern.compile("(?<algorithm>[A-Za-z0-9-]+):(?<name>[^\\s:]+):(?<secret>[A-Za-z0-9+/=]+)");

  private final String name;
  private final String algorithm;
  private final byte[] secret;

  private TransferKey(String name, String algorithm, byte[] secret) {
    this.name = name;
    this.algorithm = algorithm;
    this.secret = secret;
  }

  /**
   * Reads a key as {@code tsig-keygen} writes it, or in one line as {@code
   * hmac-sha256:NAME:SECRET}, the secret in Base64.
   *
   * @throws InvalidInputException if it is none
   */
  public static TransferKey parse(String text) {
    String trimmed = text.strip();
    Matcher statement = STATEMENT.matcher(trimmed);
    Matcher line = LINE.matcher(trimmed);
    Matcher found = statement.matches() ? statement : line;
    if (!statement.matches() && !line.matches()) {
      throw new InvalidInputException(
          "it is no key of TSIG; write it by 'tsig-keygen ns2.example.net', or as one line"
              + " hmac-sha256:NAME:SECRET with a secret of 'openssl rand -base64 32'");
    }
    String algorithm = found.group("algorithm").toLowerCase(Locale.ROOT);
    if (!ALGORITHMS.contains(algorithm)) {
      throw new InvalidInputException(
          "its algorithm '"
              + YamlReader.shorten(algorithm)
              + "' is none of "
              + String.join(", ", ALGORITHMS)
              + "; make another key with hmac-sha256");
    }
    byte[] secret;
    try {
      secret = Base64.getDecoder().decode(found.group("secret"));
    } catch (IllegalArgumentException e) {
      throw new InvalidInputException("its secret is not in Base64; make another key", e);
    }
    if (secret.length < MIN_SECRET || secret.length > MAX_SECRET) {
      throw new InvalidInputException(
          "its secret has "
              + secret.length
              + " bytes, but "
              + MIN_SECRET
              + " to "
              + MAX_SECRET
              + " are wanted; make another with 'openssl rand -base64 32'");
    }
    try {
      return new TransferKey(DomainNames.owner(found.group("name")), algorithm, secret);
    } catch (DomainNames.BadName e) {
      throw new InvalidInputException(
          "its name is no domain name; name it as both servers' configurations do, such as"
              + " ns2.example.net",
          e);
    }
  }

  /** A domain name in lower case, without the last dot. */
  public String name() {
    return name;
  }

  /** Such as {@code hmac-sha256}. */
  public String algorithm() {
    return algorithm;
  }

  /** The secret itself; a copy. */
  public byte[] secret() {
    return secret.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TransferKey key
        && name.equals(key.name)
        && algorithm.equals(key.algorithm)
        && java.security.MessageDigest.isEqual(secret, key.secret);
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }

  @Override
  public String toString() {
    return name + " (" + algorithm + ")";
  }
}
