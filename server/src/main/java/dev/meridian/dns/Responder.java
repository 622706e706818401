package dev.meridian.dns;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.time.InstantSource;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Type;

/**
 * Turns a query into its response, without allocating. It never throws, whatever the bytes are: the
 * response to garbage is FORMERR if there is a header, else nothing. For one thread at a time.
 */
final class Responder {
  private static final byte[] ID_SERVER = "\2id\6server\0".getBytes(US_ASCII);
  private static final byte[] HOSTNAME_BIND = "\10hostname\4bind\0".getBytes(US_ASCII);

  /** What {@link #respond} returns when a whole zone, or its changes, are to be sent. */
  static final int TRANSFER = -1;

  /** Bytes an SOA's data has at least: two names and five numbers. */
  private static final int MIN_SOA = 22;

  private final Supplier<Zones> zones;
  private final Counters counters;
  private final SigningBudget budget;
  private final Conduct conduct;
  private final Question question = new Question();
  private final SignedAnswers.Key probe = new SignedAnswers.Key();
  private final Client client = new Client();

  // What the OPT record of the query under way says (RFC 6891).
  private boolean edns;
  private int ednsVersion;
  private int ednsPayload;
  private boolean dnssecOk;
  private boolean compactOk;

  /** Whether it asks which server this is (RFC 5001). */
  private boolean nsid;

  /** Whether it asks how long its connection may be idle (RFC 7828). */
  private boolean keepalive;

  /** Whether its response is to be padded (RFC 7830). */
  private boolean padded;

  /** What queries come over, where that is a connection. */
  private @Nullable Stream stream;

  /** What to tell who asks that; of this query. */
  private byte @Nullable [] identity;

  // Its cookie (RFC 7873): where it is, how long, and the client's part of it.
  private int cookieAt;
  private int cookieLength;
  private final byte[] clientCookie = new byte[Cookies.CLIENT];

  // The record that signs it (RFC 8945), the last of all: where it is, or -1 if there is none.
  private int tsigAt;
  private @Nullable MessageSignature signature;

  /** The serial that the client has of a zone it asks the changes of (RFC 1995); else negative. */
  private long knownSerial;

  private @Nullable OutboundTransfer transfer;

  private long now = System.nanoTime();

  Responder(Supplier<Zones> zones, Counters counters) {
    this(zones, counters, new SigningBudget(), new Conduct());
  }

  /**
   * Creates it.
   *
   * @param budget bounds the time that goes into new signatures
   * @param conduct towards clients
   */
  Responder(Supplier<Zones> zones, Counters counters, SigningBudget budget, Conduct conduct) {
    this.zones = zones;
    this.counters = counters;
    this.budget = budget;
    this.conduct = conduct;
  }

  /** Where it may ask from where the query under way came. */
  void from(Client.Source source) {
    client.from(source);
  }

  /** All queries from now on come over this connection. */
  void over(Stream connection) {
    stream = connection;
  }

  /** The time at which the queries from now on came, as {@link System#nanoTime} has it. */
  void at(long nanos) {
    now = nanos;
  }

  /** Bytes of {@code out} that any response over TCP may need now. */
  int largestResponse() {
    int most = zones.get().largestResponse() + MessageSignature.MAX_LENGTH;
    return stream != null && stream.isSecret()
        ? most + Wire.OPTION_HEAD + Wire.PADDING_BLOCK - 1
        : most;
  }

  /** What the last query is answered with, after {@link #TRANSFER}. */
  OutboundTransfer transfer() {
    return Objects.requireNonNull(transfer);
  }

  /**
   * Answers one query.
   *
   * @param in holds the query at {@code from}
   * @param out takes the response at {@code to}; has room for {@link Wire#MAX_UDP} bytes, or over
   *     TCP for {@link #largestResponse}
   * @return the response's length, or 0 for silence; over TCP also {@link #TRANSFER}
   */
  int respond(byte[] in, int from, int length, byte[] out, int to, boolean tcp) {
    transfer = null;
    signature = null;
    int written = answer(in, from, length, out, to, tcp);
    MessageSignature signer = signature;
    return signer == null || written <= 0 ? written : signer.sign(out, to, written);
  }

