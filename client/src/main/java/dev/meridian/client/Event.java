package dev.meridian.client;

import tools.jackson.databind.JsonNode;

/**
 * Something a {@link Watch} saw.
 *
 * @param id resumes a watch after this event
 * @param type what happened, such as {@code put} or {@code delete}
 * @param data what it happened to
 */
public record Event(String id, String type, JsonNode data) {}
