package dev.meridian.client;

import java.net.http.HttpHeaders;

/**
 * A whole answer.
 *
 * @param status 2xx, or another that was asked for
 * @param headers as they came
 * @param body at most {@link Options#maxResponseBytes}
 */
@SuppressWarnings("ArrayRecordComponent") // handed over
record Answer(int status, HttpHeaders headers, byte[] body) {
  /** A header's first value, or nothing. */
  String header(String name) {
    return headers.firstValue(name).orElse("");
  }
}