  private int answer(byte[] in, int from, int length, byte[] out, int to, boolean tcp) {
    if (length < Wire.HEADER_LENGTH) {
      return silence();
    }
    int flags = Wire.getShort(in, from + 2);
    if ((flags & Wire.QR) != 0) {
      // Answering a response is how two servers fall into talking to each other forever.
      return silence();
    }
    Wire.putShort(out, to, Wire.getShort(in, from));
    if ((flags & Wire.OPCODE) != 0) {
      return headerOnly(out, to, flags, Wire.NOTIMP, false, tcp);
    }
    int end = from + length;
    int questionEnd = parse(in, from, end);
    boolean asksNothing = questionEnd == from + Wire.HEADER_LENGTH;
    Zones current = zones.get();
    if (questionEnd >= 0 && tsigAt >= 0) {
      signature =
          MessageSignature.check(
              current.transfers(), in, from, tsigAt, end, InstantSource.system());
      questionEnd = signature == null ? -1 : questionEnd;
    }
    if (questionEnd < 0 || (asksNothing && cookieLength == 0)) {
      return headerOnly(out, to, flags, Wire.FORMERR, edns, tcp);
    }
    int questionLength = questionEnd - from;
    System.arraycopy(
        in,
        from + Wire.HEADER_LENGTH,
        out,
        to + Wire.HEADER_LENGTH,
        questionLength - Wire.HEADER_LENGTH);
    Wire.putShort(out, to + 4, asksNothing ? 0 : 1);
    counters.query(question.type);
    boolean cookie = cookieLength > 0;
    if (tcp) {
      now = System.nanoTime();
    }
    identity = conduct.identity();
    @Nullable Cookies cookies = cookieLength == 0 ? null : conduct.cookies();
    if (cookies != null && !client.locate()) {
      cookies = null; // there is nothing to bind one to
    }
    if (cookies == null) {
      cookieLength = 0;
    }

    int limit =
        tcp
            ? Wire.MAX_TCP
            : edns ? Math.clamp(ednsPayload, Wire.MIN_UDP, Wire.MAX_UDP) : Wire.MIN_UDP;
    limit -= signature == null ? 0 : signature.length();
    int copied = Wire.QR | (flags & (Wire.RD | Wire.CD));
    @Nullable Answer answer = null;
    boolean signed = false;
    boolean asksName = false;
    int rcode;
    ZoneSigner.@Nullable Wanted wanted = null;
    if (signature != null && signature.error() != 0) {
      rcode = Wire.NOTAUTH;
    } else if (edns && ednsVersion != 0) {
      rcode = Wire.BADVERS;
    } else if (asksNothing) {
      rcode = Wire.NOERROR; // whoever asks nothing wants a cookie (RFC 7873, section 5.4)
    } else if (asksIdentity(in, questionEnd)) {
      rcode = Wire.NOERROR;
      asksName = true;
    } else if (Wire.getShort(in, questionEnd - 2) != DClass.IN) {
      rcode = Wire.REFUSED;
    } else if (question.type == Type.AXFR || question.type == Type.IXFR) {
      ZoneVersion zone = wantedZone(current.transfers());
      if (zone == null || (question.type == Type.AXFR && !tcp)) {
        rcode = Wire.REFUSED;
        counters.transferRefused();
        conduct.refusedTransfer(client, question, signature != null);
      } else if (question.type == Type.IXFR && knownSerial < 0) {
        rcode = Wire.FORMERR;
      } else if (tcp) {
        byte[] head = Arrays.copyOfRange(in, from, questionEnd);
        long known = question.type == Type.IXFR ? knownSerial : -1;
        transfer = new OutboundTransfer(zone, head, known, edns, signature);
        return TRANSFER;
      } else {
        // Over UDP the SOA says whether it is worth coming by TCP (RFC 1995, section 2).
        question.type = Type.SOA;
        answer = current.answer(question);
        rcode = Wire.NOERROR;
      }
    } else if (question.type == Type.OPT
        || question.type == 0
        || question.type == Denial.NXNAME) { // RFC 9824, section 3.5
      rcode = Wire.FORMERR;
    } else {
      answer = current.answer(question);
      counters.asked(current.roster(), question, answer, now);
      answer = answer == null ? null : current.tailor(answer, client);
      wanted = answer == null ? null : wanted(answer);
      rcode = Wire.REFUSED;
    }
    if (!tcp
        && isOverLimit(answer == null ? rcode : System.identityHashCode(answer))
        && (cookies == null || !cookies.isGood(in, cookieAt, cookieLength, client, seconds()))) {
      int given = limited(out, to, questionLength, copied, cookies);
      return asksNothing ? given : sampled(current, false, -1, given, cookie);
    }
    if (answer != null && wanted != null) {
      signed = dnssecOk;
      answer = current.signed(answer, question, wanted, probe, budget);
      if (answer == null) {
        // Somebody asks for more new names than can be signed. Over TCP the source is no fake.
        rcode = tcp ? Wire.SERVFAIL : Wire.NOERROR;
        copied |= tcp ? 0 : Wire.TC;
        counters.unsigned();
        client.regions(0);
      }
    }
    int written;
    if (answer == null) {
      Wire.putShort(out, to + 2, copied | (rcode & 0xf));
      Wire.putInt(out, to + 6, 0);
      Wire.putShort(out, to + 10, 0);
      written = questionLength;
      if (asksName) {
        written += writeIdentity(out, to, questionLength);
      }
    } else {
      int kept = answer.flags();
      if (signed && !compactOk && (kept & 0xf) == Wire.NXDOMAIN) {
        // The proof says that the name exists and has no data, so the code must, unless the client
        // knows better (RFC 9824, sections 3.1 and 5).
        kept &= ~0xf;
      }
      rcode = kept & 0xf;
      Wire.putShort(out, to + 2, copied | kept);
      written = answer.write(out, to, questionLength, edns ? limit - optLength() : limit);
      if ((out[to + 2] & (Wire.TC >> 8)) != 0) {
        counters.truncated();
        client.regions(0);
      } else {
        answer.shuffle(out, to + questionLength, client);
      }
      if (client.regions() != 0) {
        counters.answered(current.roster(), client);
      }
    }
    counters.response(rcode);
    if (edns) {
      written = appendOpt(out, to, written, rcode, signed && compactOk, cookies);
    }
    return asksNothing ? written : sampled(current, tcp, rcode, written, cookie);
  }

