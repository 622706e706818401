package dev.meridian.dns;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Name;

/** The name servers of a zone by all that is said of them, and where they are. */
final class NameServers {
  private static final int MOST_SERVERS = 16;
  private static final int MOST_ADDRESSES = 8;

  private NameServers() {}

  /**
   * Where a name server is.
   *
   * @param own its addresses by its own zone
   * @param all with the parent's glue
   * @param alias whether its name is a CNAME, which it must not be (RFC 2181, section 10.3)
   * @param failure why nothing is known of it; null if something is
   */
  record Found(
      List<InetAddress> own, Set<InetAddress> all, boolean alias, @Nullable String failure) {}

  /**
   * Looks where they are.
   *
   * @param names at most 16 of these
   * @param zone names in it are asked of {@code inZone}, others of {@code outside}
   * @param inZone who answers for the zone; null if nobody is known to
   */
  static Map<Name, Found> find(
      Asker asker,
      Set<Name> names,
      Name zone,
      @Nullable Resolving inZone,
      Resolving outside,
      @Nullable ParentView parent)
      throws InterruptedException {
    List<Name> some = names.stream().limit(MOST_SERVERS).toList();
    List<Callable<Found>> tasks = new ArrayList<>();
    for (Name name : some) {
      Resolving resolving = inZone != null && name.subdomain(zone) ? inZone : outside;
      tasks.add(() -> find(name, resolving, parent == null ? Set.of() : parent.glue(name)));
    }
    List<Found> found = asker.all(tasks);
    Map<Name, Found> all = new TreeMap<>();
    for (int i = 0; i < some.size(); i++) {
      all.put(some.get(i), found.get(i));
    }
    return all;
  }

  private static Found find(Name name, Resolving resolving, Set<InetAddress> glue) {
    Set<InetAddress> all = new LinkedHashSet<>();
    glue.stream().limit(MOST_ADDRESSES).forEach(all::add);
    try {
      Resolving.Addresses known = resolving.addresses(name, MOST_ADDRESSES);
      all.addAll(known.all());
      return new Found(known.all(), all, known.alias() != null, null);
    } catch (IOException e) {
      return new Found(List.of(), all, false, String.valueOf(e.getMessage()));
    }
  }

  /** All of them at all of their addresses. */
  static List<ServerView.Server> servers(Map<Name, Found> found, int port) {
    List<ServerView.Server> servers = new ArrayList<>();
    found.forEach(
        (name, where) ->
            where
                .all()
                .forEach(
                    address ->
                        servers.add(
                            new ServerView.Server(
                                Findings.text(name),
                                new InetSocketAddress(address, port),
                                false))));
    return servers;
  }

  /** The names that servers say the zone's servers have. */
  static Set<Name> named(List<ServerView> views) {
    Set<Name> all = new TreeSet<>();
    views.forEach(view -> all.addAll(view.servers()));
    return all;
  }
}
