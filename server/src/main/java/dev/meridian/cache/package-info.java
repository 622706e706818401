/** The near cache: documents that were read lately, kept as fresh as the store by its changes. */
@NullMarked
package dev.meridian.cache;

import org.jspecify.annotations.NullMarked;
