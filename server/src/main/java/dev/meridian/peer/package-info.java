/** How the nodes of a cluster know and trust each other, and talk. */
@NullMarked
package dev.meridian.peer;

import org.jspecify.annotations.NullMarked;