  /** Logs the query under way if it is one of the sample; returns the response's length. */
  private int sampled(Zones current, boolean tcp, int rcode, int length, boolean cookie) {
    @Nullable SampleLog samples = conduct.samples();
    if (samples != null && samples.wants(client, now)) {
      String transport = !tcp ? "udp" : stream != null && stream.isSecret() ? "tls" : "tcp";
      samples.take(transport, question, client, current.roster(), rcode, length, dnssecOk, cookie);
    }
    return length;
  }

  /** The zone that is to be copied, if there is one that this client may copy. */
  private @Nullable ZoneVersion wantedZone(Transfers transfers) {
    @Nullable MessageSignature signed = signature;
    return client.locate() && transfers.allows(client, signed == null ? null : signed.key())
        ? transfers.zone(WireName.of(question.name, 0))
        : null;
  }

  /** Whether it is asked which server this is (RFC 4892), and that is told. */
  private boolean asksIdentity(byte[] in, int questionEnd) {
    return identity != null
        && question.type == Type.TXT
        && Wire.getShort(in, questionEnd - 2) == DClass.CH
        && (isAbout(ID_SERVER) || isAbout(HOSTNAME_BIND));
  }

  private boolean isAbout(byte[] name) {
    return Arrays.equals(question.name, 0, question.nameLength, name, 0, name.length);
  }

  /** A TXT record of class CH, which nobody is to keep; returns its length. */
  private int writeIdentity(byte[] out, int to, int questionLength) {
    byte[] text = identity;
    if (text == null) {
      return 0;
    }
    int at = to + questionLength;
    Wire.putShort(out, to + 2, Wire.getShort(out, to + 2) | Wire.AA);
    Wire.putShort(out, to + 6, 1);
    Wire.putShort(out, at, 0xc000 | Wire.HEADER_LENGTH);
    Wire.putShort(out, at + 2, Type.TXT);
    Wire.putShort(out, at + 4, DClass.CH);
    Wire.putInt(out, at + 6, 0);
    Wire.putShort(out, at + 10, text.length + 1);
    out[at + 12] = (byte) text.length;
    System.arraycopy(text, 0, out, at + 13, text.length);
    return 13 + text.length;
  }

