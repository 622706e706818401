/** A real cluster of processes on this machine, and what can be done to it. */
@NullMarked
package dev.meridian.lab;

import org.jspecify.annotations.NullMarked;
