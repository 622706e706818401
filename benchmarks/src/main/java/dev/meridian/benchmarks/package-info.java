/** Meridian side by side with what a user would choose instead, on one machine in one run. */
@NullMarked
package dev.meridian.benchmarks;

import org.jspecify.annotations.NullMarked;
