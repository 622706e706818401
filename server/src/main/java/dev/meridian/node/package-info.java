/** Assembles a node from a site and a role list. */
@NullMarked
package dev.meridian.node;

import org.jspecify.annotations.NullMarked;
