package dev.meridian.handler;

/**
 * Answers the requests of a route. It is called on a virtual thread of the request's own, may
 * block, and may be called by many threads at once.
 *
 * <p>What it throws is answered as everywhere in Meridian: {@code InvalidInputException} with 400,
 * {@code StoreException} by what happened (404, 412, 422, 503 with {@code Retry-After}), and all
 * else with 500, which tells the visitor nothing; the log has it under the request's id.
 */
@FunctionalInterface
public interface Handler {
  /**
   * Answers one request.
   *
   * @throws Exception what could not be done
   */
  Response handle(Request request) throws Exception;
}
