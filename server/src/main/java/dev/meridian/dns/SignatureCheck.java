package dev.meridian.dns;

import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DNSKEYRecord;
import org.xbill.DNS.DNSSEC;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSEC3Record;
import org.xbill.DNS.NSECRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.RRSIGRecord;
import org.xbill.DNS.RRset;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;
import org.xbill.DNS.utils.base32;

/**
 * Whether records are signed by a zone's keys, as a validating resolver would see it (RFC 4035,
 * section 5.3).
 */
final class SignatureCheck {
  /** Most signatures of a set that are tried, so that a hostile server cannot hold us. */
  private static final int MOST_TRIES = 8;

  /** Resolvers take a zone with more for unsigned, or for broken (RFC 9276, section 3.2). */
  static final int MOST_ITERATIONS = 100;

  private final Name zone;
  private final List<DNSKEYRecord> keys;
  private final Instant now;

  /**
   * What came of it.
   *
   * @param problem for people, after the name of what was checked; null if all is well
   * @param until when the first signature expires; the end of time if there is a problem
   */
  record Result(@Nullable String problem, Instant until) {
    private static Result bad(String problem) {
      return new Result(problem, Instant.MAX);
    }

    private Result and(Result other) {
      return problem != null
          ? this
          : other.problem != null || other.until.isBefore(until) ? other : this;
    }
  }

  /**
   * Prepares.
   *
   * @param keys that are believed
   */
  SignatureCheck(Name zone, List<DNSKEYRecord> keys, Instant now) {
    this.zone = zone;
    this.keys = List.copyOf(keys);
    this.now = now;
  }

  /** Checks the set of the zone's own name and this type in an answer. */
  Result answer(Message answer, int type) {
    for (RRset set : answer.getSectionRRsets(Section.ANSWER)) {
      if (set.getType() == type && set.getName().equals(zone) && !set.rrs().isEmpty()) {
        return check(set);
      }
    }
    return Result.bad("is not in the answer");
  }

  private Result check(RRset set) {
    Result worst = Result.bad("has no signature");
    int tries = 0;
    for (RRSIGRecord signature : set.sigs()) {
      boolean known = false;
      for (DNSKEYRecord key : keys) {
        if (key.getFootprint() == signature.getFootprint()
            && key.getAlgorithm() == signature.getAlgorithm()
            && signature.getSigner().equals(zone)
            && tries++ < MOST_TRIES) {
          known = true;
          Result result = verify(set, signature, key);
          if (result.problem() == null) {
            return result;
          }
          worst = result;
        }
      }
      if (!known && tries == 0) {
        worst =
            Result.bad(
                "is signed by key "
                    + signature.getFootprint()
                    + ", which is not among the keys that are asked for");
      }
    }
    return worst;
  }

  private Result verify(RRset set, RRSIGRecord signature, DNSKEYRecord key) {
    Instant from = signature.getTimeSigned();
    Instant until = signature.getExpire();
    if (until.isBefore(now)) {
      return Result.bad(
          "has a signature that expired " + span(until, now) + " ago, on " + second(until));
    }
    if (from.isAfter(now)) {
      return Result.bad(
          "has a signature that is valid only from "
              + second(from)
              + " on, in "
              + span(now, from)
              + "; is a clock wrong?");
    }
    try {
      DNSSEC.verify(set, signature, key, now);
      return new Result(null, until);
    } catch (DNSSEC.DNSSECException | RuntimeException e) {
      return Result.bad("has a signature by key " + key.getFootprint() + " that is wrong");
    }
  }

  /**
   * Checks the answer for a name that does not exist, directly below the zone's own: what it says
   * must be signed, and must deny it (RFC 4035, section 5.4; RFC 5155, section 8; RFC 9824). A
   * wildcard's answer is checked instead, if there is one; that there is none is not checked.
   */
  Result nothing(Message answer, Name asked) {
    Result all = new Result(null, Instant.MAX);
    boolean proved = false;
    for (RRset set : answer.getSectionRRsets(Section.ANSWER)) {
      if (set.getName().equals(asked) && !set.rrs().isEmpty()) {
        return check(set);
      }
    }
    for (RRset set : answer.getSectionRRsets(Section.AUTHORITY)) {
      if (set.rrs().isEmpty() || !set.getName().subdomain(zone)) {
        continue;
      }
      Result result = check(set);
      all =
          all.and(
              result.problem() == null
                  ? result
                  : Result.bad("its " + Type.string(set.getType()) + " " + result.problem()));
      proved |= denies(set.first(), asked);
    }
    return proved || all.problem() != null ? all : Result.bad("is not proved not to exist");
  }

  private boolean denies(Record record, Name asked) {
    return switch (record) {
      case NSECRecord nsec -> {
        Name owner = nsec.getName();
        boolean last = nsec.getNext().equals(zone);
        yield owner.equals(asked)
            ? !nsec.hasType(Type.A) && !nsec.hasType(Type.CNAME)
            : owner.compareTo(asked) < 0 && (last || asked.compareTo(nsec.getNext()) < 0);
      }
      case NSEC3Record nsec -> covers(nsec, asked);
      default -> false;
    };
  }

  private static boolean covers(NSEC3Record nsec, Name asked) {
    if (nsec.getIterations() > MOST_ITERATIONS) {
      return false;
    }
    try {
      byte[] owner =
          new base32(base32.Alphabet.BASE32HEX, false, false)
              .fromString(nsec.getName().getLabelString(0).toUpperCase(Locale.ROOT));
      byte[] hash = nsec.hashName(asked);
      if (owner == null || hash == null) {
        return false;
      }
      boolean after = Arrays.compareUnsigned(owner, hash) < 0;
      boolean before = Arrays.compareUnsigned(hash, nsec.getNext()) < 0;
      // The last one of the circle leads to the first.
      boolean last = Arrays.compareUnsigned(owner, nsec.getNext()) >= 0;
      return last ? after || before : after && before;
    } catch (NoSuchAlgorithmException e) {
      return false;
    }
  }

  /** Such as {@code 13 days} or {@code 5 h}. */
  static String span(Instant from, Instant to) {
    Duration span = Duration.between(from, to);
    return span.toDays() >= 2
        ? span.toDays() + " days"
        : span.toHours() >= 2 ? span.toHours() + " h" : span.toMinutes() + " min";
  }

  private static String second(Instant time) {
    return time.truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
