package dev.meridian.dns;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Looks what the zone above a zone says of its keys. */
interface ParentDs {
  /**
   * Asks all servers of the parent. Takes seconds; for any thread.
   *
   * @return empty if it cannot be known now, as one of them did not answer
   */
  Optional<Said> ask(WireName apex);

  /**
   * What the servers said.
   *
   * @param servers the data of the DS records of each
   * @param ttl how long resolvers may keep them
   */
  record Said(List<List<byte[]>> servers, Duration ttl) {
    /** Whether all servers point at a key. */
    boolean everywhere(SigningKey key, WireName apex) {
      return !servers.isEmpty()
          && servers.stream().allMatch(all -> all.stream().anyMatch(ds -> key.isMeant(ds, apex)));
    }

    /** Whether some server may still point at it, by whatever digest. */
    boolean anywhere(SigningKey key) {
      return servers.stream().anyMatch(all -> all.stream().anyMatch(key::mayBeMeant));
    }
  }
}
