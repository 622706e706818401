package dev.meridian.replica;

import java.nio.file.Path;

/** Where things are in a data folder: {@code shards/0/db}, {@code shards/0/raft}. */
final class Layout {
  private static final String FIRST_SHARD = "shards/0";

  private Layout() {}

  /** The folder of the shard that every node has today. */
  static Path shard(Path data) {
    return data.resolve(FIRST_SHARD);
  }

  static Path database(Path shard) {
    return shard.resolve("db");
  }

  static Path raft(Path shard) {
    return shard.resolve("raft");
  }

  /** Where Ratis keeps a group's log and metadata. */
  static Path log(Path shard, Identity identity) {
    return raft(shard).resolve(identity.group().toString()).resolve("current");
  }
}
