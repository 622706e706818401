package dev.meridian.node;

import dev.meridian.dns.GeoStatus;
import dev.meridian.document.Json;
import dev.meridian.replica.Group;
import dev.meridian.replica.ReplicaStatus;
import dev.meridian.shard.Cluster;
import dev.meridian.shard.Member;
import dev.meridian.site.Listeners;
import dev.meridian.site.LiveSite;
import dev.meridian.store.PendingStatus;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The state of a node as JSON: what {@code GET /status} of the operator's listener answers. */
final class StatusReport {
  /** A member that has not answered for so long counts as failed. */
  private static final long SILENT_MILLIS = 2000;

  private StatusReport() {}

  static byte[] of(
      NodeOptions options,
      Instant started,
      LiveSite site,
      @Nullable String namesProblem,
      List<String> zones,
      Optional<GeoStatus> geo,
      Optional<Json> asked,
      Json regions,
      Listeners listeners,
      Cluster.Status cluster,
      Json cache,
      Seeding.Progress seeding,
      Json sessions,
      Json accounts,
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
    about.put(
        "zones", new Json.Arr(zones.stream().map(zone -> (Json) new Json.Str(zone)).toList()));
    about.put("problem", site.problem().orElse(namesProblem));
    report.put("site", about.json());

    geo.ifPresent(status -> report.put("geo", geo(status)));
    asked.ifPresent(queries -> report.put("asked", queries));
    if (!regions.equals(new Json.Arr(List.of()))) {
      report.put("regions", regions);
    }

    Members addresses = new Members();
    addresses.put("http", listeners.http().map(StatusReport::text).orElse(null));
    addresses.put("https", listeners.https().map(StatusReport::text).orElse(null));
    addresses.put("dns", listeners.dns().map(StatusReport::text).orElse(null));
    addresses.put("dnsTls", listeners.dnsTls().map(StatusReport::text).orElse(null));
    addresses.put("admin", text(listeners.admin()));
    addresses.put("peer", text(listeners.peer()));
    report.put("listeners", addresses.json());

    report.put("cluster", cluster(cluster));

    ReplicaStatus replica = cluster.replica();
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
    shard.put("pending", pending(replica.pending()));
    report.put("shards", new Json.Arr(List.of(shard.json())));

    report.put("sessions", sessions);
    report.put("accounts", accounts);
    report.put("cache", cache);

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

  private static Json geo(GeoStatus status) {
    Members about = new Members();
    about.put("file", status.database().toString());
    about.put("database", status.type().isEmpty() ? null : status.type());
    about.put("built", status.built().map(Instant::toString).orElse(null));
    about.put("networks", status.networks());
    about.put(
        "defaultOrder",
        new Json.Arr(status.order().stream().map(region -> (Json) new Json.Str(region)).toList()));
    about.put("problem", status.problem().orElse(null));
    return about.json();
  }

  private static Json cluster(Cluster.Status cluster) {
    Members about = new Members();
    about.put("id", cluster.id());
    about.put("node", cluster.self());
    about.put("members", cluster.members().replicas().size());
    about.put("spareFailures", spareFailures(cluster));
    Group group = cluster.group();
    if (group != null) {
      about.put("primary", group.primary());
    }
    List<Json> nodes = new ArrayList<>();
    for (Member node : cluster.nodes()) {
      nodes.add(node(node, cluster));
    }
    about.put("nodes", new Json.Arr(nodes));
    return about.json();
  }

  private static Json node(Member node, Cluster.Status cluster) {
    Members about = new Members();
    about.put("id", node.id());
    about.put("address", node.address());
    about.put("http", node.http());
    about.put("zone", node.zone());
    about.put("version", node.version());
    Group group = cluster.group();
    Group.Follower follower =
        group == null
            ? null
            : group.followers().stream()
                .filter(f -> f.node().equals(node.id()))
                .findFirst()
                .orElse(null);
    if (node.state() != Member.State.IN) {
      about.put("role", node.state().name().toLowerCase(Locale.ROOT));
    } else if (group != null && group.primary().equals(node.id())) {
      about.put("role", "primary");
    } else {
      about.put("role", role(node.id(), cluster));
    }
    if (group != null && follower != null && !follower.isForgotten()) {
      about.put("lag", Math.max(0, group.index() - follower.index()));
      about.put("lagMillis", follower.lagMillis());
      about.put("silentMillis", follower.silentMillis());
      follower.snapshotPercent().ifPresent(percent -> about.put("snapshotPercent", percent));
    }
    return about.json();
  }

  private static String role(String node, Cluster.Status cluster) {
    if (cluster.members().replicas().containsKey(node)) {
      return "replica";
    }
    return cluster.members().spares().containsKey(node) ? "spare" : "joining";
  }

  /** How many more members may fail before writes stop; -1 when they have stopped. */
  private static int spareFailures(Cluster.Status cluster) {
    Group group = cluster.group();
    if (group == null) {
      return -1;
    }
    int members = cluster.members().replicas().size();
    int live =
        1
            + (int)
                group.followers().stream()
                    .filter(
                        follower -> !follower.spare() && follower.silentMillis() < SILENT_MILLIS)
                    .count();
    return live - (members / 2 + 1);
  }

  private static Json memory() {
    Runtime runtime = Runtime.getRuntime();
    Members memory = new Members();
    memory.put("heapUsedBytes", runtime.totalMemory() - runtime.freeMemory());
    memory.put("heapMaxBytes", runtime.maxMemory());
    return memory.json();
  }

  static String text(InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  private static Json decimal(double value) {
    return new Json.Num(Double.isFinite(value) ? String.format(Locale.ROOT, "%.3f", value) : "0");
  }

  /** What write-behind has put off. */
  private static Json pending(PendingStatus pending) {
    Members members = new Members();
    members.put("documents", pending.documents());
    members.put("bytes", pending.bytes());
    members.put("ageMillis", pending.ageMillis(System.currentTimeMillis()));
    members.put("writes", pending.writes());
    members.put("flushed", pending.flushed());
    members.put("coalescing", decimal(pending.coalescing()));
    members.put("passed", pending.passed());
    return members.json();
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
