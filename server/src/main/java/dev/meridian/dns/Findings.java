package dev.meridian.dns;

import java.util.ArrayList;
import java.util.List;
import org.xbill.DNS.Name;

/** What checks of one zone found, in the order in which it is told. For one thread. */
final class Findings {
  private final List<DnsCheck.Finding> all = new ArrayList<>();
  private final boolean worldly;

  /**
   * Begins.
   *
   * @param worldly whether the world can be led to the zone; what only matters there is a note
   *     otherwise
   */
  Findings(boolean worldly) {
    this.worldly = worldly;
  }

  List<DnsCheck.Finding> all() {
    return List.copyOf(all);
  }

  void ok(String check, String where, String found) {
    add(DnsCheck.Level.OK, check, where, found, "");
  }

  void note(String check, String where, String found, String mend) {
    add(DnsCheck.Level.NOTE, check, where, found, mend);
  }

  void warning(String check, String where, String found, String mend) {
    add(DnsCheck.Level.WARNING, check, where, found, mend);
  }

  void error(String check, String where, String found, String mend) {
    add(DnsCheck.Level.ERROR, check, where, found, mend);
  }

  /** At this level for a zone that the world can be led to. */
  void inTheWorld(DnsCheck.Level level, String check, String where, String found, String mend) {
    add(worldly ? level : DnsCheck.Level.NOTE, check, where, found, mend);
  }

  private void add(DnsCheck.Level level, String check, String where, String found, String mend) {
    all.add(new DnsCheck.Finding(level, check, where, found, mend));
  }

  /** Without the last dot, as people write it. */
  static String text(Name name) {
    return name.equals(Name.root) ? "." : name.toString(true);
  }

  static String count(long number, String one, String many) {
    return number + " " + (number == 1 ? one : many);
  }

  static String count(long number, String one) {
    return count(number, one, one + "s");
  }
}
