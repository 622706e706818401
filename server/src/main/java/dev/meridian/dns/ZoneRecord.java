package dev.meridian.dns;

/**
 * One resource record of class IN.
 *
 * @param ttl seconds
 * @param rdata in wire form, names in it uncompressed; never changed
 * @param place where it was written
 */
@SuppressWarnings("ArrayRecordComponent") // shared, never changed
record ZoneRecord(WireName owner, int type, long ttl, byte[] rdata, ZoneException.Place place) {}
