/** Probes: which addresses of the site's regions can serve. */
package dev.meridian.health;
