/** Paths, documents, versions, formats, patches and filters: pure values, no I/O. */
@NullMarked
package dev.meridian.document;

import org.jspecify.annotations.NullMarked;