  /** Whether the client's network has had this response too often. */
  private boolean isOverLimit(int response) {
    @Nullable RateLimit rates = conduct.limit();
    return rates != null && client.locate() && !rates.allows(response, client, now);
  }

  private static long seconds() {
    return System.currentTimeMillis() / 1000;
  }

  /**
   * Instead of a response beyond the limit. One with a client's part of a cookie can be believed
   * with the next, so it gets ours; another is told, now and then, that it can ask over TCP: a
   * source that is no fake gets its answer so.
   */
  private int limited(
      byte[] out, int to, int questionLength, int copied, @Nullable Cookies cookies) {
    @Nullable RateLimit rates = conduct.limit();
    boolean slips = rates != null && rates.slips(client);
    counters.limited(slips);
    if (!slips) {
      return 0;
    }
    int rcode = cookies == null ? Wire.NOERROR : Wire.BADCOOKIE;
    Wire.putShort(out, to + 2, copied | (cookies == null ? Wire.TC : 0) | (rcode & 0xf));
    Wire.putInt(out, to + 6, 0);
    Wire.putShort(out, to + 10, 0);
    counters.response(rcode);
    return edns ? appendOpt(out, to, questionLength, rcode, false, cookies) : questionLength;
  }

  /** What of the answer's signed form is wanted; null for the answer as it is. */
  private ZoneSigner.@Nullable Wanted wanted(Answer answer) {
    if (answer.signer() == null) {
      return null;
    }
    Denial denial = answer.denial();
    // Types that only signing makes are like others when they are asked for (RFC 4035, section 3).
    if (question.type == Type.RRSIG && denial == null) {
      return ZoneSigner.Wanted.SIGNATURES;
    }
    if (question.type == Type.NSEC && denial != null && denial.isHere()) {
      return dnssecOk ? ZoneSigner.Wanted.NSEC : ZoneSigner.Wanted.NSEC_ALONE;
    }
    return dnssecOk ? ZoneSigner.Wanted.SIGNED : null;
  }

  private int silence() {
    counters.dropped();
    return 0;
  }

  /** A response that repeats no question; with an OPT record where one was read (RFC 6891, 7). */
  private int headerOnly(byte[] out, int to, int flags, int rcode, boolean opt, boolean tcp) {
    if (!tcp && isOverLimit(rcode)) {
      counters.limited(false);
      return 0;
    }
    Wire.putShort(out, to + 2, Wire.QR | (flags & (Wire.OPCODE | Wire.RD | Wire.CD)) | rcode);
    Wire.putInt(out, to + 4, 0);
    Wire.putInt(out, to + 8, 0);
    counters.response(rcode);
    if (!opt) {
      return Wire.HEADER_LENGTH;
    }
    putOpt(out, to + Wire.HEADER_LENGTH, 0, 0);
    Wire.putShort(out, to + 10, 1);
    return Wire.HEADER_LENGTH + Wire.OPT_LENGTH;
  }

  /** An OPT record whose options follow; what would be its TTL has flags and half of a code. */
  private static void putOpt(byte[] out, int at, int ttl, int optionsLength) {
    out[at] = 0;
    Wire.putShort(out, at + 1, Type.OPT);
    Wire.putShort(out, at + 3, Wire.MAX_UDP);
    Wire.putInt(out, at + 5, ttl);
    Wire.putShort(out, at + 9, optionsLength);
  }

