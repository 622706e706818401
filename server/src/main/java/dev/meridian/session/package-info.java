/** Sessions of visitors: documents in the store, and the cookies that name them. */
@NullMarked
package dev.meridian.session;

import org.jspecify.annotations.NullMarked;
