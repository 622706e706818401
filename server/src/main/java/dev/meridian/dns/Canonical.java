package dev.meridian.dns;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;
import org.xbill.DNS.Type;

/** RRsets as they are signed (RFC 4034, section 6; RFC 6840, section 5.1). */
final class Canonical {
  private static final int NAPTR_STRINGS = 3;

  private Canonical() {}

  /**
   * Appends the records of a set in their canonical form and order: the owner in lower case, names
   * in the data in lower case where the type is one of the old ones, the data in the order of its
   * bytes.
   */
  static void append(ByteArrayOutputStream out, WireName owner, RrSet set, long ttl) {
    byte[] head = new byte[owner.length() + 10];
    System.arraycopy(owner.lowerCased(), 0, head, 0, owner.length());
    Wire.putShort(head, owner.length(), set.type());
    Wire.putShort(head, owner.length() + 2, 1);
    Wire.putInt(head, owner.length() + 4, (int) ttl);
    for (byte[] data : sorted(set)) {
      Wire.putShort(head, owner.length() + 8, data.length);
      out.writeBytes(head);
      out.writeBytes(data);
    }
  }

  private static List<byte[]> sorted(RrSet set) {
    return set.rdata().stream()
        .map(data -> data(set.type(), data))
        .sorted(Arrays::compareUnsigned)
        .toList();
  }

  /** The data with the names in it in lower case, for the types where RFC 4034 asks for it. */
  static byte[] data(int type, byte[] data) {
    int from =
        switch (type) {
          case Type.MX, Type.AFSDB, Type.RT, Type.PX, Type.KX -> 2;
          case Type.SRV -> 6;
          case Type.NAPTR -> afterStrings(data);
          default -> 0;
        };
    int names =
        switch (type) {
          case Type.NS, Type.MD, Type.MF, Type.CNAME, Type.MB, Type.MG, Type.MR, Type.PTR -> 1;
          case Type.DNAME, Type.MX, Type.AFSDB, Type.RT, Type.KX, Type.SRV, Type.NAPTR -> 1;
          case Type.SOA, Type.MINFO, Type.RP, Type.PX -> 2;
          default -> 0;
        };
    if (names == 0) {
      return data;
    }
    byte[] lowered = data.clone();
    int at = from;
    for (int i = 0; i < names; i++) {
      for (int end = at + WireName.lengthAt(data, at); at < end; at++) {
        lowered[at] = WireName.lower(lowered[at]);
      }
    }
    return lowered;
  }

  /** RFC 3403, section 4.1: two numbers and three strings come before the name. */
  private static int afterStrings(byte[] data) {
    int at = 4;
    for (int i = 0; i < NAPTR_STRINGS; i++) {
      at += 1 + (data[at] & 0xff);
    }
    return at;
  }
}
