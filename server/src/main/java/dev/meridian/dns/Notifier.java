package dev.meridian.dns;

import dev.meridian.site.Secondary;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

/**
 * Tells secondaries that zones have changed (NOTIFY, RFC 1996), so that they need not wait until
 * they ask by themselves. A thread a secondary, while it has something to tell; each zone is told
 * five times at most.
 */
final class Notifier implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Notifier.class);

  /** How long an answer is waited for: at first, and twice as long each time after. */
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private static final int TRIES = 5;
  private static final int MAX_RESPONSE = 1232;

  private final InetSocketAddress own;
  private final Counter acknowledged;
  private final Counter failed;
  private final SecureRandom random = new SecureRandom();

  /** The serials that were served last; guarded by this. */
  private Map<WireName, Long> served = Map.of();

  /** What is yet to be told, by whom it is to be told to; guarded by this. */
  private final Map<Secondary, Map<WireName, ZoneVersion>> waiting = new HashMap<>();

  /** Those that a thread is telling; guarded by this. */
  private final Map<Secondary, Thread> telling = new HashMap<>();

  private volatile boolean closed;

  /**
   * Creates it.
   *
   * @param own where the name server listens: what secondaries know it by
   */
  Notifier(InetSocketAddress own, MeterRegistry registry) {
    this.own = own;
    acknowledged = counter(registry, "acknowledged");
    failed = counter(registry, "failed");
  }

  private static Counter counter(MeterRegistry registry, String result) {
    return Counter.builder("meridian.dns.notifies")
        .description("Changes of zones that secondaries were told of")
        .tag("result", result)
        .register(registry);
  }

  /** Tells of each zone that is another one than before. Does not wait. */
  synchronized void serving(Transfers transfers) {
    Set<ZoneVersion> changed = new HashSet<>();
    Map<WireName, Long> serials = new HashMap<>();
    for (ZoneVersion zone : transfers.zones()) {
      serials.put(zone.apex(), zone.serial());
      if (!Long.valueOf(zone.serial()).equals(served.get(zone.apex()))) {
        changed.add(zone);
      }
    }
    served = serials;
    waiting.keySet().retainAll(transfers.secondaries());
    if (changed.isEmpty() || closed) {
      return;
    }
    for (Secondary secondary : transfers.secondaries()) {
      if (secondary.told().isPresent()) {
        Map<WireName, ZoneVersion> to = waiting.computeIfAbsent(secondary, _ -> new HashMap<>());
        changed.forEach(zone -> to.put(zone.apex(), zone));
        telling.computeIfAbsent(
            secondary, _ -> Thread.ofVirtual().name("dns-notify").start(() -> tell(secondary)));
      }
    }
  }

  private void tell(Secondary secondary) {
    try {
      // One that is silent is not asked patiently about each of its zones.
      boolean answers = true;
      for (ZoneVersion zone; (zone = next(secondary)) != null; ) {
        answers = tell(secondary, zone, answers ? TRIES : 1);
      }
    } catch (IOException | RuntimeException e) {
      LOG.warn("The secondary {} could not be told of changes.", secondary, e);
      synchronized (this) {
        waiting.remove(secondary);
        telling.remove(secondary);
      }
    }
  }

  private synchronized @Nullable ZoneVersion next(Secondary secondary) {
    Map<WireName, ZoneVersion> zones = waiting.get(secondary);
    if (zones == null || zones.isEmpty() || closed) {
      waiting.remove(secondary);
      telling.remove(secondary);
      return null;
    }
    return zones.remove(zones.keySet().iterator().next());
  }

  /** Whether a later version of the zone waits to be told, so that this one need not be. */
  private synchronized boolean isOutdated(Secondary secondary, ZoneVersion zone) {
    Map<WireName, ZoneVersion> zones = waiting.get(secondary);
    return closed || zones == null || zones.containsKey(zone.apex());
  }

  /** Tells of one zone; whether the secondary has said anything. */
  private boolean tell(Secondary secondary, ZoneVersion zone, int tries) throws IOException {
    InetSocketAddress to = secondary.told().orElseThrow();
    String why = "";
    boolean answered = false;
    InetAddress from = own.getAddress();
    try (DatagramSocket socket =
        from.isAnyLocalAddress()
            ? new DatagramSocket()
            : new DatagramSocket(new InetSocketAddress(from, 0))) {
      socket.connect(to);
      Duration patience = PATIENCE;
      for (int i = 0; i < tries && !isOutdated(secondary, zone); i++) {
        try {
          Optional<String> refused = exchange(socket, secondary, zone, patience);
          answered = true;
          if (refused.isEmpty()) {
            acknowledged.increment();
            LOG.debug("{} knows of {} {}", secondary, zone.apex(), zone.serial());
            return true;
          }
          why = refused.get();
          break;
        } catch (SocketTimeoutException e) {
          why = "it did not answer";
        } catch (PortUnreachableException e) {
          why = "nobody listens there";
          pause(patience);
        } catch (IOException e) {
          why = String.valueOf(e.getMessage());
          pause(patience);
        }
        patience = patience.multipliedBy(2);
      }
    } catch (IOException e) {
      why = String.valueOf(e.getMessage());
    }
    if (isOutdated(secondary, zone)) {
      return answered;
    }
    failed.increment();
    if (answered || tries == TRIES) {
      LOG.warn(
          "The secondary {} could not be told at {} that the zone '{}' is now at {}, as {}; it will"
              + " find out when it asks by itself.",
          secondary,
          to,
          zone.apex(),
          zone.serial(),
          why);
    }
    return answered;
  }

  private void pause(Duration duration) {
    try {
      Thread.sleep(duration);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Sends one and waits for its answer: empty if the secondary has understood, else why not. */
  private Optional<String> exchange(
      DatagramSocket socket, Secondary secondary, ZoneVersion zone, Duration patience)
      throws IOException {
    byte[] message = new byte[MAX_RESPONSE + MessageSignature.MAX_LENGTH];
    int id = random.nextInt(1 << 16);
    int length = write(message, id, zone);
    int questionEnd = Wire.HEADER_LENGTH + zone.apex().length() + Wire.TYPE_AND_CLASS;
    byte[] question = Arrays.copyOfRange(message, Wire.HEADER_LENGTH, questionEnd);
    MessageSignature signature =
        secondary.key().map(key -> MessageSignature.of(key, InstantSource.system())).orElse(null);
    if (signature != null) {
      length = signature.sign(message, 0, length);
    }
    socket.send(new DatagramPacket(message, length));
    long end = System.nanoTime() + patience.toNanos();
    byte[] answer = new byte[MAX_RESPONSE];
    while (true) {
      long left = Duration.ofNanos(end - System.nanoTime()).toMillis();
      if (left <= 0) {
        throw new SocketTimeoutException();
      }
      socket.setSoTimeout((int) left);
      DatagramPacket packet = new DatagramPacket(answer, answer.length);
      socket.receive(packet);
      int size = packet.getLength();
      boolean ours =
          size >= Wire.HEADER_LENGTH
              && Wire.getShort(answer, 0) == id
              && (Wire.getShort(answer, 2) & (Wire.QR | Wire.OPCODE))
                  == (Wire.QR | (Opcode.NOTIFY << 11));
      int rcode = Wire.getShort(answer, 2) & 0xf;
      // Some repeat no question in an error.
      boolean same =
          (Wire.getShort(answer, 4) == 0 && rcode != Wire.NOERROR)
              || (size >= questionEnd
                  && Arrays.equals(
                      lower(question),
                      lower(Arrays.copyOfRange(answer, Wire.HEADER_LENGTH, questionEnd))));
      // Whoever shares a key with us says nothing without it, and others may say what they like.
      if (ours && same && (signature == null || signature.verifies(answer, 0, size))) {
        return rcode == Wire.NOERROR
            ? Optional.empty()
            : Optional.of(
                "it answered "
                    + Rcode.string(rcode)
                    + "; let its configuration allow notifies from "
                    + socket.getLocalAddress().getHostAddress());
      }
    }
  }

  private static byte[] lower(byte[] bytes) {
    byte[] lowered = bytes.clone();
    for (int i = 0; i < lowered.length; i++) {
      lowered[i] = WireName.lower(lowered[i]);
    }
    return lowered;
  }

  /** RFC 1996, section 3.7: the question is for the SOA, and the answer holds the new one. */
  private static int write(byte[] out, int id, ZoneVersion zone) {
    Wire.putShort(out, 0, id);
    Wire.putShort(out, 2, (Opcode.NOTIFY << 11) | Wire.AA);
    Wire.putShort(out, 4, 1);
    Wire.putShort(out, 6, 1);
    byte[] name = zone.apex().wire();
    int at = Wire.HEADER_LENGTH;
    System.arraycopy(name, 0, out, at, name.length);
    at += name.length;
    Wire.putShort(out, at, Type.SOA);
    Wire.putShort(out, at + 2, DClass.IN);
    at += Wire.TYPE_AND_CLASS;
    RrSet soa = zone.soa();
    byte[] data = soa.rdata().getFirst();
    Wire.putShort(out, at, 0xc000 | Wire.HEADER_LENGTH);
    Wire.putShort(out, at + 2, Type.SOA);
    Wire.putShort(out, at + 4, DClass.IN);
    Wire.putInt(out, at + 6, (int) soa.ttl());
    Wire.putShort(out, at + 10, data.length);
    System.arraycopy(data, 0, out, at + 12, data.length);
    return at + 12 + data.length;
  }

  @Override
  public void close() {
    closed = true;
    List<Thread> threads;
    synchronized (this) {
      threads = new ArrayList<>(telling.values());
      waiting.clear();
    }
    threads.forEach(Thread::interrupt);
  }
}
