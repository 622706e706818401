package dev.meridian.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.meridian.document.CollectionPath;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SiteLoaderTest {
  @TempDir Path folder;

  private Site load(String yaml) throws IOException {
    Files.writeString(folder.resolve("site.yaml"), yaml);
    return SiteLoader.load(folder);
  }

  private List<String> problems(String yaml) throws IOException {
    Files.writeString(folder.resolve("site.yaml"), yaml);
    SiteException e = catchThrowableOfType(SiteException.class, () -> SiteLoader.load(folder));
    assertThat(e).as("accepted: " + yaml).isNotNull();
    return e.problems().stream().map(Problem::toString).toList();
  }

  @Test
  void collectionsHaveTheRulesOfTheNearestOneAboveThem() throws IOException {
    Site site =
        load(
            """
            domains: [a.test]
            rules: { read: "true", write: auth.key }
            collections:
              users/*/messages/*/parts:
              users/*/messages:
                rules: { write: "true" }
              users:
                rules: { read: auth.key, write: "false" }
              users/*/notes/*/lines:
                indexes: [n]
              notes:
            """);
    assertThat(site.collections().keySet())
        .containsExactly(
            "users/*/messages/*/parts",
            "users/*/messages",
            "users",
            "users/*/notes/*/lines",
            "notes");
    assertThat(rules(site, "users/1/messages")).isEqualTo(new Rules("auth.key", "true"));
    assertThat(rules(site, "users/1/messages/2/parts")).isEqualTo(new Rules("auth.key", "true"));
    assertThat(rules(site, "users/1/notes/2/lines")).isEqualTo(new Rules("auth.key", "false"));
    assertThat(rules(site, "notes")).isEqualTo(new Rules("true", "auth.key"));
  }

  private static Rules rules(Site site, String collection) {
    return site.settings(CollectionPath.parse(collection)).rules();
  }

  @Test
  void everythingThatCanBeDeclaredIsRead() throws IOException {
    Files.createDirectories(folder.resolve("data"));
    Files.writeString(folder.resolve("data/cities.ndjson"), "");
    Files.writeString(folder.resolve("zone.db"), "");
    Files.writeString(folder.resolve("cert.pem"), "");
    Files.writeString(folder.resolve("key.pem"), "");
    Site site =
        load(
            """
            name: Cities
            domains: [Cities.Test., www.cities.test]
            listeners: {http: "*:80", https: "[::1]:8443", dns: off, admin: 9000, peer: 127.0.0.1:0}
            tls: {certificate: cert.pem, key: key.pem}
            rules: {read: true, write: auth.key}
            collections:
              cities:
                indexes: [name, [country, -population]]
                rules: {write: "false"}
                expires: 30d
                cache: write-through
                seed: data/cities.ndjson
              cities/*/visits:
            names:
              ttl: 10 min
              nameServers: ns1.cities.test
              hostmaster: dns@cities.test
              dnssec: true
              zoneFiles: zone.db
              records:
                "@":
                  A: [127.0.0.1, 127.0.0.2]
                  MX: {value: 10 mail, ttl: 1 h}
                  TXT: say "hi"
                  CAA: 0 issue letsencrypt.org
                WWW: {CNAME: "@"}
                _sip._tcp: {SRV: 0 5 5060 sip.example.org.}
                "*.dyn": {AAAA: "::1"}
            limits: {documentSize: 64 KiB, bodySize: 1 MiB, batchWrites: 10, nestingDepth: 8,
              listLimit: 100, scanDocuments: 1000, requestTime: 5 s, watchers: 5, pageSize: 2 MiB}
            """);
    assertThat(site.name()).isEqualTo("Cities");
    assertThat(site.domains()).containsExactly("cities.test", "www.cities.test");
    assertThat(site.listeners().http().orElseThrow().getPort()).isEqualTo(80);
    assertThat(site.listeners().http().orElseThrow().getAddress().isAnyLocalAddress()).isTrue();
    assertThat(site.listeners().https()).contains(new InetSocketAddress("::1", 8443));
    assertThat(site.listeners().dns()).isEmpty();
    assertThat(site.listeners().admin()).isEqualTo(new InetSocketAddress("127.0.0.1", 9000));
    assertThat(site.tls().orElseThrow().key()).isEqualTo(folder.resolve("key.pem"));
    assertThat(site.rules()).isEqualTo(new Rules("true", "auth.key"));
    CollectionSettings cities = site.settings(CollectionPath.parse("cities"));
    assertThat(cities.indexes())
        .containsExactly(List.of("name"), List.of("country", "-population"));
    assertThat(cities.rules()).isEqualTo(new Rules("true", "false"));
    assertThat(cities.expires()).contains(Duration.ofDays(30));
    assertThat(cities.cache()).isEqualTo(CollectionSettings.CachePolicy.WRITE_THROUGH);
    assertThat(cities.seed()).contains(folder.resolve("data/cities.ndjson"));
    assertThat(site.settings(CollectionPath.parse("cities/IS-1/visits")).rules())
        .isEqualTo(cities.rules());
    assertThat(site.settings(CollectionPath.parse("cities/IS-1/other/1/parts")).rules())
        .isEqualTo(cities.rules());
    assertThat(site.settings(CollectionPath.parse("other/1/parts")).rules())
        .isEqualTo(site.rules());
    assertThat(site.names().ttl()).isEqualTo(Duration.ofMinutes(10));
    assertThat(site.names().dnssec()).isTrue();
    assertThat(site.names().records())
        .extracting(r -> r.name() + " " + r.type() + " " + r.data())
        .containsExactly(
            "cities.test A 127.0.0.1",
            "cities.test A 127.0.0.2",
            "cities.test MX 10 mail.cities.test.",
            "cities.test TXT \"say \\\"hi\\\"\"",
            "cities.test CAA 0 issue \"letsencrypt.org\"",
            "www.cities.test CNAME cities.test.",
            "_sip._tcp.cities.test SRV 0 5 5060 sip.example.org.",
            "*.dyn.cities.test AAAA 0:0:0:0:0:0:0:1");
    assertThat(site.names().records().get(2).ttl()).contains(Duration.ofHours(1));
    assertThat(site.names().records().get(2).line()).isEqualTo(23);
    assertThat(site.limits())
        .isEqualTo(
            new Limits(64 << 10, 1 << 20, 10, 8, 100, 1000, Duration.ofSeconds(5), 5, 2 << 20));
  }

  @Test
  void oneDomainIsEnough() throws IOException {
    Site site = load("domains: example.test\n");
    assertThat(site.name()).isEqualTo("example.test");
    assertThat(site.listeners()).isEqualTo(Listeners.DEFAULT);
    assertThat(site.limits()).isEqualTo(Limits.DEFAULT);
    assertThat(site.rules()).isEqualTo(Rules.DEFAULT);
    assertThat(site.folder()).isAbsolute();
  }

  @Test
  void nameServerSpeaksTlsOnlyWhereThatIsAskedFor() throws IOException {
    Files.writeString(folder.resolve("cert.pem"), "");
    Files.writeString(folder.resolve("key.pem"), "");
    String tls = "domains: a.test\ntls: {certificate: cert.pem, key: key.pem}\n";
    assertThat(load(tls).listeners().dnsTls()).isEmpty();
    assertThat(load(tls + "listeners: {dnsTls: off}").listeners().dnsTls()).isEmpty();
    assertThat(load(tls + "listeners: {dnsTls: '*:853'}").listeners().dnsTls().orElseThrow())
        .matches(at -> at.getPort() == 853 && at.getAddress().isAnyLocalAddress());
  }

  @Test
  void everyProblemIsReportedWithItsPlace() throws IOException {
    assertThat(
            problems(
                """
                domain: example.test
                listeners:
                  htpp: 127.0.0.1:80
                limits:
                  requestTime: 30
                  documentSize: 1 MB
                collections:
                  notes:
                    indexs: [a]
                    expires: 3 days
                """))
        .containsExactly(
            "site.yaml:1:1: unknown key 'domain', did you mean 'domains'?",
            "site.yaml:1:1: 'domains' is missing; give the names the site answers to, such as"
                + " domains: [example.test].",
            "site.yaml:3:3: unknown key 'htpp', did you mean 'http'?",
            "site.yaml:5:16: requestTime needs a unit, such as '30 s'.",
            "site.yaml:6:17: '1 MB' is no size, did you mean '1 MiB'?",
            "site.yaml:9:5: unknown key 'indexs', did you mean 'indexes'?",
            "site.yaml:10:14: '3 days' is no duration, did you mean '3 d'?");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "name: 5 | 1:7: name must be text, but is the number 5; put it in quotes: \"5\".",
        "name: a~name: b | 2:1: 'name' stands already in line 1.",
        "rules: open | 1:8: rules must be a mapping (key: value), but is the text 'open'.",
        "listeners: {http: 99999} | 1:19: http is 0 to 65535, but here the number 99999.",
        "listeners: {http: example.com:80} | 1:19: 'example.com:80' is no address to listen at",
        "listeners: {admin: off} | 1:20: admin cannot be off; give it an address on loopback.",
        "listeners: {http: 8081} | 1:19: http and admin cannot listen at the same address.",
        "listeners: {https: 8443} | 1:13: https needs a certificate",
        "listeners: {dnsTls: 8853} | 1:13: dnsTls needs a certificate; add tls:",
        "listeners: {dns: off, dnsTls: 8853} | 1:23: dnsTls needs the name server; give dns an",
        "listeners: {dnsTls: 5353} | 1:21: dns and dnsTls cannot listen at the same address.",
        "listeners: {dns-tls: 8853} | 1:13: unknown key 'dns-tls', did you mean 'dnsTls'?",
        "tls: {certificate: none.pem, key: none.pem} | 1:20: there is no file 'none.pem'",
        "collections: {_keys: {}} | 1:15: collections that start with '_' are Meridian's own.",
        "collections: {a/b/c: {}} | 1:15: settings are for all documents alike; write '*' for each"
            + " id: 'a/*/c'.",
        "collections: {a/b: {}} | 1:15: 'a/b' names a document, not a collection.",
        "collections: {a: {indexes: [[x, -x]]}} | 1:33: '-x' stands twice in this index.",
        "collections: {a: {indexes: ['x, y']}} | 1:29: write the fields of an index as a list",
        "collections: {a: {indexes: ['x..y']}} | 1:29: 'x..y': A field is written as",
        "collections: {a: {cache: write-trough}} | did you mean 'write-through'?",
        "cache: off~collections: {a: {cache: write-through}} | leaves none; give it some",
        "collections: {a: {cache: {policy: write-through, age: 1 s}}} | write-behind alone",
        "collections: {a: {cache: {policy: write-behind, copies: 2}}} | 2 of 3 nodes, and 1 of 1",
        "collections: {a: {cache: {age: 1 s}}} | this is for policy: write-behind alone",
        "collections: {a: {cache: {policy: write-behind, age: 1 h}}} | age is 10 ms to 10 min",
        "collections: {a: {cache: {policy: write-behind, bytes: 65 MiB}}} | bytes is 64 KiB to 64"
            + " MiB.",
        "collections: {a: {seed: ../x.json}} | 1:25: '../x.json' lies outside the site's folder",
        "collections: {a: {seed: /etc/passwd}} | lies outside the site's folder",
        "collections: {a: {expires: 1}} | 1:28: expires needs a unit, such as '1 s'.",
        "names: {hostmaster: me} | 1:21: hostmaster is a mailbox, such as",
        "names: {records: {www: {cname: '@'}}} | unknown key 'cname', did you mean 'CNAME'?",
        "names: {dnssec: perhaps} | dnssec must be true or false, but is the text 'perhaps'",
        "names: {dnsec: true} | unknown key 'dnsec', did you mean 'dnssec'?",
        "names: {records: {'@': {CNAME: www}}} | the domain itself cannot be a CNAME",
        "names: {records: {www: {CNAME: '@', A: 127.0.0.1}}} | a CNAME stands alone",
        "names: {records: {www: {CNAME: example.com}}} | end a full name with a dot: 'example.com.'",
        "names: {records: {www: {A: 127.1}}} | must be text, but is the number 127.1",
        "names: {records: {www: {A: '127.1'}}} | '127.1' is no value for A; write it as 192.0.2.1.",
        "names: {records: {www: {A: []}}} | the list of A records is empty",
        "names: {records: {www.example.test: {A: 127.0.0.1}}} | end it with a dot",
        "names: {records: {www.other.test.: {A: 127.0.0.1}}} | is not below any of the site's",
        "names: {records: {www: {MX: mail}}} | write it as 10 mail (preference and host).",
        "limits: {batchWrites: 501} | 1:23: batchWrites is 1 to 500, but here the number 501.",
        "limits: {bodySize: 1 KiB} | bodySize is smaller than documentSize.",
        "rules: {write: auth.key && } | 1:16: the write rule: ",
        "rules: {write: visitor.key} | 1:16: the write rule: ",
        "rules: {read: | this is no valid YAML",
        "? [a] : b | a key must be text, but this is a mapping",
        "a: &x [*x] | unknown key 'a'",
        "--- ~a: 1~--- ~b: 2 | this is no valid YAML",
      })
  void whatIsWrongIsSaid(String yaml, String expected) throws IOException {
    String text = yaml.replace('~', '\n') + (yaml.contains("---") ? "" : "\ndomains: example.test");
    assertThat(problems(text)).anyMatch(problem -> problem.contains(expected));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "-bad.test | may hold letters a-z, digits and inner hyphens",
        "a..b | a part between dots is empty",
        "127.0.0.1 | is an address or ends in a number",
        "müller.test | in the name system it is written 'xn--mller-kva.test'",
        "*.test | may hold letters",
      })
  void domainsThatCannotBeAreRefused(String domain, String expected) throws IOException {
    assertThat(problems("domains: ['" + domain + "']"))
        .singleElement()
        .asString()
        .contains(expected);
  }

  @Test
  void emptyAndMissingFilesAreExplained() throws IOException {
    SiteException missing =
        catchThrowableOfType(SiteException.class, () -> SiteLoader.load(folder));
    assertThat(missing).hasMessageContaining("./meridian new");
    SiteException noFolder =
        catchThrowableOfType(SiteException.class, () -> SiteLoader.load(folder.resolve("none")));
    assertThat(noFolder).hasMessageContaining("there is no folder");
    Files.writeString(folder.resolve("site.yml"), "");
    SiteException other = catchThrowableOfType(SiteException.class, () -> SiteLoader.load(folder));
    assertThat(other).hasMessageContaining("rename 'site.yml'");
    assertThat(problems("")).singleElement().asString().contains("the file is empty");
    assertThat(problems("# only a comment\n")).singleElement().asString().contains("empty");
  }

  @Test
  void textInAnotherEncodingIsRefusedWithItsPlace() throws IOException {
    Files.write(
        folder.resolve("site.yaml"),
        "domains: a.test\nname: M\u00fcller\n".getBytes(StandardCharsets.ISO_8859_1));
    SiteException e = catchThrowableOfType(SiteException.class, () -> SiteLoader.load(folder));
    assertThat(e).hasMessage("site.yaml:2:8: the file is not in UTF-8; save it in that encoding.");
  }

  @Test
  void aByteOrderMarkIsAccepted() throws IOException {
    assertThat(load("\ufeffdomains: a.test\n").domains()).containsExactly("a.test");
  }

  @Test
  void linksOutOfTheFolderAreRefused() throws IOException {
    Path secret = Files.createTempFile("secret", ".json");
    try {
      Files.createSymbolicLink(folder.resolve("x.json"), secret);
      assertThat(problems("domains: a.test\ncollections: {a: {seed: x.json}}"))
          .singleElement()
          .asString()
          .contains("leads outside the site's folder through a symbolic link");
    } finally {
      Files.delete(secret);
    }
  }

  @Test
  void keysAmongPublishedFilesAreRefused() throws IOException {
    Files.createDirectories(folder.resolve("public"));
    Files.writeString(folder.resolve("public/key.pem"), "");
    assertThat(problems("domains: a.test\ntls: {certificate: public/key.pem, key: public/key.pem}"))
        .hasSize(2)
        .allMatch(problem -> problem.contains("files in public/ are published"));
  }

  @Test
  void billionLaughsEndInOneProblem() throws IOException {
    StringBuilder yaml =
        new StringBuilder("domains: a.test\ncollections:\n  a:\n    indexes: &i [");
    yaml.append("[a,b],[c]]\n");
    StringBuilder many = new StringBuilder("names:\n  records:\n    a: &r {A: [");
    many.append("127.0.0.1,".repeat(2000)).append("127.0.0.1]}\n");
    for (int i = 0; i < 2000; i++) {
      many.append("    a").append(i).append(": *r\n");
    }
    assertThat(problems(yaml.toString() + many))
        .singleElement()
        .asString()
        .contains("use fewer aliases");
  }
}
