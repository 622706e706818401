/** HTTP listener, pages, static files, data API, access rules. */
@NullMarked
package dev.meridian.web;

import org.jspecify.annotations.NullMarked;