  private int appendOpt(
      byte[] out, int to, int written, int rcode, boolean compact, @Nullable Cookies cookies) {
    int at = to + written;
    // Extended response code, version 0, and DO as asked (RFC 3225, section 3).
    int flags = (dnssecOk ? Wire.DO : 0) | (compact ? Wire.CO : 0);
    int subnet = client.subnet().length();
    int options = optLength() - Wire.OPT_LENGTH;
    int room = Math.min(out.length - to, Wire.MAX_TCP);
    room -= signature == null ? 0 : signature.length();
    int padding = padded ? padding(written + Wire.OPT_LENGTH + options, room) : 0;
    putOpt(out, at, ((rcode >> 4) << 24) | flags, options + padding);
    if (subnet > 0) {
      // Whatever the response code (RFC 7871, section 7.2.1).
      client.subnet().write(out, at + Wire.OPT_LENGTH, client.scope());
    }
    if (cookies != null) {
      int option = at + Wire.OPT_LENGTH + subnet;
      Wire.putShort(out, option, Cookies.CODE);
      Wire.putShort(out, option + 2, Cookies.CLIENT + Cookies.SERVER);
      System.arraycopy(clientCookie, 0, out, option + 4, Cookies.CLIENT);
      cookies.write(out, option + 4, client, seconds());
    }
    byte[] name = identity;
    int end = at + Wire.OPT_LENGTH + options;
    if (keepalive && stream != null) {
      end -= Wire.KEEPALIVE_LENGTH;
      Wire.putShort(out, end, Wire.KEEPALIVE);
      Wire.putShort(out, end + 2, 2);
      Wire.putShort(out, end + 4, Math.clamp(stream.idleTenths(), 0, 0xffff));
    }
    if (nsid && name != null) {
      int option = end - 4 - name.length;
      Wire.putShort(out, option, Wire.NSID);
      Wire.putShort(out, option + 2, name.length);
      System.arraycopy(name, 0, out, option + 4, name.length);
    }
    if (padding > 0) {
      int option = at + Wire.OPT_LENGTH + options;
      Wire.putShort(out, option, Wire.PADDING);
      Wire.putShort(out, option + 2, padding - Wire.OPTION_HEAD);
      Arrays.fill(out, option + Wire.OPTION_HEAD, option + padding, (byte) 0);
    }
    Wire.putShort(out, to + 10, Wire.getShort(out, to + 10) + 1);
    return written + Wire.OPT_LENGTH + options + padding;
  }

  /** Bytes of the option that fills a message of {@code length} to whole blocks, or to the most. */
  static int padding(int length, int room) {
    int most = Math.min(room, Wire.MAX_TCP);
    int blocks = (length + Wire.OPTION_HEAD + Wire.PADDING_BLOCK - 1) / Wire.PADDING_BLOCK;
    int padding = Math.min(blocks * Wire.PADDING_BLOCK, most) - length;
    return padding < Wire.OPTION_HEAD ? 0 : padding;
  }

  private int optLength() {
    byte[] name = identity;
    return Wire.OPT_LENGTH
        + client.subnet().length()
        + (cookieLength > 0 ? Cookies.OPTION : 0)
        + (nsid && name != null ? 4 + name.length : 0)
        + (keepalive ? Wire.KEEPALIVE_LENGTH : 0);
  }

  /**
   * Reads the whole query; returns where the question ends, the header's end if there is none, or
   * -1 if it is malformed.
   */
  private int parse(byte[] in, int from, int end) {
    edns = false;
    dnssecOk = false;
    compactOk = false;
    cookieLength = 0;
    nsid = false;
    tsigAt = -1;
    knownSerial = -1;
    keepalive = false;
    padded = false;
    client.clear();
    int questions = Wire.getShort(in, from + 4);
    if (questions > 1 || Wire.getShort(in, from + 6) != 0) {
      return -1;
    }
    int authorities = Wire.getShort(in, from + 8);
    int additionals = Wire.getShort(in, from + 10);
    int questionEnd = from + Wire.HEADER_LENGTH;
    question.type = 0;
    if (questions == 1) {
      int nameEnd = question.readName(in, from + Wire.HEADER_LENGTH, end);
      if (nameEnd < 0 || nameEnd + Wire.TYPE_AND_CLASS > end) {
        return -1;
      }
      question.type = Wire.getShort(in, nameEnd);
      questionEnd = nameEnd + Wire.TYPE_AND_CLASS;
    }
    if (authorities != 0 && question.type != Type.IXFR) {
      return -1;
    }
    int at = questionEnd;
    // Every record takes at least 11 bytes, so the message's length bounds both loops.
    for (int i = 0; i < authorities && at >= 0; i++) {
      at = skipRecord(in, at, end);
      if (at >= 0 && recordDataLength >= MIN_SOA && isOfType(Type.SOA, in, at)) {
        knownSerial = ZoneContents.serialBefore(in, at);
      }
    }
    for (int i = 0; i < additionals && at >= 0; i++) {
      at = tsigAt >= 0 ? -1 : readAdditional(in, at, end);
    }
    return at == end ? questionEnd : -1;
  }

