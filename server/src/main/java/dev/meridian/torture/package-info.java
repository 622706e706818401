/** Torture of a cluster: concurrent clients, the history of what they saw, and its checkers. */
@NullMarked
package dev.meridian.torture;

import org.jspecify.annotations.NullMarked;
