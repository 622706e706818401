package dev.meridian.node;

import dev.meridian.document.Json;
import dev.meridian.replica.ReplicaStatus;
import dev.meridian.site.Listeners;
import dev.meridian.site.LiveSite;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The state of a node as JSON: what {@code GET /status} of the operator's listener answers. */
final class StatusReport {
  private StatusReport() {}

  static byte[] of(
      NodeOptions options,
      Instant started,
      LiveSite site,
      @Nullable String namesProblem,
      Listeners listeners,
      ReplicaStatus replica,
      Seeding.Progress seeding,
      Optional<String> notReady) {
    Members report = new Members();
    report.put("ready", notReady.isEmpty());
    report.put("notReady", notReady.orElse(null));
    report.put("version", options.version());
    report.put("started", started.toString());
    report.put("uptimeSeconds", Duration.between(started, Instant.now()).toSeconds());
    report.put("pid", ProcessHandle.current().pid());
    report.put("memory", memory());

    Members about = new Members();
    about.put("name", site.current().name());
    about.put("folder", site.current().folder().toString());
    about.put(
        "domains",
        new Json.Arr(site.current().domains().stream().map(d -> (Json) new Json.Str(d)).toList()));
    about.put("problem", site.problem().orElse(namesProblem));
    report.put("site", about.json());

    Members addresses = new Members();
    addresses.put("http", listeners.http().map(StatusReport::text).orElse(null));
    addresses.put("https", listeners.https().map(StatusReport::text).orElse(null));
    addresses.put("dns", listeners.dns().map(StatusReport::text).orElse(null));
    addresses.put("admin", text(listeners.admin()));
    addresses.put("peer", text(listeners.peer()));
    report.put("listeners", addresses.json());

    Members shard = new Members();
    shard.put("shard", 0);
    shard.put("role", replica.role());
    shard.put("ready", replica.ready());
    shard.put("problem", replica.problem());
    shard.put("members", replica.members());
    shard.put("spareFailures", replica.spareFailures());
    shard.put("term", replica.term());
    shard.put("committedIndex", replica.committedIndex());
    shard.put("appliedIndex", replica.appliedIndex());
    shard.put("snapshotIndex", replica.snapshotIndex());
    shard.put("logBytes", replica.logBytes());
    shard.put("queuedWrites", replica.queuedWrites());
    shard.put("entriesInFlight", replica.entriesInFlight());
    shard.put("entries", replica.entries());
    shard.put("writesPerEntry", decimal(replica.writesPerEntry()));
    shard.put("commitMillis", decimal(replica.commitMillis()));
    shard.put("clockLeadMillis", replica.clockLeadMillis());
    shard.put("diskFreeBytes", replica.diskFreeBytes());
    report.put("shards", new Json.Arr(List.of(shard.json())));

    if (!seeding.collection().isEmpty()) {
      Members seed = new Members();
      seed.put("collection", seeding.collection());
      seed.put("documents", seeding.documents());
      seed.put("bytesRead", seeding.bytesRead());
      seed.put("bytesTotal", seeding.bytesTotal());
      seed.put("problem", seeding.problem());
      report.put("seeding", seed.json());
    }
    return report.json().toBytes();
  }

  private static Json memory() {
    Runtime runtime = Runtime.getRuntime();
    Members memory = new Members();
    memory.put("heapUsedBytes", runtime.totalMemory() - runtime.freeMemory());
    memory.put("heapMaxBytes", runtime.maxMemory());
    return memory.json();
  }

  private static String text(InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  private static Json decimal(double value) {
    return new Json.Num(Double.isFinite(value) ? String.format(Locale.ROOT, "%.3f", value) : "0");
  }

  /** An object being put together; what is null is left out. */
  private static final class Members {
    private final Map<String, Json> members = new LinkedHashMap<>();

    void put(String name, @Nullable String value) {
      if (value != null) {
        members.put(name, new Json.Str(value));
      }
    }

    void put(String name, long value) {
      members.put(name, new Json.Num(Long.toString(value)));
    }

    void put(String name, boolean value) {
      members.put(name, new Json.Bool(value));
    }

    void put(String name, Json value) {
      members.put(name, value);
    }

    Json json() {
      return new Json.Obj(members);
    }
  }
}
