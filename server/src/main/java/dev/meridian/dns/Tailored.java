package dev.meridian.dns;

import dev.meridian.dns.Choice.TooManySelections;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The answers of all names that answer by region, as things are now: regions' readiness and where
 * clients are. Immutable; what changes makes a new one, while the zones stay.
 */
final class Tailored {
  /** Most different choices of a site: each has its own table of all networks. */
  static final int MAX_CHOICES = 32;

  /**
   * Most networks in all tables together; each takes 8 to 20 bytes, so it is a part of the heap.
   */
  private static final long MAX_NETWORKS =
      Math.max(1_000_000, Runtime.getRuntime().maxMemory() / 64);

  private static final Logger LOG = LoggerFactory.getLogger(Tailored.class);

  private final List<Tailoring> tailorings;
  private final Geography geography;
  private final Readiness readiness;
  private final Choice[] choices;
  private final Answer[][] answers;
  private final int longest;

  Tailored(List<Tailoring> tailorings, Geography geography, Readiness readiness) {
    this.tailorings = List.copyOf(tailorings);
    this.geography = geography;
    this.readiness = readiness;
    choices = new Choice[tailorings.size()];
    answers = new Answer[tailorings.size()][];
    Map<List<Object>, Choice> made = new HashMap<>();
    long networks = 0;
    for (int i = 0; i < choices.length; i++) {
      Tailoring tailoring = tailorings.get(i);
      int silent = tailoring.silent(readiness.silent());
      List<Object> key = List.of(tailoring.set(), tailoring.available(), silent);
      Choice known = made.get(key);
      choices[i] = known != null ? known : choice(tailoring, silent);
      made.put(key, choices[i]);
      networks += known != null ? 0 : choices[i].networks();
      // What is known to be down decides over no limit: that would leave clients with it.
      if (networks > MAX_NETWORKS && readiness.equals(Readiness.ALL)) {
        throw new ZoneException(
            tailoring.place(),
            "the choices of regions tell more than "
                + MAX_NETWORKS
                + " networks apart, which is the most with this heap; let names share their choices,"
                + " take a smaller database or give the process more memory (-Xmx).");
      }
      if (made.size() > MAX_CHOICES && readiness.equals(Readiness.ALL)) {
        throw new ZoneException(
            tailoring.place(),
            "the site chooses among regions in more than "
                + MAX_CHOICES
                + " different ways, counting IPv4 and IPv6 apart where not all regions have both;"
                + " let names share theirs.");
      }
      int[] selections = choices[i].selections();
      answers[i] = new Answer[selections.length];
      for (int selection = 0; selection < selections.length; selection++) {
        answers[i][selection] = tailoring.answer(selections[selection], readiness.silent());
      }
    }
    longest = made.values().stream().mapToInt(Choice::networks).max().orElse(0);
  }

  private Choice choice(Tailoring tailoring, int silent) {
    try {
      return new Choice(tailoring.set(), tailoring.available(), silent, geography, readiness);
    } catch (TooManySelections e) {
      if (!readiness.equals(Readiness.ALL)) {
        LOG.warn(
            "{}: with the regions that are ready now '{}' has too many different answers; it is"
                + " answered as if all were.",
            tailoring.place(),
            tailoring.owner());
        return new Choice(tailoring.set(), tailoring.available(), 0, geography, Readiness.ALL);
      }
      throw new ZoneException(
          tailoring.place(),
          "the choice of regions has more than "
              + Choice.MAX_SELECTIONS
              + " different answers; let it hold fewer choices of choices.");
    }
  }

  /** The same names with other regions ready. */
  Tailored with(Readiness now) {
    return new Tailored(tailorings, geography, now);
  }

  /** The answer of the tailoring for this client; tells it the scope. */
  Answer answer(int tailoring, Client client) {
    return answers[tailoring][choices[tailoring].select(client)];
  }

  /** The choice of a tailoring. */
  Choice choice(int tailoring) {
    return choices[tailoring];
  }

  List<Tailoring> tailorings() {
    return new ArrayList<>(tailorings);
  }

  Geography geography() {
    return geography;
  }

  Readiness readiness() {
    return readiness;
  }

  /** The networks that the finest of the choices tells apart. */
  int networks() {
    return longest;
  }
}
