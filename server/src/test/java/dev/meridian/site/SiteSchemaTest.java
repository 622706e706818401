package dev.meridian.site;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Editors check with the schema what the loader checks at start: they must not disagree. */
class SiteSchemaTest {
  private static final JsonMapper JSON = JsonMapper.shared();
  private static final Schema SCHEMA =
      SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
          .getSchema(SiteLoader.schema(), InputFormat.JSON);

  /** Uses every key there is; mutations of it are what people mistype. */
  private static final String EVERYTHING =
      """
      name: Everything
      domains: [a.test, www.a.test]
      listeners:
        http: 127.0.0.1:8080
        https: off
        dns: "[::1]:53"
        dnsTls: off
        admin: 9000
        peer: "*:7400"
      trustedProxies: {networks: [10.0.0.0/8, "2001:db8::/32"], header: forwarded}
      rules: {read: true, write: auth.key}
      collections:
        cities:
          indexes: [name, [country, -population]]
          rules: {write: "false"}
          expires: 30 d
          cache: write-through
          cacheControl: {max-age: 60 s, stale-while-revalidate: 30 s, stale-if-error: 1 h}
        cities/*/visits: {cache: {policy: write-behind, age: 2 s, bytes: 8 MiB}}
        cities/*/views: {cacheControl: {max-age: 60 s, s-maxage: 10 min}}
      regions:
        eu: {location: [50.11, 8.68], addresses: [192.0.2.1, "2001:db8::1"]}
        us:
          location: [39, -77.5]
          addresses: [{address: 198.51.100.1, probe: 10.0.0.1:8080}]
          health: {path: /us}
        lab: {addresses: 203.0.113.1, health: off}
      health:
        probe: https
        port: 8443
        path: /up
        host: www.a.test
        status: [200, 204]
        verify: false
        interval: 10 s
        timeout: 500 ms
        down: 3
        up: 2
      names:
        ttl: 10 min
        sets:
          both: {answer: weighted, regions: {eu: 3, us: 1}}
        geo:
          database: geo/city.mmdb
          default: us
          prefixes: {10.0.0.0/8: eu, "2001:db8::/32": [us, eu]}
          countries: {CA: us}
          continents: {AF: [eu, us]}
        rateLimit: {perSecond: 100, slip: 1, exempt: [10.0.0.0/8]}
        identity: true
        secondaries: [192.0.2.53, {address: 10.0.0.0/8, notify: "192.0.2.54:5353"}]
        sampleLog: {oneIn: 1000, perSecond: 20}
        nameServers: ns1.a.test
        hostmaster: dns@a.test
        zoneFiles: []
        records:
          "@": {A: [127.0.0.1], MX: {value: 10 mail, ttl: 1 h}, TXT: hello}
          www: {CNAME: "@"}
          near: {answer: nearest, regions: [eu, us], ttl: 30 s, TXT: near}
          any: {answer: failover, regions: both}
          _sip._tcp: {SRV: 0 5 5060 sip}
          sub: {NS: ns1.b.test., AAAA: "::1", CAA: 0 issue ca.test}
      cache: {memory: 64 MiB, pages: 32 MiB}
      limits: {documentSize: 64 KiB, bodySize: 1 MiB, batchWrites: 10, nestingDepth: 8,
        listLimit: 100, scanDocuments: 1000, requestTime: 5 s, watchers: 5, pageSize: 2 MiB}
      sessions: {idle: 2 h, absolute: 12 h, cookie: __Host-cart, sameSite: strict, secure: always,
        rateLimit: {perSecond: 5, exempt: [10.0.0.0/8]}}
      accounts:
        signUp: off
        passwordLength: 12
        argon2: {memory: 46 MiB, iterations: 1, parallelism: 1}
        rateLimit: {attempts: 5, signUps: 20, exempt: 10.0.0.5}
        oidc:
          id: {issuer: "https://id.a.test/realms/a", clientId: a, scopes: [openid, email]}
          lab: {issuer: "http://127.0.0.1:3000", clientId: b, scopes: profile}
      """;

  private static @Nullable Path fuzzed;

  @TempDir Path folder;

