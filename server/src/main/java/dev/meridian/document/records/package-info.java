/**
 * Files of records: NDJSON, JSON arrays and CSV, gzipped or not, read one record at a time with a
 * limit on everything. Start at {@link dev.meridian.document.records.RecordReader}.
 */
@NullMarked
package dev.meridian.document.records;

import org.jspecify.annotations.NullMarked;
