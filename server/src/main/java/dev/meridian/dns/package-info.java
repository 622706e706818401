/** The authoritative name server. */
@NullMarked
package dev.meridian.dns;

import org.jspecify.annotations.NullMarked;
