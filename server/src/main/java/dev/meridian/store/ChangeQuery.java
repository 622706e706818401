package dev.meridian.store;

/**
 * Which part of the change feed to follow.
 *
 * @param scope which documents
 * @param since changes after this; {@link Position#START} begins with a full copy
 */
public record ChangeQuery(ChangeScope scope, Position since) {}
