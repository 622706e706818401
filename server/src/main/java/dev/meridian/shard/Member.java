package dev.meridian.shard;

import dev.meridian.document.InvalidInputException;
import dev.meridian.document.Json;
import dev.meridian.shard.proto.NodeInfo;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A node of the cluster as the catalog knows it.
 *
 * @param id its id
 * @param address where its peers reach it, HOST:PORT
 * @param zone the failure zone it was declared to be in; empty for none
 * @param version of Meridian that it ran when it was last seen
 * @param http where its web tier listens, for people; empty when off
 * @param state whether it belongs
 * @param joinedMillis when it joined, in milliseconds since 1970
 */
public record Member(
    String id,
    String address,
    String zone,
    String version,
    String http,
    State state,
    long joinedMillis) {
  /** Whether a node belongs to the cluster. */
  public enum State {
    /** It does. */
    IN,
    /** It was asked to leave, and does when others have what it holds. */
    LEAVING,
    /** It is gone for good; others take its place. */
    GONE
  }

  static Member of(NodeInfo info, long joinedMillis) {
    return new Member(
        info.getId(),
        info.getAddress(),
        info.getZone(),
        info.getVersion(),
        info.getHttp(),
        State.IN,
        joinedMillis);
  }

  Member with(State next) {
    return new Member(id, address, zone, version, http, next, joinedMillis);
  }

  InetSocketAddress socketAddress() {
    return address(address);
  }

  /** Reads HOST:PORT. */
  static InetSocketAddress address(String text) {
    int colon = text.lastIndexOf(':');
    try {
      if (colon > 0) {
        String host = text.substring(0, colon);
        boolean bracketed = host.startsWith("[") && host.endsWith("]");
        return new InetSocketAddress(
            bracketed ? host.substring(1, host.length() - 1) : host,
            Integer.parseInt(text.substring(colon + 1)));
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw new InvalidInputException("'" + text + "' is no HOST:PORT.");
  }

  Json json() {
    Map<String, Json> members = new LinkedHashMap<>();
    members.put("address", new Json.Str(address));
    members.put("zone", new Json.Str(zone));
    members.put("version", new Json.Str(version));
    members.put("http", new Json.Str(http));
    members.put("state", new Json.Str(state.name()));
    members.put("joined", Json.Num.of(joinedMillis));
    return new Json.Obj(members);
  }

  static Member parse(String id, byte[] json) {
    Map<String, Json> members = ((Json.Obj) Json.parse(json)).members();
    return new Member(
        id,
        text(members, "address"),
        text(members, "zone"),
        text(members, "version"),
        text(members, "http"),
        State.valueOf(text(members, "state")),
        members.get("joined") instanceof Json.Num number ? number.decimal().longValue() : 0);
  }

  private static String text(Map<String, Json> members, String name) {
    return members.get(name) instanceof Json.Str(String value) ? value : "";
  }
}
