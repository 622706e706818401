package dev.meridian.site;

import java.nio.file.Path;

/**
 * Certificate files for the listeners with TLS, read again when they change.
 *
 * @param certificate the chain in PEM, the site's own certificate first
 * @param key the private key in PEM (PKCS#8)
 */
public record Tls(Path certificate, Path key) {}
