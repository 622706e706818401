/** Where clients are: databases of networks and places, and tables from address to answer. */
@org.jspecify.annotations.NullMarked
package dev.meridian.geo;
