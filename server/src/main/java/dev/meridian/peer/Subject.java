package dev.meridian.peer;

import java.security.cert.CertificateException;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.security.auth.x500.X500Principal;

/**
 * Whom a certificate names: {@code O} is the cluster's id, {@code CN} the node's or authority's;
 * there is nothing else in it.
 */
record Subject(UUID cluster, String name) {
  /** What X.509 allows in a CN, without what would have to be quoted in a name or a log line. */
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

  private static final String NOT_ONE = "The certificate's subject is not one of a cluster";

  Subject {
    if (!isName(name)) {
      throw new IllegalArgumentException("not the name of a node: " + name);
    }
  }

  static boolean isName(String name) {
    return NAME.matcher(name).matches();
  }

  /**
   * Reads a certificate's subject.
   *
   * @throws CertificateException if it is of another form
   */
  static Subject of(X500Principal principal) throws CertificateException {
    String text = principal.getName(X500Principal.RFC2253);
    try {
      List<Rdn> parts = new LdapName(text).getRdns();
      if (parts.size() == 2) {
        // An LdapName counts from the right.
        Rdn o = parts.get(0);
        Rdn cn = parts.get(1);
        if (is(o, "O") && is(cn, "CN")) {
          String organisation = String.valueOf(o.getValue());
          UUID cluster = UUID.fromString(organisation);
          if (cluster.toString().equals(organisation)) {
            return new Subject(cluster, String.valueOf(cn.getValue()));
          }
        }
      }
    } catch (InvalidNameException | IllegalArgumentException e) {
      throw new CertificateException(NOT_ONE, e);
    }
    throw new CertificateException(NOT_ONE); // what it says may be anybody's text
  }

  private static boolean is(Rdn part, String type) {
    return part.size() == 1 && part.getType().equals(type);
  }
}
