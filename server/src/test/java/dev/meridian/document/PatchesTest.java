package dev.meridian.document;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PatchesTest {
  private static final JsonLimits LIMITS = JsonLimits.DEFAULT;

  /** RFC 7396, appendix A, whole. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'a':'b'}         | {'a':'c'}               | {'a':'c'}",
        "{'a':'b'}         | {'b':'c'}               | {'a':'b','b':'c'}",
        "{'a':'b'}         | {'a':null}              | {}",
        "{'a':'b','b':'c'} | {'a':null}              | {'b':'c'}",
        "{'a':['b']}       | {'a':'c'}               | {'a':'c'}",
        "{'a':'c'}         | {'a':['b']}             | {'a':['b']}",
        "{'a':{'b':'c'}}   | {'a':{'b':'d','c':null}}| {'a':{'b':'d'}}",
        "{'a':[{'b':'c'}]} | {'a':[1]}               | {'a':[1]}",
        "['a','b']         | ['c','d']               | ['c','d']",
        "{'a':'b'}         | ['c']                   | ['c']",
        "{'a':'foo'}       | null                    | null",
        "{'a':'foo'}       | 'bar'                   | 'bar'",
        "{'e':null}        | {'a':1}                 | {'e':null,'a':1}",
        "[1,2]             | {'a':'b','c':null}      | {'a':'b'}",
        "{}                | {'a':{'bb':{'ccc':null}}} | {'a':{'bb':{}}}",
      })
  void mergesAsRfc7396Shows(String current, String patch, String result) {
    assertThat(apply(Patch.Kind.MERGE, current, patch)).isEqualTo(json(result));
  }

  /** RFC 6902, appendix A, those that succeed. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'foo':'bar'} | [{'op':'add','path':'/baz','value':'qux'}] | {'foo':'bar','baz':'qux'}",
        "{'foo':['bar','baz']} | [{'op':'add','path':'/foo/1','value':'qux'}]"
            + " | {'foo':['bar','qux','baz']}",
        "{'baz':'qux','foo':'bar'} | [{'op':'remove','path':'/baz'}] | {'foo':'bar'}",
        "{'foo':['bar','qux','baz']} | [{'op':'remove','path':'/foo/1'}] | {'foo':['bar','baz']}",
        "{'baz':'qux','foo':'bar'} | [{'op':'replace','path':'/baz','value':'boo'}]"
            + " | {'baz':'boo','foo':'bar'}",
        "{'foo':{'bar':'baz','waldo':'fred'},'qux':{'corge':'grault'}}"
            + " | [{'op':'move','from':'/foo/waldo','path':'/qux/thud'}]"
            + " | {'foo':{'bar':'baz'},'qux':{'corge':'grault','thud':'fred'}}",
        "{'foo':['all','grass','cows','eat']} | [{'op':'move','from':'/foo/1','path':'/foo/3'}]"
            + " | {'foo':['all','cows','eat','grass']}",
        "{'baz':'qux','foo':['a',2,'c']} | [{'op':'test','path':'/baz','value':'qux'},"
            + "{'op':'test','path':'/foo/1','value':2}] | {'baz':'qux','foo':['a',2,'c']}",
        "{'foo':'bar'} | [{'op':'add','path':'/child','value':{'grandchild':{}}}]"
            + " | {'foo':'bar','child':{'grandchild':{}}}",
        "{'foo':'bar'} | [{'op':'add','path':'/baz','value':'qux','xyz':123}]"
            + " | {'foo':'bar','baz':'qux'}",
        "{'/':9,'~1':10} | [{'op':'test','path':'/~01','value':10}] | {'/':9,'~1':10}",
        "{'foo':['bar']} | [{'op':'add','path':'/foo/-','value':['abc','def']}]"
            + " | {'foo':['bar',['abc','def']]}",
        // Beyond the appendix.
        "{'a':1} | [{'op':'add','path':'','value':[1]},{'op':'add','path':'/0','value':0}] | [0,1]",
        "{'a':{'b':1}} | [{'op':'copy','from':'','path':'/a/c'}] | {'a':{'b':1,'c':{'a':{'b':1}}}}",
        "{'a':[1]} | [{'op':'copy','from':'/a','path':'/b'},{'op':'add','path':'/a/-','value':2}]"
            + " | {'a':[1,2],'b':[1]}",
        "{'a':1} | [{'op':'test','path':'','value':{'a':1.0}}] | {'a':1}",
        "{'a':1e2} | [{'op':'test','path':'/a','value':100}] | {'a':1e2}",
        "{'':{'':1}} | [{'op':'replace','path':'//','value':2}] | {'':{'':2}}",
        "{'a':1,'b':2} | [{'op':'move','from':'/a','path':'/a'}] | {'a':1,'b':2}",
        "{'a':{'x':1},'b':2} | [{'op':'move','from':'/a/x','path':'/a'}] | {'a':1,'b':2}",
        "{'a':{'p':1,'q':[2,3]}} | [{'op':'add','path':'/a/z','value':0},"
            + "{'op':'test','path':'/a','value':{'z':0,'q':[2.0,3],'p':1}}]"
            + " | {'a':{'p':1,'q':[2,3],'z':0}}",
        "[] | [] | []",
      })
  void patchesAsRfc6902Shows(String current, String patch, String result) {
    assertThat(apply(Patch.Kind.JSON_PATCH, current, patch)).isEqualTo(json(result));
  }

  /** RFC 6902, appendix A, those that fail, and more. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'baz':'qux'} | [{'op':'test','path':'/baz','value':'bar'}] | operation 0 (test \"/baz\")",
        "{'foo':'bar'} | [{'op':'add','path':'/baz/bat','value':'qux'}] | no value at \"/baz\"",
        "{'/':9,'~1':10} | [{'op':'test','path':'/~01','value':'10'}] | not the one tested for",
        "{'a':1} | [{'op':'add','path':'/b','value':1},{'op':'remove','path':'/c'}]"
            + " | operation 1 (remove \"/c\"): there is no value at \"/c\"",
        "{'a':1} | [{'op':'replace','path':'/c','value':1}] | no value at \"/c\"",
        "{'a':[1]} | [{'op':'add','path':'/a/2','value':1}] | beyond the end; the array has 1",
        "{'a':[1]} | [{'op':'add','path':'/a/01','value':1}] | no index of an array",
        "{'a':[1]} | [{'op':'remove','path':'/a/-'}] | no index of an array",
        "{'a':[1]} | [{'op':'remove','path':'/a/99999999999'}] | no index of an array",
        "{'a':[1]} | [{'op':'add','path':'/a/x','value':1}] | no index of an array",
        "{'a':1} | [{'op':'add','path':'/a/b','value':1}] | \"/a\" has nothing inside it",
        "1 | [{'op':'add','path':'/a','value':1}] | has nothing inside it",
        "{} | [{'op':'remove','path':''}] | delete the document instead",
        "{} | [{'op':'copy','from':'/x','path':'/y'}] | no value at \"/x\"",
        "{} | [{'op':'move','from':'/x','path':'/x'}] | no value at \"/x\"",
      })
  void aPatchThatDoesNotFitSaysWhere(String current, String patch, String message) {
    assertThatThrownBy(() -> apply(Patch.Kind.JSON_PATCH, current, patch))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{} | A JSON Patch is an array",
        "[1] | operation 0: it must be an object",
        "[{'op':'add','path':'/a','value':1},{'op':'put','path':'/a'}] | operation 1: \"op\" is"
            + " \"put\"",
        "[{'op':'add','path':'/a'}] | needs a \"value\"",
        "[{'op':'move','path':'/a'}] | needs a string \"from\"",
        "[{'op':'add','path':'a','value':1}] | must start with '/'",
        "[{'op':'add','path':'/~2','value':1}] | neither ~0",
        "[{'op':'add','path':'/~','value':1}] | neither ~0",
        "[{'op':'move','from':'/a','path':'/a/b'}] | moved into itself",
        "[{'op':'add','op':'remove','path':'/baz','value':1}] | stands twice",
      })
  void whatIsNoJsonPatchIsRefusedBeforeItIsApplied(String patch, String message) {
    assertThatThrownBy(
            () -> Patches.check(new Patch(Patch.Kind.JSON_PATCH, json(patch), false), LIMITS))
        .isInstanceOf(InvalidInputException.class)
        .isNotInstanceOf(PatchException.class)
        .hasMessageContaining(message);
  }

  @Test
  void aSmallPatchCannotMakeALargeOrDeepDocument() {
    String copy = "{'op':'copy','from':'','path':'/-'}";
    String doubling = "[" + (copy + ",").repeat(40) + copy + "]";
    assertThatThrownBy(() -> apply(Patch.Kind.JSON_PATCH, "['0123456789']", doubling))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining("copies more than");
    String nest = "{'op':'add','path':'/x','value':{}},{'op':'move','from':'/a','path':'/x/a'}";
    String deeper = nest + ",{'op':'move','from':'/x','path':'/a'}";
    String nesting = "[" + (deeper + ",").repeat(100) + deeper + "]";
    assertThatThrownBy(() -> apply(Patch.Kind.JSON_PATCH, "{'a':1}", nesting))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining("nested deeper than 64");
    String add = "{'op':'add','path':'/-','value':1}";
    String many = "[" + (add + ",").repeat(1000) + add + "]";
    assertThatThrownBy(() -> apply(Patch.Kind.JSON_PATCH, "[]", many))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("at most 1000 operations");
  }

  @Test
  void aResultThatIsTooLongIsRefused() {
    JsonLimits small = LIMITS.withBytes(40);
    Patch merge = new Patch(Patch.Kind.MERGE, json("{'b':'0123456789012345678901'}"), false);
    assertThatThrownBy(() -> Patches.apply(json("{'a':'0123456789'}"), merge, small))
        .isInstanceOf(TooLargeException.class)
        .hasMessageContaining("at most 40");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'n':1}         | {'n':1}            | {'n':2}",
        "{'a':'x','n':9,'b':[1]} | {'n':1}    | {'a':'x','n':10,'b':[1]}",
        "{'n':0.1}       | {'n':0.2}          | {'n':0.3}",
        "{'n':-5}        | {'n':5}            | {'n':0}",
        "{}              | {'n':-3}           | {'n':-3}",
        "{'x':1}         | {'a.b.c':1}        | {'x':1,'a':{'b':{'c':1}}}",
        "{'a':{'b':1}}   | {'a.b':1,'a.c':2}  | {'a':{'b':2,'c':2}}",
        "{'n':9223372036854775807} | {'n':1}  | {'n':9223372036854775808}",
        "{'n':1e2}       | {'n':1}            | {'n':101}",
        "{'n':999999999999999999} | {'n':999999999999999999} | {'n':1999999999999999998}",
      })
  void incrementsAreExact(String current, String patch, String result) {
    assertThat(apply(Patch.Kind.INCREMENT, current, patch)).isEqualTo(json(result));
  }

  @Test
  void incrementsOfManyFieldsCostOneReadingOfTheDocument() {
    StringBuilder large = new StringBuilder("{'n0':1");
    for (int i = 0; large.length() < 900_000; i++) {
      large.append(",'k").append(i).append("':{'v':").append(i).append("}");
    }
    String document = large.append("}").toString();
    StringBuilder patch = new StringBuilder("{'n0':1");
    for (int i = 1; i < Increments.MAX_FIELDS; i++) {
      patch.append(i % 2 == 0 ? ",'n" : ",'k").append(i).append(".v':1");
    }
    String many = patch.append("}").toString();
    byte[] current = json(document);
    Patch one = new Patch(Patch.Kind.INCREMENT, json("{'new':1}"), false);
    Patch all = new Patch(Patch.Kind.INCREMENT, json(many), false);
    Patches.apply(current, one, LIMITS);
    long before = allocated();
    Patches.apply(current, one, LIMITS);
    long ofOne = allocated() - before;
    byte[] result = Patches.apply(current, all, LIMITS);
    long ofAll = allocated() - before - ofOne;
    assertThat(ofAll).isLessThan(3 * ofOne);
    assertThat(new String(result, UTF_8))
        .startsWith("{\"n0\":2,\"k0\":{\"v\":0},\"k1\":{\"v\":2},\"k2\":{\"v\":2}")
        .endsWith("\"n98\":{\"v\":1}}");
  }

  private static long allocated() {
    return ((com.sun.management.ThreadMXBean)
            java.lang.management.ManagementFactory.getThreadMXBean())
        .getCurrentThreadAllocatedBytes();
  }

  @Test
  void fieldWithALongNameIsRefusedBeforeTheLog() {
    Patch patch = new Patch(Patch.Kind.INCREMENT, json("{'" + "a".repeat(1_025) + "':1}"), false);
    assertThatThrownBy(() -> Patches.check(patch, LIMITS))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("more than 1024 characters");
  }

  @Test
  void patchThatShiftsLongArraysOftenIsRefused() {
    String items = "[" + "0,".repeat(99_999) + "0]";
    String add = "{'op':'add','path':'/0','value':1}";
    String some = "[" + (add + ",").repeat(100) + add + "]";
    assertThat(apply(Patch.Kind.JSON_PATCH, items, some)).isNotEmpty();
    String many = "[" + (add + ",").repeat(900) + add + "]";
    assertThatThrownBy(() -> apply(Patch.Kind.JSON_PATCH, items, many))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining("shifts more than");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'n':'1'}       | {'n':1}     | \"n\" is no number",
        "{'n':null}      | {'n':1}     | \"n\" is no number",
        "{'n':true}      | {'n':1}     | \"n\" is no number",
        "{'n':{}}        | {'n':1}     | \"n\" is no number",
        "{'a':1}         | {'a.b':1}   | what is around it is no object",
        "[1]             | {'n':1}     | what is around it is no object",
        "{'n':1e9999}    | {'n':1}     | too many digits",
        "{'n':9e9999}    | {'n':9e9999}| too many digits",
      })
  void anIncrementThatDoesNotFitSaysWhy(String current, String patch, String message) {
    assertThatThrownBy(() -> apply(Patch.Kind.INCREMENT, current, patch))
        .isInstanceOf(PatchException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[]            | is an object from field",
        "{}            | names 1 to 100 fields",
        "{'n':'1'}     | must be a number",
        "{'a..b':1}    | without empty names",
        "{'':1}        | without empty names",
      })
  void whatIsNoIncrementIsRefused(String patch, String message) {
    assertThatThrownBy(
            () -> Patches.check(new Patch(Patch.Kind.INCREMENT, json(patch), false), LIMITS))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(message);
    String deep = "{'a" + ".a".repeat(100) + "':1}";
    assertThatThrownBy(() -> apply(Patch.Kind.INCREMENT, "{}", deep))
        .hasMessageContaining("nested deeper than 64");
  }

  @Property
  void incrementsAddUpToTheirSum(@ForAll("smallNumbers") List<String> amounts) {
    byte[] document = json("{'other':[1,{'n':7}],'n':0}");
    BigDecimal sum = BigDecimal.ZERO;
    for (String amount : amounts) {
      document =
          Patches.apply(
              document,
              new Patch(Patch.Kind.INCREMENT, ("{\"n\":" + amount + "}").getBytes(UTF_8), false),
              LIMITS);
      sum = sum.add(new BigDecimal(amount));
    }
    Json n = Json.parse(document).at(FieldPath.parse("n"));
    assertThat(n).isInstanceOf(Json.Num.class);
    assertThat(((Json.Num) Objects.requireNonNull(n)).decimal()).isEqualByComparingTo(sum);
  }

  @Property
  void mergingWithTheDifferenceGivesTheOther(
      @ForAll("nullFree") Json a, @ForAll("nullFree") Json b) {
    // RFC 7396 can say every change between values without null members.
    byte[] patch = difference(a, b).toBytes();
    byte[] result = Patches.apply(a.toBytes(), new Patch(Patch.Kind.MERGE, patch, false), LIMITS);
    assertThat(Json.parse(result)).isEqualTo(b);
  }

  private static Json difference(Json from, Json to) {
    if (!(from instanceof Json.Obj a) || !(to instanceof Json.Obj b)) {
      return to;
    }
    var members = new LinkedHashMap<String, Json>();
    a.members().keySet().stream()
        .filter(name -> !b.members().containsKey(name))
        .forEach(name -> members.put(name, Json.NULL));
    b.members()
        .forEach(
            (name, value) ->
                members.put(
                    name,
                    a.members().containsKey(name)
                        ? difference(Objects.requireNonNull(a.members().get(name)), value)
                        : value));
    return new Json.Obj(members);
  }

  @Property(tries = 3000)
  void anyPatchOfAnyValueIsAppliedOrRefused(
      @ForAll("values") Json current, @ForAll("operations") List<Json> operations) {
    byte[] before = current.toBytes();
    Patch patch = new Patch(Patch.Kind.JSON_PATCH, new Json.Arr(operations).toBytes(), false);
    try {
      byte[] after = Patches.apply(before, patch, LIMITS);
      assertThat(Json.minify(after, LIMITS)).isSameAs(after);
      assertThat(Patches.apply(before, patch, LIMITS)).isEqualTo(after);
    } catch (InvalidInputException e) {
      assertThat(e).hasMessageContaining("JSON Patch");
    }
    assertThat(before).isEqualTo(current.toBytes());
  }

  @Property
  void addThenRemoveChangesNothing(
      @ForAll("objects") Json.Obj current, @ForAll("values") Json value) {
    String name = "an unused name";
    List<Json> operations = new ArrayList<>();
    for (String op : List.of("add", "remove")) {
      operations.add(
          new Json.Obj(
              Map.of("op", new Json.Str(op), "path", new Json.Str("/" + name), "value", value)));
    }
    byte[] after =
        Patches.apply(
            current.toBytes(),
            new Patch(Patch.Kind.JSON_PATCH, new Json.Arr(operations).toBytes(), false),
            LIMITS);
    assertThat(after).isEqualTo(current.toBytes());
  }

  private static byte[] apply(Patch.Kind kind, String current, String patch) {
    return Patches.apply(json(current), new Patch(kind, json(patch), false), LIMITS);
  }

  private static byte[] json(String withSingleQuotes) {
    return withSingleQuotes.replace('\'', '"').getBytes(UTF_8);
  }

  @Provide
  Arbitrary<Json> values() {
    return JsonArbitraries.values();
  }

  @Provide
  Arbitrary<Json.Obj> objects() {
    return JsonArbitraries.objects();
  }

  @Provide
  Arbitrary<Json> nullFree() {
    return JsonArbitraries.values().map(PatchesTest::withoutNulls);
  }

  private static Json withoutNulls(Json value) {
    if (value instanceof Json.Obj object) {
      var members = new LinkedHashMap<String, Json>();
      object.members().forEach((name, member) -> members.put(name, withoutNulls(member)));
      return new Json.Obj(members);
    }
    return value instanceof Json.Null ? new Json.Bool(false) : value;
  }

  @Provide
  Arbitrary<List<String>> smallNumbers() {
    return Combinators.combine(
            Arbitraries.longs(),
            Arbitraries.integers().between(-20, 20),
            Arbitraries.of(true, false))
        .as((digits, exponent, whole) -> whole ? "" + digits : digits + "e" + exponent)
        .list()
        .ofMaxSize(10);
  }

  @Provide
  Arbitrary<List<Json>> operations() {
    Arbitrary<String> pointers =
        Arbitraries.oneOf(
            Arbitraries.just(""),
            Arbitraries.of("", "0", "1", "-", "a", "no", "~0", "~1", "~", "_id", "true", "x")
                .list()
                .ofMinSize(1)
                .ofMaxSize(3)
                .map(tokens -> "/" + String.join("/", tokens)));
    return Combinators.combine(
            Arbitraries.of("add", "remove", "replace", "move", "copy", "test", "bad"),
            pointers,
            pointers,
            JsonArbitraries.values())
        .as(
            (op, path, from, value) ->
                (Json)
                    new Json.Obj(
                        Map.of(
                            "op", new Json.Str(op),
                            "path", new Json.Str(path),
                            "from", new Json.Str(from),
                            "value", value)))
        .list()
        .ofMaxSize(6);
  }
}
