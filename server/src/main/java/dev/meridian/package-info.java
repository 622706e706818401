/** For programs that bring Meridian with them. */
@NullMarked
package dev.meridian;

import org.jspecify.annotations.NullMarked;
