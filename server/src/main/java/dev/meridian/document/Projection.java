package dev.meridian.document;

import java.util.ArrayList;
import java.util.List;

/** Some fields of a document, as a client asks for with {@code fields=name,address.city}. */
public final class Projection {
  /** Most fields in a projection. */
  public static final int MAX_FIELDS = 100;

  private final FieldReader.Node wanted;

  private Projection(FieldReader.Node wanted) {
    this.wanted = wanted;
  }

  /**
   * Reads {@code name,address.city}.
   *
   * @throws InvalidInputException if it names no field, an empty one, or too many
   */
  public static Projection parse(String text) {
    List<FieldPath> fields = new ArrayList<>();
    for (String field : text.split(",", MAX_FIELDS + 1)) {
      if (fields.size() == MAX_FIELDS) {
        throw new InvalidInputException(
            "fields names more than " + MAX_FIELDS + " fields; ask for the whole document.");
      }
      FieldPath path = FieldPath.parse(field.strip());
      if (path.names().size() > JsonLimits.MAX_DEPTH) {
        throw new InvalidInputException("No document is nested as deep as a field in fields.");
      }
      fields.add(path);
    }
    return new Projection(FieldReader.Node.of(fields));
  }

  /**
   * The value with these fields alone, in the document's order. A field that is not there is left
   * out; what is no object has no fields, and gives {@code {}}.
   *
   * @param json a document's value as it is stored
   */
  public byte[] apply(byte[] json) {
    return new StoredJson(json).project(wanted);
  }
}