  private int readAdditional(byte[] in, int at, int end) {
    int next = skipRecord(in, at, end);
    if (next < 0) {
      return -1;
    }
    if (isOfType(Type.TSIG, in, next)) {
      tsigAt = at;
    }
    if (!isOfType(Type.OPT, in, next)) {
      return next;
    }
    // RFC 6891, section 6.1.1 and 6.1.2: at most one, owned by the root.
    if (edns || in[at] != 0) {
      return -1;
    }
    edns = true;
    ednsPayload = Wire.getShort(in, at + 3);
    ednsVersion = in[at + 6] & 0xff;
    int flags = Wire.getShort(in, at + 7);
    dnssecOk = (flags & Wire.DO) != 0;
    compactOk = (flags & Wire.CO) != 0;
    return ednsVersion == 0 && !readOptions(in, at + 11, next) ? -1 : next;
  }

  private boolean readOptions(byte[] in, int start, int end) {
    int at = start;
    while (at < end) {
      if (at + 4 > end) {
        return false;
      }
      int length = Wire.getShort(in, at + 2);
      if (at + 4 + length > end) {
        return false;
      }
      int code = Wire.getShort(in, at);
      if (code == ClientSubnet.CODE && !client.subnet().read(in, at, length)) {
        return false;
      }
      nsid |= code == Wire.NSID;
      if (code == Cookies.CODE && !readCookie(in, at + 4, length)) {
        return false;
      }
      if (stream != null && code == Wire.KEEPALIVE) {
        if (length != 0) {
          return false; // clients tell no time (RFC 7828, section 3.2.1)
        }
        keepalive = true;
      }
      padded |= stream != null && code == Wire.PADDING && stream.isSecret();
      at += 4 + length;
    }
    return true;
  }

  /** Of several, the first counts (RFC 7873, section 5.2). */
  private boolean readCookie(byte[] in, int at, int length) {
    if (!Cookies.isPossible(length)) {
      return false;
    }
    if (cookieLength == 0) {
      cookieAt = at;
      cookieLength = length;
      System.arraycopy(in, at, clientCookie, 0, Cookies.CLIENT);
    }
    return true;
  }

  private int recordDataLength;

  /** Of the record that was skipped last, which ends there. */
  private boolean isOfType(int type, byte[] in, int recordEnd) {
    return Wire.getShort(in, recordEnd - recordDataLength - 10) == type;
  }

  private int skipRecord(byte[] in, int start, int end) {
    int at = skipName(in, start, end);
    if (at < 0 || at + 10 > end) {
      return -1;
    }
    recordDataLength = Wire.getShort(in, at + 8);
    at += 10 + recordDataLength;
    return at <= end ? at : -1;
  }

  /** Where a name ends that nobody needs to read; a pointer, wherever it leads, ends it. */
  static int skipName(byte[] in, int start, int end) {
    int at = start;
    while (at < end && at - start <= WireName.MAX_LENGTH) {
      int label = in[at] & 0xff;
      if (label == 0) {
        return at + 1;
      }
      if (label >= 0xc0) {
        return at + 2 <= end ? at + 2 : -1;
      }
      if (label > 63) {
        return -1;
      }
      at += label + 1;
    }
    return -1;
  }

  /** A connection that queries come over. */
  interface Stream {
    /** For how long it may be idle, in tenths of a second. */
    int idleTenths();

    /** Whether nobody on the way can read it. */
    boolean isSecret();
  }

  /** What a thread counts; implementations are for one thread. */
  interface Counters {
    /** A well-formed query for {@code type}. */
    void query(int type);

    /**
     * A question was looked up in the zones.
     *
     * @param roster of these zones
     * @param answer what was found, before it is signed; null for a name of no zone
     * @param now a time of {@link System#nanoTime}
     */
    void asked(Roster roster, Question question, @Nullable Answer answer, long now);

    /** An answer was given that was chosen by region. */
    void answered(Roster roster, Client client);

    /** A response with {@code rcode}. */
    void response(int rcode);

    /** A response cut short. */
    void truncated();

    /** A packet that got no response. */
    void dropped();

    /** A query beyond the limit on responses; whether it was told to ask over TCP. */
    void limited(boolean slipped);

    /** A response that could not be signed in time. */
    void unsigned();

    /** A zone was copied by a secondary; or what has changed in it. */
    void transferred(boolean incremental);

    /** Somebody wanted to copy a zone who may not. */
    void transferRefused();
  }
}
