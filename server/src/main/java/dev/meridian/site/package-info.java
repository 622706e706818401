/** site.yaml: reading, checking, defaults. */
@NullMarked
package dev.meridian.site;

import org.jspecify.annotations.NullMarked;
