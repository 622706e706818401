/** The cluster: its nodes, which of them hold what, and the router to whoever owns a document. */
@NullMarked
package dev.meridian.shard;

import org.jspecify.annotations.NullMarked;
