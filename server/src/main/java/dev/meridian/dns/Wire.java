package dev.meridian.dns;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Numbers of the wire format (RFC 1035, section 4.1; RFC 6891). */
final class Wire {
  static final int HEADER_LENGTH = 12;
  static final int TYPE_AND_CLASS = 4;

  /** Header and question at their longest. */
  static final int MAX_QUESTION_END = HEADER_LENGTH + WireName.MAX_LENGTH + TYPE_AND_CLASS;

  /** An OPT record without options. */
  static final int OPT_LENGTH = 11;

  /** Bytes of an option before its data: code and length. */
  static final int OPTION_HEAD = 4;

  /** The option that tells how long a connection may be idle (RFC 7828), and its bytes. */
  static final int KEEPALIVE = 11;

  static final int KEEPALIVE_LENGTH = OPTION_HEAD + 2;

  /** An OPT record with all that a response may say in one, padding left out. */
  static final int MAX_OPT_LENGTH =
      OPT_LENGTH
          + ClientSubnet.MAX_LENGTH
          + Cookies.OPTION
          + OPTION_HEAD
          + Conduct.MAX_IDENTITY
          + KEEPALIVE_LENGTH;

  /** The option that only takes room (RFC 7830). */
  static final int PADDING = 12;

  /** What the length of a padded response is a multiple of (RFC 8467, section 4.1). */
  static final int PADDING_BLOCK = 468;

  /** The largest UDP response to a client that does not say what it takes (RFC 1035, 2.3.4). */
  static final int MIN_UDP = 512;

  /**
   * The largest UDP response at all: what fits an IPv6 packet of the smallest MTU, so that no
   * response is fragmented or amplifies more than it must (DNS flag day 2020; RFC 9715).
   */
  static final int MAX_UDP = 1232;

  static final int MAX_TCP = 65_535;

  static final int QR = 0x8000;
  static final int OPCODE = 0x7800;
  static final int AA = 0x0400;
  static final int TC = 0x0200;
  static final int RD = 0x0100;
  static final int CD = 0x0010;

  /** Of the flags in an OPT record: signatures are wanted (RFC 3225). */
  static final int DO = 0x8000;

  /** Of the flags in an OPT record: compact denial is understood (RFC 9824, section 5.1). */
  static final int CO = 0x4000;

  static final int NOERROR = 0;
  static final int FORMERR = 1;
  static final int SERVFAIL = 2;
  static final int NXDOMAIN = 3;
  static final int NOTIMP = 4;
  static final int REFUSED = 5;

  /** Also: signed, but not rightly (RFC 8945, section 5.2). */
  static final int NOTAUTH = 9;

  static final int BADVERS = 16;
  static final int BADCOOKIE = 23;

  /** The option by which a server says which one it is (RFC 5001). */
  static final int NSID = 3;

  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

  private Wire() {}

  static int getShort(byte[] bytes, int at) {
    return (short) SHORT.get(bytes, at) & 0xffff;
  }

  static void putShort(byte[] bytes, int at, int value) {
    SHORT.set(bytes, at, (short) value);
  }

  static void putInt(byte[] bytes, int at, int value) {
    INT.set(bytes, at, value);
  }

  static int getInt(byte[] bytes, int at) {
    return (int) INT.get(bytes, at);
  }
}
