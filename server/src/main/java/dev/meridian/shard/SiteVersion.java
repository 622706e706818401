package dev.meridian.shard;

/**
 * The site that all nodes serve.
 *
 * @param hash of its archive, SHA-256 in hexadecimal digits
 * @param bytes of its archive
 * @param node whose folder it was
 */
public record SiteVersion(String hash, long bytes, String node) {}
