/**
 * The Java client of Meridian's data API, over HTTP, with Jackson as its only dependency. Start at
 * {@link dev.meridian.client.MeridianClient}.
 */
@NullMarked
package dev.meridian.client;

import org.jspecify.annotations.NullMarked;
