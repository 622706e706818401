package dev.meridian.document.records;

import org.jspecify.annotations.Nullable;

/** What a {@link RecordReader} finds: a record, or a place where one should have been. */
public sealed interface RecordItem {
  /** Which record of the file it is, from 1, bad ones counted. */
  long number();

  /** The line of the file it stands on, from 1. */
  long line();

  /**
   * A record that can be stored.
   *
   * @param path where it was exported from, when the record says so itself; otherwise null
   * @param id its id as the record gives it, not yet checked; null when it gives none
   * @param expires when it expires, as the record says, not yet checked; null when it does not say
   * @param json its value as minified JSON in UTF-8
   */
  @SuppressWarnings("ArrayRecordComponent") // shared, never changed
  record Good(
      long number,
      long line,
      @Nullable String path,
      @Nullable String id,
      @Nullable String expires,
      byte[] json)
      implements RecordItem {}

  /**
   * A record that cannot be stored; those after it can be read.
   *
   * @param reason for the person who made the file
   */
  record Bad(long number, long line, String reason) implements RecordItem {}
}
