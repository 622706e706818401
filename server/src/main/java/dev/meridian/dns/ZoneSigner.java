package dev.meridian.dns;

import java.io.ByteArrayOutputStream;
import java.util.List;
import org.xbill.DNS.Type;

/**
 * Signs a zone's answers when they are asked for (online signing). It takes an encoded answer apart
 * and encodes it again with a signature behind each RRset, so whatever made the answer need not
 * know of signatures. For any thread.
 *
 * <p>What a wildcard stands for is signed under the name that was asked for, as if it were written
 * there. A signature under the wildcard's own name (RFC 4035, section 5.3.4) could be shared, but
 * would have to come with a proof that nothing stands at the name, which is a signature for each
 * name too, and a longer message.
 */
final class ZoneSigner {
  private final WireName apex;
  private final List<SigningKey> forKeys;
  private final SigningKey forData;
  private final long negativeTtl;
  private final SignatureCache cache;

  /**
   * Creates it.
   *
   * @param negativeTtl seconds that a proof of what is not there may be kept (RFC 9077)
   */
  ZoneSigner(ZoneKeys keys, long negativeTtl, SignatureCache cache) {
    this.apex = keys.apex();
    this.forKeys = keys.keySigners();
    this.forData = keys.active().key();
    this.negativeTtl = negativeTtl;
    this.cache = cache;
  }

  /** What a client wants to see of an answer. */
  enum Wanted {
    /** The answer with its signatures: DO is set (RFC 3225). */
    SIGNED,
    /** The NSEC record itself, with its signature. */
    NSEC,
    /** The NSEC record itself, without. */
    NSEC_ALONE,
    /** The signatures alone. */
    SIGNATURES,
  }

  /** An answer and the times of the signature in it that must be renewed first. */
  record Signed(Answer answer, long from, long renew, long to) {
    private Signed with(Answer other) {
      return new Signed(other, from, renew, to);
    }
  }

  /**
   * Signs an answer for a name.
   *
   * @param name the question's, or for a referral the name that {@code answer} was encoded for
   * @param now seconds since 1970
   */
  Signed sign(Answer answer, WireName name, Wanted wanted, long now) {
    AnswerWriter writer = new AnswerWriter();
    writer.begin(name, false);
    Making making = new Making(writer, now);
    Denial denial = answer.denial();
    if (wanted == Wanted.NSEC || wanted == Wanted.NSEC_ALONE) {
      if (denial == null) {
        throw new IllegalStateException("every name of a signed zone has an NSEC");
      }
      boolean kept = !denial.isOfQuestion();
      making.add(Answer.Parts.ANSWER, proof(denial, name), wanted == Wanted.NSEC, kept);
      return making.signed(answer.flags());
    }
    Answer.Parts parts = answer.parts();
    AnswerReader reader = new AnswerReader(answer, name);
    for (int i = 0; i < parts.size(); i++) {
      RrSet set = reader.next(parts.records(i));
      int section = parts.section(i);
      if (denial != null && section == Answer.Parts.ADDITIONAL) {
        making.deny(denial, name);
        denial = null;
      }
      if (!parts.needed(i)) {
        writer.usefulFromHere();
      }
      if (wanted == Wanted.SIGNATURES && section == Answer.Parts.ANSWER) {
        writer.add(section, making.signatures(set, true));
      } else if (parts.needed(i) || writer.hasRoomFor(set, null)) {
        making.add(section, set, !parts.isUnsigned(i), true);
      }
    }
    if (denial != null) {
      making.deny(denial, name);
    }
    Signed signed = making.signed(answer.flags());
    return wanted == Wanted.SIGNED ? signed.with(answer.signedAs(signed.answer)) : signed;
  }

  private RrSet proof(Denial denial, WireName name) {
    ZoneException.Place nowhere = new ZoneException.Place("", 0);
    return new RrSet(
        new ZoneRecord(
            denial.owner(name), Type.NSEC, negativeTtl, denial.rdata(name, apex), nowhere));
  }

