package dev.meridian.dns;

import io.micrometer.core.instrument.Timer;
import java.util.concurrent.TimeUnit;

/** Answers the packets of one UDP socket; for one thread. */
final class UdpHandler {
  private final Responder responder;
  private final Timer timer;
  private int untilSample = UdpListener.SAMPLE;

  UdpHandler(Responder responder, Timer timer) {
    this.responder = responder;
    this.timer = timer;
  }

  /** As {@link Responder#from}. */
  void from(Client.Source source) {
    responder.from(source);
  }

  /** Packets were taken just now. */
  void received() {
    responder.at(System.nanoTime());
  }

  /** As {@link Responder#respond}, timing some. */
  int respond(byte[] in, int length, byte[] out) {
    if (--untilSample > 0) {
      return responder.respond(in, 0, length, out, 0, false);
    }
    untilSample = UdpListener.SAMPLE;
    long start = System.nanoTime();
    int written = responder.respond(in, 0, length, out, 0, false);
    timer.record(System.nanoTime() - start, TimeUnit.NANOSECONDS);
    return written;
  }
}
