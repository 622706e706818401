/** The Store interface and the RocksDB engine behind it. */
@NullMarked
package dev.meridian.store;

import org.jspecify.annotations.NullMarked;
