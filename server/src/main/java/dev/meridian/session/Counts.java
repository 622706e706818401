package dev.meridian.session;

import dev.meridian.document.Json;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What became of sessions on this node since it started. Safe for any thread. */
public final class Counts {
  /** What happens to sessions. */
  public enum Event {
    /** One was made. */
    CREATED,
    /** One was found for a request. */
    LOADED,
    /** One was changed. */
    CHANGED,
    /** The life of one was prolonged. */
    RENEWED,
    /** One got another cookie. */
    ROTATED,
    /** One was ended by its visitor, its user or the operator. */
    ENDED
  }

  private final Map<Event, LongAdder> events = new EnumMap<>(Event.class);
  private final Map<Refusal, LongAdder> refusals = new EnumMap<>(Refusal.class);

  Counts() {
    for (Event event : Event.values()) {
      events.put(event, new LongAdder());
    }
    for (Refusal refusal : Refusal.values()) {
      refusals.put(refusal, new LongAdder());
    }
  }

  void count(Event event) {
    adder(events, event).increment();
  }

  /** Counts a refusal. */
  public void count(Refusal refusal) {
    adder(refusals, refusal).increment();
  }

  /** How often it was refused so. */
  public long of(Refusal refusal) {
    return adder(refusals, refusal).sum();
  }

  /** How often it happened. */
  public long of(Event event) {
    return adder(events, event).sum();
  }

  private static <K> LongAdder adder(Map<K, LongAdder> adders, K key) {
    LongAdder adder = adders.get(key);
    if (adder == null) {
      throw new IllegalStateException("no count of " + key);
    }
    return adder;
  }

  /** Shows them as {@code meridian_sessions_total} and {@code meridian_sessions_refused_total}. */
  public void bindTo(MeterRegistry registry) {
    events.forEach(
        (event, count) ->
            FunctionCounter.builder("meridian.sessions", count, LongAdder::sum)
                .description("What happened to sessions")
                .tag("event", event.name().toLowerCase(Locale.ROOT))
                .register(registry));
    refusals.forEach(
        (refusal, count) ->
            FunctionCounter.builder("meridian.sessions.refused", count, LongAdder::sum)
                .description("Cookies and requests that were not taken for a session's")
                .tag("reason", refusal.word())
                .register(registry));
  }

  /** All of them as an object. */
  public Json.Obj json() {
    Map<String, Json> members = new LinkedHashMap<>();
    events.forEach(
        (event, count) ->
            members.put(event.name().toLowerCase(Locale.ROOT), Json.Num.of(count.sum())));
    Map<String, Json> refused = new LinkedHashMap<>();
    refusals.forEach((refusal, count) -> refused.put(refusal.word(), Json.Num.of(count.sum())));
    members.put("refused", new Json.Obj(refused));
    return new Json.Obj(members);
  }
}
