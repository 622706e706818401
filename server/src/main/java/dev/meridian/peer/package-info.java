/** How nodes of a cluster know, trust and call each other. */
@NullMarked
package dev.meridian.peer;

import org.jspecify.annotations.NullMarked;
