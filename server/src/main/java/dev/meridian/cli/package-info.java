/** The command line. */
@NullMarked
package dev.meridian.cli;

import org.jspecify.annotations.NullMarked;
