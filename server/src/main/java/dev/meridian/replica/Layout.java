package dev.meridian.replica;

import java.nio.file.Path;
import java.util.UUID;

/**
 * Where things are in a data folder: {@code identity}; the logs of all Raft groups in {@code raft};
 * each group's database in a folder of its name, such as {@code shards/0/db}; and for each group a
 * note that it was begun.
 */
final class Layout {
  /** The group of the shard that every node has today. */
  static final String FIRST_SHARD = "shards/0";

  private Layout() {}

  static Path group(Path data, String group) {
    return data.resolve(group);
  }

  static Path database(Path group) {
    return group.resolve("db");
  }

  static Path raft(Path data) {
    return data.resolve("raft");
  }

  /** Where Ratis keeps a group's log and metadata. */
  static Path log(Path data, UUID group) {
    return raft(data).resolve(group.toString()).resolve("current");
  }

  /** Where a group's snapshots are. */
  static Path snapshots(Path data, UUID group) {
    return raft(data).resolve(group.toString()).resolve("sm");
  }

  /** Says that a group's log was begun here once, should all else be lost. */
  static Path begun(Path data, UUID group) {
    return data.resolve("begun-" + group);
  }
}
