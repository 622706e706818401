package dev.meridian.document;

import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads CBOR (RFC 8949), definite and indefinite lengths, as far as JSON can say it.
 *
 * <p>Byte strings, undefined, NaN, keys that are no text, and tags other than those of exact
 * numbers (2, 3, 4) and the mark of CBOR itself (55799) are refused by name. That, and that a text
 * must be UTF-8, is why this does not go through a general streaming parser: those turn the one
 * into text and pass over the other.
 */
final class CborReader {
  private static final int INDEFINITE = 31;
  private static final int BREAK = 0xff;

  private final byte[] in;
  private final JsonLimits limits;
  private int pos;

  CborReader(byte[] in, JsonLimits limits) {
    this.in = in;
    this.limits = limits;
  }

  Json read() {
    if (in.length == 0) {
      throw error("there is nothing; send one data item");
    }
    Json value = value(0);
    if (pos < in.length) {
      throw error("there is more after the end of the value; send exactly one data item");
    }
    return value;
  }

  private Json value(int depth) {
    int initial = next();
    int major = initial >> 5;
    int info = initial & 31;
    return switch (major) {
      case 0 -> new Json.Num(unsigned(argument(info)).toString());
      case 1 -> new Json.Num(unsigned(argument(info)).not().toString());
      case 2 -> throw error("JSON has no byte strings; send them as text, in base 64");
      case 3 -> new Json.Str(text(info));
      case 4 -> array(info, depth);
      case 5 -> map(info, depth);
      case 6 -> tagged(argument(info), depth);
      default -> simple(info);
    };
  }

  private Json array(int info, int depth) {
    limits.checkDepth(depth + 1, " at byte " + pos);
    long count = info == INDEFINITE ? Long.MAX_VALUE : count(info);
    List<Json> items = new ArrayList<>();
    for (long i = 0; i < count && !(info == INDEFINITE && atBreak()); i++) {
      items.add(value(depth + 1));
    }
    return new Json.Arr(items);
  }

  private Json map(int info, int depth) {
    limits.checkDepth(depth + 1, " at byte " + pos);
    long count = info == INDEFINITE ? Long.MAX_VALUE : count(info);
    Map<String, Json> members = new LinkedHashMap<>();
    for (long i = 0; i < count && !(info == INDEFINITE && atBreak()); i++) {
      int initial = next();
      if (initial >> 5 != 3) {
        throw error("a key is no text; JSON's names are text");
      }
      String name = text(initial & 31);
      if (members.put(name, value(depth + 1)) != null) {
        throw error("the key \"" + Texts.shorten(name) + "\" stands twice; keep one");
      }
    }
    return new Json.Obj(members);
  }

  private Json simple(int info) {
    return switch (info) {
      case 20 -> new Json.Bool(false);
      case 21 -> new Json.Bool(true);
      case 22 -> Json.NULL;
      case 23 -> throw error("JSON has no undefined; send null, or leave the member out");
      case 25 -> number(Float.float16ToFloat((short) fixed(2)));
      case 26 -> number(Float.intBitsToFloat((int) fixed(4)));
      case 27 -> number(Double.longBitsToDouble(fixed(8)));
      case INDEFINITE -> throw error("a break stands where a value should be");
      default -> throw error("the simple value is not one of JSON's");
    };
  }

  private Json number(double value) {
    if (!Double.isFinite(value)) {
      throw error("JSON has no " + value + "; send null or a text");
    }
    return new Json.Num(Double.toString(value));
  }

  // -- tags -----------------------------------------------------------------------------------

  private Json tagged(long tag, int depth) {
    if (tag == 55799 && depth == 0 && pos == 3) {
      return value(depth);
    }
    if (tag == 2 || tag == 3) {
      return new Json.Num(bignum(tag).toString());
    }
    if (tag == 4) {
      return decimalFraction();
    }
    throw error(
        "the tag "
            + Long.toUnsignedString(tag)
            + " is not accepted; send the value as JSON would have it, without a tag");
  }

  private BigInteger bignum(long tag) {
    int initial = next();
    if (initial >> 5 != 2) {
      throw error("a bignum must be a byte string");
    }
    byte[] magnitude = string(2, initial & 31);
    // A byte is more than two decimal digits: refuse before the costly change of base.
    if (magnitude.length > limits.numberChars() / 2) {
      throw error("a bignum has more than " + limits.numberChars() + " digits; send it as text");
    }
    BigInteger value = new BigInteger(1, magnitude);
    return tag == 2 ? value : value.not();
  }

  private Json decimalFraction() {
    if (next() != 0x82) {
      throw error("a decimal fraction must be an array of exponent and mantissa");
    }
    BigInteger exponent = integer();
    BigInteger mantissa = integer();
    if (exponent.bitLength() > 31 || Math.abs(exponent.longValue()) > limits.exponent()) {
      throw error("a decimal fraction's exponent is beyond " + limits.exponent());
    }
    return new Json.Num(new BigDecimal(mantissa, -exponent.intValue()).toString());
  }

  private BigInteger integer() {
    int initial = next();
    int info = initial & 31;
    switch (initial >> 5) {
      case 0 -> {
        return unsigned(argument(info));
      }
      case 1 -> {
        return unsigned(argument(info)).not();
      }
      case 6 -> {
        long tag = argument(info);
        if (tag == 2 || tag == 3) {
          return bignum(tag);
        }
      }
      default -> {}
    }
    throw error("a decimal fraction needs integers");
  }

  // -- strings --------------------------------------------------------------------------------

  private String text(int info) {
    byte[] utf8 = string(3, info);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      throw error("a text is not UTF-8; send it in UTF-8");
    }
  }

  private byte[] string(int major, int info) {
    if (info != INDEFINITE) {
      return bytes(count(info));
    }
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    while (!atBreak()) {
      int initial = next();
      if (initial >> 5 != major || (initial & 31) == INDEFINITE) {
        throw error("a string of indefinite length has a chunk of another kind");
      }
      whole.writeBytes(bytes(count(initial & 31)));
    }
    return whole.toByteArray();
  }

  // -- bytes ----------------------------------------------------------------------------------

  /** A length: there must be at least as many bytes left. */
  private int count(int info) {
    long count = argument(info);
    if (count < 0 || count > in.length - pos) {
      throw error("a length is beyond the end of the input");
    }
    return (int) count;
  }

  private long argument(int info) {
    return switch (info) {
      case 24 -> fixed(1);
      case 25 -> fixed(2);
      case 26 -> fixed(4);
      case 27 -> fixed(8);
      default -> {
        if (info > 27) {
          throw error("the data item is malformed");
        }
        yield info;
      }
    };
  }

  private long fixed(int size) {
    long value = 0;
    for (int i = 0; i < size; i++) {
      value = value << 8 | next();
    }
    return value;
  }

  private byte[] bytes(int count) {
    byte[] bytes = Arrays.copyOfRange(in, pos, pos + count);
    pos += count;
    return bytes;
  }

  private int next() {
    if (pos == in.length) {
      throw error("the input ends inside a data item");
    }
    return in[pos++] & 0xff;
  }

  private boolean atBreak() {
    if (pos < in.length && (in[pos] & 0xff) == BREAK) {
      pos++;
      return true;
    }
    return false;
  }

  private static BigInteger unsigned(long argument) {
    BigInteger value = BigInteger.valueOf(argument & Long.MAX_VALUE);
    return argument < 0 ? value.setBit(63) : value;
  }

  private InvalidInputException error(String what) {
    return new InvalidInputException("Invalid CBOR at byte " + pos + ": " + what + ".");
  }
}