  @BeforeContainer
  static void folderForProperties() throws IOException {
    fuzzed = Files.createTempDirectory("site-fuzz");
  }

  @AfterContainer
  static void removeFolder() throws IOException {
    if (fuzzed != null) {
      Files.deleteIfExists(fuzzed.resolve("site.yaml"));
      Files.deleteIfExists(fuzzed);
    }
  }

  private static boolean schemaAccepts(String yaml) {
    Object value = new Load(LoadSettings.builder().build()).loadFromString(yaml);
    JsonNode node = JSON.valueToTree(value);
    return SCHEMA.validate(node).isEmpty();
  }

  private static @Nullable SiteException refusal(Path folder, String yaml) throws IOException {
    Files.writeString(folder.resolve("site.yaml"), yaml);
    try {
      SiteLoader.load(folder);
      return null;
    } catch (SiteException e) {
      return e;
    }
  }

  @Test
  void bothAcceptEverythingThatCanBeDeclared() throws IOException {
    assertThat(refusal(folder, EVERYTHING)).isNull();
    assertThat(schemaAccepts(EVERYTHING)).isTrue();
  }

  /** The first is text to YAML, as it begins with a zero. */
  @ParameterizedTest
  @ValueSource(strings = {"080", "\"8080\"", "8080"})
  void bothAcceptPortAlone(String port) throws IOException {
    String yaml = "domains: a.test\nlisteners: {http: " + port + "}";
    assertThat(refusal(folder, yaml)).isNull();
    assertThat(schemaAccepts(yaml)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "domain: a.test",
        "domains: []",
        "domains: [a.test, a.test]",
        "domains: 5",
        "domains: a.test\nname: 5",
        "domains: a.test\nname: ' '",
        "domains: a.test\nlisteners: {http: 99999}",
        "domains: a.test\nlisteners: {http: example.com:80}",
        "domains: a.test\nlisteners: {admin: off}",
        "domains: a.test\ntrustedProxies: []",
        "domains: a.test\ntrustedProxies: 10",
        "domains: a.test\ntrustedProxies: {header: forwarded}",
        "domains: a.test\ntrustedProxies: {networks: 10.0.0.0/8, header: x-real-ip}",
        "domains: a.test\ntls: {certificate: a.pem}",
        "domains: a.test\nrules: {read: [x]}",
        "domains: a.test\nrules: open",
        "domains: a.test\ncollections: {_keys: {}}",
        "domains: a.test\ncollections: {a/b: {}}",
        "domains: a.test\ncollections: {a: {indexes: name}}",
        "domains: a.test\ncollections: {a: {indexes: ['x, y']}}",
        "domains: a.test\ncollections: {a: {expires: 30}}",
        "domains: a.test\ncollections: {a: {expires: 30 days}}",
        "domains: a.test\ncollections: {a: {cache: always}}",
        "domains: a.test\ncollections: {a: {cache: none}}",
        "domains: a.test\ncollections: {a: {cache: {policy: none}}}",
        "domains: a.test\ncollections: {a: {cache: {age: 1 s}}}",
        "domains: a.test\ncollections: {a: {cache: {policy: off, bytes: 1 MiB}}}",
        "domains: a.test\ncollections: {a: {cache: {policy: write-behind, age: 1}}}",
        "domains: a.test\ncollections: {a: {cache: {policy: write-behind, copies: 2}}}",
        "domains: a.test\ncache: none",
        "domains: a.test\ncache: {memory: 64}",
        "domains: a.test\ncache: {memory: off}",
        "domains: a.test\ncache: {size: 64 MiB}",
        "domains: a.test\ncollections: {a: {seed: a.txt}}",
        "domains: a.test\nnames: {ttl: 300}",
        "domains: a.test\nnames: {hostmaster: me}",
        "domains: a.test\nnames: {records: {www: {A: []}}}",
        "domains: a.test\nnames: {records: {www: {a: 127.0.0.1}}}",
        "domains: a.test\nnames: {records: {www: {A: {ttl: 5 s}}}}",
        "domains: a.test\nnames: {records: {www: {TXT: 5}}}",
        "domains: a.test\nnames: {secondaries: 53}",
        "domains: a.test\nnames: {secondaries: [{key: a.key}]}",
        "domains: a.test\nnames: {secondaries: [{address: 192.0.2.53, notify: 53}]}",
        "domains: a.test\nregions: {eu: {}}",
        "domains: a.test\nhealth: {probe: http}\n"
            + "regions: {eu: {addresses: 192.0.2.1, capacity: 5}}",
        "domains: a.test\nregions: {EU: {addresses: 192.0.2.1}}",
        "domains: a.test\nregions: {eu: {addresses: 192.0.2.1, location: [91, 0]}}",
        "domains: a.test\nregions: {eu: {addresses: 192.0.2.1, location: [0]}}",
        "domains: a.test\nregions: {eu: {addresses: 192.0.2.1, location: here}}",
        "domains: a.test\nnames: {geo: {countries: {gb: eu}}}",
        "domains: a.test\nnames: {geo: {continents: {XX: eu}}}",
        "domains: a.test\nnames: {geo: {databases: x}}",
        "domains: a.test\nnames: {sets: {a: {regions: eu}}}",
        "domains: a.test\nregions: {eu: {addresses: 192.0.2.1}}\nnames: {records: {www: {answer: near}}}",
        "domains: a.test\nregions: {eu: {addresses: 192.0.2.1}}\nnames: {records: {www: {answer: weighted, regions: {eu: 0}}}}",
        "domains: a.test\nnames: {sampleLog: 1000}",
        "domains: a.test\nnames: {sampleLog: 0.001}",
        "domains: a.test\nnames: {sampleLog: true}",
        "domains: a.test\nnames: {sampleLog: 2/1000}",
        "domains: a.test\nnames: {sampleLog: 1/0}",
        "domains: a.test\nnames: {sampleLog: 1/1000000000}",
        "domains: a.test\nnames: {sampleLog: {perSecond: 5}}",
        "domains: a.test\nnames: {sampleLog: {oneIn: 0}}",
        "domains: a.test\nnames: {sampleLog: {oneIn: 1, perSecond: 10001}}",
        "domains: a.test\nlimits: {batchWrites: 0}",
        "domains: a.test\nlimits: {batchWrites: 501}",
        "domains: a.test\nlimits: {documentSize: 1 MB}",
        "domains: a.test\nlimits: {documentSize: 1024}",
        "domains: a.test\nsessions: {idle: 30}",
        "domains: a.test\nsessions: {idel: 30 min}",
        "domains: a.test\nsessions: {cookie: 'a b'}",
        "domains: a.test\nsessions: {sameSite: none}",
        "domains: a.test\nsessions: {secure: true}",
        "domains: a.test\nsessions: {rateLimit: 5}",
        "domains: a.test\nsessions: {rateLimit: {perSecond: 0}}",
        "domains: a.test\nsessions: maybe",
        "domains: a.test\nsessions: true",
        "domains: a.test\nsessions: []",
        "domains: a.test\nsessions:",
        "domains: a.test\nsessions: on\naccounts: true",
        "domains: a.test\nsessions: on\naccounts: {signUp: true}",
        "domains: a.test\nsessions: on\naccounts: {passwordLength: 4}",
        "domains: a.test\nsessions: on\naccounts: {argon2: {memory: 19456}}",
        "domains: a.test\nsessions: on\naccounts: {argon2: {iterations: 0}}",
        "domains: a.test\nsessions: on\naccounts: {rateLimit: 5}",
        "domains: a.test\nsessions: on\naccounts: {rateLimit: {attempts: 0}}",
        "domains: a.test\nsessions: on\naccounts: {rateLimit: {signUps: 0}}",
        "domains: a.test\nsessions: on\naccounts: {oidc: {a: {issuer: 'https://a.test'}}}",
        "domains: a.test\nsessions: on\naccounts: {oidc: {A: {issuer: 'https://a.test', clientId: a}}}",
        "domains: a.test\nsessions: on\naccounts: {oidc: {a: {issuer: id.a.test, clientId: a}}}",
      })
  void bothRefuse(String yaml) throws IOException {
    assertThat(refusal(folder, yaml)).as("the loader").isNotNull();
    assertThat(schemaAccepts(yaml)).as("the schema").isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "sessions: on # meridian-session",
        "sessions: {} # meridian-session",
        "sessions: {secure: never} # meridian-session",
        "sessions: {secure: always} # __Host-meridian-session",
        "sessions: {secure: always, cookie: mine} # mine",
        "sessions: {rateLimit: off} # meridian-session",
        "sessions: off # ''",
        "limits: {} # ''",
      })
  void sessionsAreThereWhereTheSiteSaysSo(String yaml, String cookie) throws IOException {
    String all = "domains: a.test\n" + yaml;
    assertThat(schemaAccepts(all)).isTrue();
    assertThat(refusal(folder, all)).isNull();
    assertThat(SiteLoader.load(folder).sessions().map(SessionSettings::cookie).orElse(""))
        .isEqualTo(cookie);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "accounts: on",
        "sessions: off\naccounts: {}",
        "sessions: on\naccounts: {argon2: {memory: 7 MiB}}",
        "sessions: on\naccounts: {argon2: {memory: 300 MiB}}",
        "sessions: on\naccounts: {oidc: {a: {issuer: 'http://id.a.test', clientId: a}}}",
        "sessions: on\naccounts: {oidc: {a: {issuer: 'https://a.test?b', clientId: a}}}",
        "sessions: on\naccounts: {oidc: {a: {issuer: 'https://a.test', clientId: a,"
            + " clientSecretFile: none}}}",
      })
  void theLoaderRefusesAccountsThatCannotWork(String yaml) throws IOException {
    assertThat(refusal(folder, "domains: a.test\n" + yaml)).isNotNull();
  }

  @Test
  void accountsAreThereWhereTheSiteSaysSo() throws IOException {
    assertThat(refusal(folder, "domains: a.test\nsessions: on\naccounts: on")).isNull();
    assertThat(SiteLoader.load(folder).accounts()).contains(AccountSettings.DEFAULT);
    assertThat(refusal(folder, "domains: a.test\naccounts: off")).isNull();
    assertThat(SiteLoader.load(folder).accounts()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "10.0.0.1/8 # write it as",
        "10.0.0.0/33 # write it as",
        "proxy.test # write it as",
        "'0.0.0.0/0' # is everybody",
        "'::/0' # is everybody",
      })
  void theLoaderSaysWhichProxyIsNone(String network, String said) throws IOException {
    SiteException refusal = refusal(folder, "domains: a.test\ntrustedProxies: ['" + network + "']");
    assertThat(refusal).isNotNull().hasMessageContaining(said);
  }

  @Test
  void proxiesAreTrustedWhereTheSiteSaysSo() throws IOException {
    assertThat(refusal(folder, "domains: a.test")).isNull();
    assertThat(SiteLoader.load(folder).trustedProxies()).isEqualTo(TrustedProxies.NONE);
    assertThat(refusal(folder, "domains: a.test\ntrustedProxies: 10.0.0.0/8")).isNull();
    TrustedProxies trusted = SiteLoader.load(folder).trustedProxies();
    assertThat(trusted.header()).isEqualTo(TrustedProxies.Header.X_FORWARDED_FOR);
    assertThat(trusted.trusts(InetAddress.ofLiteral("10.1.2.3"))).isTrue();
    assertThat(trusted.trusts(InetAddress.ofLiteral("11.1.2.3"))).isFalse();
    assertThat(trusted.trusts(InetAddress.ofLiteral("a01:203::"))).as("of IPv6").isFalse();
  }

  @Test
  void theSchemaHasExactlyTheLoadersKeys() {
    JsonNode schema = JSON.readTree(SiteLoader.schema());
    keys(schema.at("/properties"), SiteReader.ROOT_KEYS);
    keys(schema.at("/properties/listeners/properties"), ListenersReader.LISTENER_KEYS);
    keys(schema.at("/properties/trustedProxies/anyOf/1/properties"), ProxiesReader.KEYS);
    keys(schema.at("/properties/tls/properties"), ListenersReader.TLS_KEYS);
    keys(schema.at("/properties/names/properties"), NamesReader.NAMES_KEYS);
    keys(schema.at("/properties/limits/properties"), LimitsReader.LIMITS_KEYS);
    keys(schema.at("/properties/sessions/anyOf/1/properties"), SessionsReader.KEYS);
    keys(schema.at("/properties/accounts/anyOf/1/properties"), AccountsReader.KEYS);
    keys(
        schema.at("/properties/accounts/anyOf/1/properties/argon2/properties"),
        AccountsReader.ARGON2_KEYS);
    keys(
        schema.at("/properties/accounts/anyOf/1/properties/rateLimit/anyOf/1/properties"),
        AccountsReader.LIMIT_KEYS);
    keys(
        schema.at("/properties/accounts/anyOf/1/properties/oidc/additionalProperties/properties"),
        AccountsReader.PROVIDER_KEYS);
    keys(schema.at("/properties/cache/anyOf/1/properties"), CacheReader.CACHE_KEYS);
    keys(schema.at("/$defs/rules/properties"), RulesReader.RULES_KEYS);
    keys(schema.at("/$defs/collection/properties"), CollectionsReader.COLLECTION_KEYS);
    keys(
        schema.at("/$defs/collection/properties/cache/anyOf/1/properties"),
        CollectionsReader.CACHE_KEYS);
    keys(schema.at("/$defs/records/properties"), RecordsReader.KEYS);
    keys(schema.at("/$defs/region/properties"), RegionsReader.REGION_KEYS);
    keys(schema.at("/$defs/regionSet/properties"), RegionSetReader.SET_KEYS);
    keys(schema.at("/$defs/secondary/properties"), SecondariesReader.KEYS);
    keys(schema.at("/properties/names/properties/geo/properties"), GeoReader.GEO_KEYS);
  }

  private static void keys(JsonNode properties, List<String> expected) {
    assertThat(properties.propertyNames()).containsExactlyInAnyOrderElementsOf(expected);
    for (String key : new TreeSet<>(expected)) {
      assertThat(properties.get(key).path("description").asString(""))
          .as("the description of " + key)
          .isNotEmpty();
    }
  }

  @Provide
  Arbitrary<String> mutations() {
    Arbitrary<String> pieces =
        Arbitraries.of(
            "\n",
            "  ",
            ":",
            "-",
            "[",
            "]",
            "{",
            "}",
            "\"",
            "'",
            "&a",
            "*a",
            "!!int",
            "#",
            "|",
            "null",
            "true",
            "0",
            "99999999999999999999",
            "a..b",
            "\t",
            "\u0000",
            "\ufeff",
            "é",
            "? ",
            "- - -",
            "---\n",
            "%YAML 9.9",
            "<<: ");
    return Combinators.combine(
            Arbitraries.integers().between(0, EVERYTHING.length()),
            Arbitraries.integers().between(0, 12),
            pieces)
        .as(Tuple::of)
        .list()
        .ofMinSize(1)
        .ofMaxSize(4)
        .map(
            edits -> {
              StringBuilder text = new StringBuilder(EVERYTHING);
              for (var edit : edits) {
                int at = Math.min(edit.get1(), text.length());
                text.replace(at, Math.min(text.length(), at + edit.get2()), edit.get3());
              }
              return text.toString();
            });
  }

  @Property(tries = 1500)
  void whateverIsWrittenIsAcceptedByBothOrRefusedWithAPlace(@ForAll("mutations") String yaml)
      throws IOException {
    Path folder = java.util.Objects.requireNonNull(fuzzed);
    SiteException refused = refusal(folder, yaml);
    if (refused == null) {
      assertThat(schemaAccepts(yaml)).as("the schema refuses what the loader accepts").isTrue();
      return;
    }
    int lines = (int) yaml.lines().count() + 1;
    assertThat(refused.problems())
        .isNotEmpty()
        .allSatisfy(
            problem -> {
              assertThat(problem.line()).isBetween(1, lines);
              assertThat(problem.column()).isPositive();
              assertThat(problem.message()).isNotBlank().doesNotContain("\n");
            });
  }
}
