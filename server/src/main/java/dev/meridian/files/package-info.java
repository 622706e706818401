/** Files that a crash leaves whole, and that only who may sees. */
@NullMarked
package dev.meridian.files;

import org.jspecify.annotations.NullMarked;
