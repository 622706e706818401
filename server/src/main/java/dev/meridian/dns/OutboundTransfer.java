package dev.meridian.dns;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Type;

/**
 * A zone on its way to a secondary, whole (AXFR, RFC 5936) or as what has changed (IXFR, RFC 1995),
 * in as many messages as it takes. For one thread.
 */
final class OutboundTransfer {
  /** Messages end here; pointers lead no further, and a reader need not take more at once. */
  private static final int MESSAGE = 0x3fff;

  /** Room a message may need: one record of the largest kind does not fit the usual size. */
  static final int ROOM = Wire.MAX_TCP + MessageSignature.MAX_LENGTH;

  private static final Logger LOG = LoggerFactory.getLogger(OutboundTransfer.class);
  private static final byte[] OPT = {
    0, 0, Type.OPT, Wire.MAX_UDP >> 8, (byte) Wire.MAX_UDP, 0, 0, 0, 0, 0, 0
  };

  private final ZoneVersion zone;
  private final byte[] head;
  private final long known;
  private final boolean edns;
  private final @Nullable MessageSignature signature;
  private @Nullable Iterator<ZoneRecord> records;
  private @Nullable ZoneRecord next;
  private boolean first = true;
  private boolean incremental;
  private boolean current;

  /**
   * Creates it.
   *
   * @param head the header and the question of the request, whose name is the zone's
   * @param known the serial that the secondary has; negative if it wants all
   * @param edns whether the request has an OPT record
   * @param signature of the request; null if it is not signed
   */
  OutboundTransfer(
      ZoneVersion zone,
      byte[] head,
      long known,
      boolean edns,
      @Nullable MessageSignature signature) {
    this.zone = zone;
    this.head = head;
    this.known = known;
    this.edns = edns;
    this.signature = signature;
  }

  ZoneVersion zone() {
    return zone;
  }

  /** Whether the secondary has the newest already; after the first message. */
  boolean isCurrent() {
    return current;
  }

  /** Whether only what has changed is sent; after the first message. */
  boolean isIncremental() {
    return incremental;
  }

  /**
   * Writes the next message. The first may take long: the zone is put together, and signed.
   *
   * @param out has room for {@link #ROOM} bytes at {@code to}
   * @return its length; 0 when there are no more
   */
  int next(byte[] out, int to) {
    Iterator<ZoneRecord> rest = records;
    if (rest == null) {
      rest = content();
      records = rest;
      next = rest.next();
    }
    if (next == null) {
      return 0;
    }
    System.arraycopy(head, 0, out, to, head.length);
    Wire.putShort(out, to + 2, Wire.QR | Wire.AA | (Wire.getShort(head, 2) & Wire.RD));
    Wire.putShort(out, to + 4, 1);
    Wire.putInt(out, to + 8, 0);
    int at = to + head.length;
    int count = 0;
    WireName owner = zone.apex();
    int ownerAt = Wire.HEADER_LENGTH;
    int reserved = OPT.length + (signature == null ? 0 : MessageSignature.MAX_LENGTH);
    while (next != null) {
      ZoneRecord record = next;
      int most = WireName.MAX_LENGTH + 10 + record.rdata().length + reserved;
      if (count > 0 && at - to + most > MESSAGE) {
        break;
      }
      if (record.owner().equals(owner)) {
        Wire.putShort(out, at, 0xc000 | ownerAt);
        at += 2;
      } else {
        ownerAt = at - to;
        owner = record.owner();
        at = putOwner(out, at, owner);
      }
      Wire.putShort(out, at, record.type());
      Wire.putShort(out, at + 2, DClass.IN);
      Wire.putInt(out, at + 4, (int) record.ttl());
      Wire.putShort(out, at + 8, record.rdata().length);
      System.arraycopy(record.rdata(), 0, out, at + 10, record.rdata().length);
      at += 10 + record.rdata().length;
      count++;
      next = rest.hasNext() ? rest.next() : null;
    }
    Wire.putShort(out, to + 6, count);
    if (first && edns) {
      System.arraycopy(OPT, 0, out, at, OPT.length);
      at += OPT.length;
      Wire.putShort(out, to + 10, 1);
    }
    first = false;
    int length = signature == null ? at - to : signature.sign(out, to, at - to);
    if (length > Wire.MAX_TCP) {
      throw new IllegalStateException(
          "a record of '" + owner + "' is too large to be transferred with a signature");
    }
    return length;
  }

  /** A name of the zone: what it has before the zone's own name, and a pointer to that. */
  private int putOwner(byte[] out, int at, WireName owner) {
    int own = owner.length() - zone.apex().length();
    System.arraycopy(owner.wire(), 0, out, at, own);
    Wire.putShort(out, at + own, 0xc000 | Wire.HEADER_LENGTH);
    return at + own + 2;
  }

  private Iterator<ZoneRecord> content() {
    // The zone may be asked for by somebody who has what is here already, or more.
    if (known >= 0 && isCurrent(known, zone.serial())) {
      current = true;
      if (known != zone.serial()) {
        LOG.warn(
            "A secondary has the zone '{}' with the serial {}, which is after ours ({}), so it does not"
                + " follow. Let it fetch the whole zone anew, or write an SOA with a later serial.",
            zone.apex(),
            known,
            zone.serial());
      }
      return List.of(zone.copy().soa()).iterator();
    }
    Optional<List<ZoneDiff>> diffs = known < 0 ? Optional.empty() : zone.since(known);
    ZoneCopy copy = zone.copy();
    incremental = diffs.isPresent();
    if (diffs.isEmpty()) {
      return Stream.of(
              Stream.of(copy.soa()),
              copy.owners().stream().flatMap(o -> ZoneCopy.records(o.sets()).stream()),
              Stream.of(copy.soa()))
          .flatMap(part -> part)
          .iterator();
    }
    List<ZoneRecord> all = new ArrayList<>();
    all.add(copy.soa());
    for (ZoneDiff diff : diffs.get()) {
      all.add(diff.from());
      all.addAll(diff.removed());
      all.add(diff.to());
      all.addAll(diff.added());
    }
    all.add(copy.soa());
    return all.iterator();
  }

  /** Whether a serial is the zone's or a later one (RFC 1982). */
  static boolean isCurrent(long serial, long zones) {
    return (int) (serial - zones) >= 0;
  }
}
