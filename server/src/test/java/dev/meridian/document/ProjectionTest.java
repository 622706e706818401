package dev.meridian.document;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProjectionTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "a        | {'a':1,'b':2}                  | {'a':1}",
        "b,a      | {'a':1,'b':2,'c':3}            | {'a':1,'b':2}",
        "b.c      | {'a':1,'b':{'c':[1,2],'d':3}}  | {'b':{'c':[1,2]}}",
        "b.c, b.d | {'b':{'c':1,'x':0,'d':2}}      | {'b':{'c':1,'d':2}}",
        "b,b.c    | {'b':{'c':1,'d':2}}            | {'b':{'c':1,'d':2}}",
        "b.x      | {'b':{'c':1},'a':1}            | {}",
        "b.c      | {'b':1}                        | {}",
        "a,b.x,c  | {'a':1,'b':{'c':1},'c':2}      | {'a':1,'c':2}",
        "a        | [1]                            | {}",
        "a        | 'a'                            | {}",
        "a        | {}                             | {}",
      })
  void keepsTheseFieldsAlone(String fields, String document, String result) {
    assertThat(Projection.parse(fields).apply(json(document))).isEqualTo(json(result));
  }

  @Property
  void whatIsKeptIsWhatWasThere(
      @ForAll("objects") Json.Obj object, @ForAll("fields") List<String> fields) {
    Json kept = Json.parse(Projection.parse(String.join(",", fields)).apply(object.toBytes()));
    for (String field : fields) {
      FieldPath path = FieldPath.parse(field);
      assertThat(kept.at(path)).isEqualTo(object.at(path));
    }
  }

  @Test
  void namesNoFieldAnEmptyOneOrTooMany() {
    for (String bad : List.of("", "a,,b", "a.", ".a", "a,", "a,".repeat(100) + "a")) {
      assertThatThrownBy(() -> Projection.parse(bad)).isInstanceOf(InvalidInputException.class);
    }
  }

  private static byte[] json(String withSingleQuotes) {
    return withSingleQuotes.replace('\'', '"').getBytes(UTF_8);
  }

  @Provide
  Arbitrary<Json.Obj> objects() {
    return JsonArbitraries.objects();
  }

  @Provide
  Arbitrary<List<String>> fields() {
    return Arbitraries.of("no", "on", "true", "null", "no.on", "y.n", "a", "_id.a.b")
        .list()
        .ofMinSize(1)
        .ofMaxSize(4);
  }
}
