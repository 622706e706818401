@NullMarked
package dev.meridian.lab;

import org.jspecify.annotations.NullMarked;
