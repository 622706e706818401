/** Accounts of users: names, passwords, roles, and providers of OpenID Connect. */
@NullMarked
package dev.meridian.account;

import org.jspecify.annotations.NullMarked;
