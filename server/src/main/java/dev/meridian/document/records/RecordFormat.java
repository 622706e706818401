package dev.meridian.document.records;

/** The forms a file of records comes in. */
public enum RecordFormat {
  /** A JSON value on each line. */
  NDJSON,
  /** One JSON array; its elements are the records. */
  JSON,
  /** Comma-separated values (RFC 4180) with a row of field names at the top. */
  CSV
}
