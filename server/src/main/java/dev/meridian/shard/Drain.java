package dev.meridian.shard;

import java.time.Instant;

/**
 * That an operator keeps clients from a region.
 *
 * @param since since when
 * @param reason why, in the operator's words; may be empty
 */
public record Drain(Instant since, String reason) {}
