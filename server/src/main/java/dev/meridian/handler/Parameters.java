package dev.meridian.handler;

import dev.meridian.document.InvalidInputException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Names and values of a query or a form, in their order, a name as often as it was sent. */
public final class Parameters {
  /** With nothing in it. */
  public static final Parameters NONE = new Parameters(Map.of());

  private final Map<String, List<String>> values;

  private Parameters(Map<String, List<String>> values) {
    this.values = values;
  }

  /** Each name once. */
  public static Parameters of(Map<String, String> values) {
    Map<String, List<String>> lists = new LinkedHashMap<>();
    values.forEach((name, value) -> lists.put(name, List.of(value)));
    return new Parameters(lists);
  }

  /** Names and values in turn. */
  public static Parameters ofPairs(List<String> pairs) {
    Map<String, List<String>> lists = new LinkedHashMap<>();
    for (int i = 0; i + 1 < pairs.size(); i += 2) {
      lists.computeIfAbsent(pairs.get(i), _ -> new ArrayList<>()).add(pairs.get(i + 1));
    }
    lists.replaceAll((_, list) -> List.copyOf(list));
    return new Parameters(lists);
  }

  /** The first value; empty when the name is not there. */
  public Optional<String> get(String name) {
    return values.getOrDefault(name, List.of()).stream().findFirst();
  }

  /**
   * The first value.
   *
   * @throws InvalidInputException if the name is not there: the request is answered with 400
   */
  public String require(String name) {
    return get(name)
        .orElseThrow(
            () -> new InvalidInputException("The field '" + name + "' is missing; send it."));
  }

  /**
   * The first value as a whole number.
   *
   * @throws InvalidInputException if it is none from {@code least} to {@code most}, or not there
   */
  public long number(String name, long least, long most) {
    String text = require(name).strip();
    try {
      long number = Long.parseLong(text);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new InvalidInputException(
        "The field '"
            + name
            + "' is a whole number from "
            + least
            + " to "
            + most
            + "; it was '"
            + text
            + "'.");
  }

  /** All values; none when the name is not there. */
  public List<String> all(String name) {
    return values.getOrDefault(name, List.of());
  }

  /** All names and their values. */
  public Map<String, List<String>> asMap() {
    return Collections.unmodifiableMap(values);
  }
}
