package dev.meridian.shard;

import dev.meridian.document.CollectionPath;
import dev.meridian.document.Document;
import dev.meridian.document.DocumentPath;
import dev.meridian.document.Json;
import dev.meridian.peer.Authority;
import dev.meridian.peer.JoinGrant;
import dev.meridian.peer.JoinToken;
import dev.meridian.store.Batch;
import dev.meridian.store.Condition;
import dev.meridian.store.Expiry;
import dev.meridian.store.Query;
import dev.meridian.store.ReadOptions;
import dev.meridian.store.Store;
import dev.meridian.store.StoreException.PreconditionFailed;
import dev.meridian.store.Write;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What the cluster knows of itself: its nodes, who may join, which site it serves. Documents in a
 * small Raft group of its own, so it is as safe as the data. Any thread may use it.
 */
final class Catalog {
  private static final CollectionPath NODES = CollectionPath.parse("nodes");
  private static final CollectionPath REMOVED = CollectionPath.parse("removed");
  private static final CollectionPath GRANTS = CollectionPath.parse("grants");
  private static final CollectionPath DRAINED = CollectionPath.parse("drained");
  private static final DocumentPath COOKIES = DocumentPath.parse("secrets/cookies");
  private static final DocumentPath SITE = DocumentPath.parse("site/current");
  private static final int MOST_NODES = 1000;
  private static final int MOST_GRANTS = 100;
  private static final int MOST_DRAINED = 1000;

  /** How long a removed node is remembered: longer than its certificate is valid. */
  private static final Duration REMEMBERED = Authority.NODE_VALIDITY.multipliedBy(2);

  private final Store store;

  Catalog(Store store) {
    this.store = store;
  }

  /** All nodes, in the order in which they joined. */
  List<Member> nodes(ReadOptions read) {
    return store.list(Query.of(NODES, MOST_NODES), read).documents().stream()
        .map(document -> Member.parse(document.path().id(), document.json()))
        .sorted(Comparator.comparingLong(Member::joinedMillis).thenComparing(Member::id))
        .toList();
  }

  Optional<Member> node(String id, ReadOptions read) {
    return store.get(node(id), read).map(document -> Member.parse(id, document.json()));
  }

  private static DocumentPath node(String id) {
    return DocumentPath.parse("nodes/" + id);
  }

  void put(Member member) {
    put(node(member.id()), member.json(), Expiry.NEVER);
  }

  /** Forgets a node, but for its id: nobody with its certificate is let in again. */
  void remove(String id) {
    put(
        DocumentPath.parse("removed/" + id),
        new Json.Obj(Map.of()),
        new Expiry.At(System.currentTimeMillis() + REMEMBERED.toMillis()));
    store.write(Batch.of(new Write.Delete(node(id), Condition.NONE)));
  }

  /** The ids of nodes that were removed. */
  Set<String> removed(ReadOptions read) {
    return store.list(Query.of(REMOVED, MOST_NODES), read).documents().stream()
        .map(document -> document.path().id())
        .collect(Collectors.toUnmodifiableSet());
  }

  /** Forgets all nodes, and the tokens with which others could join. */
  void forgetNodes() {
    for (CollectionPath collection : List.of(NODES, GRANTS)) {
      List<Document> found;
      while (!(found = store.list(Query.of(collection, MOST_NODES), ReadOptions.STRONG).documents())
          .isEmpty()) {
        for (Document document : found) {
          store.write(Batch.of(new Write.Delete(document.path(), Condition.NONE)));
        }
      }
    }
  }

  private void put(DocumentPath path, Json value, Expiry expiry) {
    store.write(Batch.of(new Write.Put(path, value.toBytes(), Condition.NONE, expiry)));
  }

  /** Lets whoever has the token join, once or again and again. */
  void grant(JoinGrant grant) {
    byte[] random = new byte[8];
    new SecureRandom().nextBytes(random);
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("secretHash", new Json.Str(grant.secretHash()));
    members.put("expires", new Json.Str(grant.expires().toString()));
    members.put("reusable", new Json.Bool(grant.reusable()));
    put(
        DocumentPath.parse("grants/" + HexFormat.of().formatHex(random)),
        new Json.Obj(members),
        new Expiry.At(grant.expires().toEpochMilli()));
  }

  /**
   * Uses a token.
   *
   * @return whether it lets its holder join
   */
  boolean redeem(JoinToken token, Instant now) {
    return grant(token, now).map(grant -> joinGrant(grant).reusable() || use(grant)).orElse(false);
  }

