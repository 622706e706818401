/** What a team writes to answer requests in Java, and what it is given for that. */
@NullMarked
package dev.meridian.handler;

import org.jspecify.annotations.NullMarked;
