package dev.meridian.site;

import java.net.IDN;
import java.util.Locale;
import java.util.regex.Pattern;

/** The rules for domain names, in one place (RFC 1035, section 2.3; RFC 1123, section 2.1). */
final class DomainNames {
  private static final Pattern HOST_LABEL = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
  private static final Pattern OWNER_LABEL =
      Pattern.compile("[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?");

  private DomainNames() {}

  /** A name that cannot be; the message says why. */
  static final class BadName extends Exception {
    private static final long serialVersionUID = 1;

    BadName(String message) {
      super(message);
    }
  }

  /** The name of a host in lower case, without the last dot. */
  static String host(String text) throws BadName {
    String name = labels(text, HOST_LABEL);
    if (name.substring(name.lastIndexOf('.') + 1).chars().allMatch(Character::isDigit)) {
      throw new BadName("'" + text + "' is an address or ends in a number; give a name.");
    }
    return name;
  }

  /** The name of a record: underscores may stand in it and {@code *} may come first. */
  static String owner(String text) throws BadName {
    if (text.equals("*")) {
      return text;
    }
    return text.startsWith("*.")
        ? "*." + labels(text.substring(2), OWNER_LABEL)
        : labels(text, OWNER_LABEL);
  }

  private static String labels(String text, Pattern label) throws BadName {
    String name = text.toLowerCase(Locale.ROOT);
    if (name.endsWith(".")) {
      name = name.substring(0, name.length() - 1);
    }
    if (name.length() > 253) {
      throw new BadName("the name is longer than 253 characters.");
    }
    for (String part : name.split("\\.", -1)) {
      if (!label.matcher(part).matches()) {
        throw new BadName(
            "'"
                + YamlReader.shorten(text)
                + "' is no domain name: "
                + (part.isEmpty()
                    ? "a part between dots is empty."
                    : part.length() > 63
                        ? "a part between dots is longer than 63 characters."
                        : "'"
                            + YamlReader.shorten(part)
                            + "' may hold letters a-z, digits and inner hyphens"
                            + punycode(text)));
      }
    }
    return name;
  }

  private static String punycode(String text) {
    if (text.chars().allMatch(c -> c < 0x80)) {
      return ".";
    }
    try {
      return "; in the name system it is written '" + IDN.toASCII(text) + "'.";
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      return ".";
    }
  }
}