  /** Whether {@link #redeem} would let a token through. */
  boolean isGranted(JoinToken token, Instant now) {
    return grant(token, now).isPresent();
  }

  private Optional<Document> grant(JoinToken token, Instant now) {
    return store.list(Query.of(GRANTS, MOST_GRANTS), ReadOptions.STRONG).documents().stream()
        .filter(document -> joinGrant(document).matches(token, now))
        .findFirst();
  }

  private static JoinGrant joinGrant(Document document) {
    Map<String, Json> members = ((Json.Obj) Json.parse(document.json())).members();
    return new JoinGrant(
        text(members, "secretHash"),
        Instant.parse(text(members, "expires")),
        new Json.Bool(true).equals(members.get("reusable")));
  }

  /** Two who come with one token at once: the catalog lets one of them through. */
  private boolean use(Document grant) {
    try {
      store.write(
          Batch.of(
              new Write.Delete(
                  grant.path(), new Condition(List.of(grant.version().etag()), List.of()))));
      return true;
    } catch (PreconditionFailed e) {
      return false;
    }
  }

  Optional<SiteVersion> site(ReadOptions read) {
    return store
        .get(SITE, read)
        .map(
            document -> {
              Map<String, Json> members = ((Json.Obj) Json.parse(document.json())).members();
              return new SiteVersion(
                  text(members, "hash"),
                  members.get("bytes") instanceof Json.Num bytes ? bytes.decimal().longValue() : 0,
                  text(members, "node"));
            });
  }

  /** The regions that operators keep clients from. */
  Map<String, Drain> drained(ReadOptions read) {
    Map<String, Drain> drained = new TreeMap<>();
    for (Document document : store.list(Query.of(DRAINED, MOST_DRAINED), read).documents()) {
      Map<String, Json> members = ((Json.Obj) Json.parse(document.json())).members();
      drained.put(
          document.path().id(),
          new Drain(Instant.parse(text(members, "since")), text(members, "reason")));
    }
    return drained;
  }

  void drain(String region, Drain drain) {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("since", new Json.Str(drain.since().toString()));
    members.put("reason", new Json.Str(drain.reason()));
    put(drained(region), new Json.Obj(members), Expiry.NEVER);
  }

  void undrain(String region) {
    store.write(Batch.of(new Write.Delete(drained(region), Condition.NONE)));
  }

  /**
   * The secret of cookies of the name server, made if there is none and made anew when it is old.
   *
   * @param life how long it is the current one
   */
  SharedSecret cookies(ReadOptions read, Instant now, Duration life) {
    Optional<Document> known = store.get(COOKIES, read);
    byte[] before = new byte[0];
    if (known.isPresent()) {
      Map<String, Json> members = ((Json.Obj) Json.parse(known.get().json())).members();
      byte[] current = HexFormat.of().parseHex(text(members, "current"));
      if (now.isBefore(Instant.parse(text(members, "made")).plus(life))) {
        return new SharedSecret(current, HexFormat.of().parseHex(text(members, "before")));
      }
      before = current;
    }
    byte[] current = new byte[16];
    new SecureRandom().nextBytes(current);
    SharedSecret made = new SharedSecret(current, before.length == 0 ? current : before);
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("current", new Json.Str(HexFormat.of().formatHex(made.current())));
    members.put("before", new Json.Str(HexFormat.of().formatHex(made.before())));
    members.put("made", new Json.Str(now.toString()));
    Condition condition =
        known
            .map(document -> Condition.ifMatch(document.version().etag()))
            .orElse(Condition.ABSENT);
    try {
      store.write(
          Batch.of(
              new Write.Put(COOKIES, new Json.Obj(members).toBytes(), condition, Expiry.NEVER)));
      return made;
    } catch (PreconditionFailed e) {
      // Another node was quicker; what it made is here in a moment.
      return cookies(ReadOptions.STRONG, now, life.multipliedBy(1000));
    }
  }

  private static DocumentPath drained(String region) {
    return DocumentPath.parse("drained/" + region);
  }

  void publish(SiteVersion site) {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("hash", new Json.Str(site.hash()));
    members.put("bytes", Json.Num.of(site.bytes()));
    members.put("node", new Json.Str(site.node()));
    put(SITE, new Json.Obj(members), Expiry.NEVER);
  }

  private static String text(Map<String, Json> members, String name) {
    return members.get(name) instanceof Json.Str(String value) ? value : "";
  }
}
