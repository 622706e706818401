/** The example sites, used in a real browser. */
@NullMarked
package dev.meridian.examples;

import org.jspecify.annotations.NullMarked;
