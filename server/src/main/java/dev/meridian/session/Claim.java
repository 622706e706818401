package dev.meridian.session;

/**
 * What a cookie of ours says: which session, and who may use it. That it is ours is known by its
 * signature; whether the session still is, only the store knows.
 *
 * @param id the session's, in the store too; no secret
 * @param verifier the hash of the secret part
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
public record Claim(String id, byte[] verifier) {}