  /** The keys that sign a set. */
  private List<SigningKey> keys(RrSet set) {
    return switch (set.type()) {
      case Type.DNSKEY, Type.CDNSKEY, Type.CDS ->
          set.owner().equals(apex) ? forKeys : List.of(forData);
      default -> List.of(forData);
    };
  }

  /** Whether it signs with the same keys. */
  boolean hasKeysOf(ZoneSigner other) {
    return forData.equals(other.forData) && forKeys.equals(other.forKeys);
  }

  /** An NSEC record of a chain that is written out. */
  RrSet nsec(WireName owner, byte[] rdata) {
    return new RrSet(
        new ZoneRecord(owner, Type.NSEC, negativeTtl, rdata, new ZoneException.Place("", 0)));
  }

  /** New signatures of a set, for a copy of the zone. */
  RrSet signatures(RrSet set, long now) {
    return new Making(new AnswerWriter(), now).signatures(set, false);
  }

  private final class Making {
    private final AnswerWriter writer;
    private final long now;
    private long from = Long.MIN_VALUE;
    private long renew = Long.MAX_VALUE;
    private long to = Long.MAX_VALUE;

    Making(AnswerWriter writer, long now) {
      this.writer = writer;
      this.now = now;
    }

    void deny(Denial denial, WireName name) {
      // What is not there can be asked for without end; only what is there is worth keeping.
      boolean kept = !denial.isOfName() || !denial.isOfQuestion();
      add(Answer.Parts.AUTHORITY, proof(denial, name), true, kept);
    }

    void add(int section, RrSet set, boolean sign, boolean kept) {
      if (sign) {
        writer.addSigned(section, set, signatures(set, kept));
      } else {
        writer.addUnsigned(section, set);
      }
    }

    RrSet signatures(RrSet set, boolean kept) {
      RrSet all = null;
      for (SigningKey key : keys(set)) {
        RrSignature signature = signature(set, key, kept, now);
        from = Math.max(from, signature.from());
        renew = Math.min(renew, signature.renew());
        to = Math.min(to, signature.to());
        ZoneRecord record =
            new ZoneRecord(set.owner(), Type.RRSIG, set.ttl(), signature.rdata(), set.place());
        if (all == null) {
          all = new RrSet(record);
        } else {
          all.add(record);
        }
      }
      if (all == null) {
        throw new IllegalStateException("a signed zone without a key");
      }
      return all;
    }

    Signed signed(int flags) {
      return new Signed(writer.finish(flags), from, renew, to);
    }
  }

  private RrSignature signature(RrSet set, SigningKey key, boolean kept, long now) {
    ByteArrayOutputStream records = new ByteArrayOutputStream(256);
    Canonical.append(records, set.owner(), set, set.ttl());
    byte[] canonical = records.toByteArray();
    if (!kept) {
      return make(set, key, canonical, now);
    }
    var digest = SigningKey.sha256();
    digest.update(key.dnskey());
    digest.update(apex.lowerCased());
    return cache.get(digest.digest(canonical), now, () -> make(set, key, canonical, now));
  }

  /** RFC 4034, section 3.1: the signature is over its own data but itself, then the records. */
  private RrSignature make(RrSet set, SigningKey key, byte[] canonical, long now) {
    byte[] head = new byte[18 + apex.length()];
    Wire.putShort(head, 0, set.type());
    head[2] = SigningKey.ALGORITHM;
    int labels = set.owner().labels();
    head[3] = (byte) (set.owner().isWildcard() ? labels - 1 : labels);
    Wire.putInt(head, 4, (int) set.ttl());
    Wire.putInt(head, 8, (int) RrSignature.to(now));
    Wire.putInt(head, 12, (int) RrSignature.from(now));
    Wire.putShort(head, 16, key.tag());
    System.arraycopy(apex.lowerCased(), 0, head, 18, apex.length());
    byte[] signed = concat(head, canonical);
    return RrSignature.of(concat(head, key.sign(signed)), now);
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = java.util.Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }
}
