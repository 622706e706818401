/** One Raft group on Apache Ratis: a shard's primary and replicas. */
@NullMarked
package dev.meridian.replica;

import org.jspecify.annotations.NullMarked;
