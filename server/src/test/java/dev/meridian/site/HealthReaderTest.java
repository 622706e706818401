package dev.meridian.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Checks of regions' health as written in site.yaml. */
class HealthReaderTest {
  @TempDir Path folder;

  private List<Region> read(String yaml) throws IOException {
    Files.writeString(folder.resolve("site.yaml"), "domains: [a.test, b.test]\n" + yaml);
    return SiteLoader.load(folder).names().geo().regions();
  }

  private static InetAddress at(String literal) {
    return InetAddress.ofLiteral(literal);
  }

  @Test
  void regionsHaveTheChecksOfTheSiteButForWhatTheySay() throws IOException {
    List<Region> regions =
        read(
            """
            health: {probe: https, path: /up, interval: 10 s, down: 2}
            regions:
              eu: {addresses: [192.0.2.1, {address: "2001:db8::1", probe: 10.0.0.1}]}
              us:
                addresses: [{address: 192.0.2.2, probe: "[2001:db8::9]:8443"}]
                health: {path: /us, status: [200, 204]}
                capacity: 5000/s
              raw:
                addresses: [192.0.2.3]
                health: {probe: tcp, port: 25}
              lab: {addresses: 192.0.2.4, health: off}
            """);
    HealthCheck eu = regions.get(0).health().orElseThrow();
    assertThat(eu.kind()).isEqualTo(HealthCheck.Kind.HTTPS);
    assertThat(eu.portToTry()).isEqualTo(443);
    assertThat(eu.host()).isEqualTo("a.test");
    assertThat(eu.path()).isEqualTo("/up");
    assertThat(eu.statuses()).isEmpty();
    assertThat(eu.verify()).isTrue();
    assertThat(eu.interval()).isEqualTo(Duration.ofSeconds(10));
    assertThat(eu.timeout()).isEqualTo(Duration.ofSeconds(2));
    assertThat(eu.down()).isEqualTo(2);
    assertThat(eu.up()).isEqualTo(2);
    assertThat(regions.get(0).capacity()).isEmpty();
    assertThat(regions.get(1).capacity()).hasValue(5000);
    assertThat(regions.get(0).probed())
        .isEqualTo(
            Map.of(
                at("192.0.2.1"), new InetSocketAddress(at("192.0.2.1"), 443),
                at("2001:db8::1"), new InetSocketAddress(at("10.0.0.1"), 443)));
    HealthCheck us = regions.get(1).health().orElseThrow();
    assertThat(us.path()).isEqualTo("/us");
    assertThat(us.statuses()).containsExactly(200, 204);
    assertThat(us.interval()).isEqualTo(Duration.ofSeconds(10));
    assertThat(regions.get(1).probed())
        .containsValue(new InetSocketAddress(at("2001:db8::9"), 8443));
    assertThat(regions.get(2).health().orElseThrow().kind()).isEqualTo(HealthCheck.Kind.TCP);
    assertThat(regions.get(2).probed()).containsValue(new InetSocketAddress(at("192.0.2.3"), 25));
    assertThat(regions.get(3).health()).isEmpty();
    assertThat(regions.get(3).probed()).isEmpty();
  }

  @Test
  void withoutAWordNothingIsTried() throws IOException {
    List<Region> regions = read("regions: {eu: {addresses: 192.0.2.1}}\n");
    assertThat(regions.getFirst().health()).isEmpty();
    assertThat(regions.getFirst().probed()).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {path: /}                              | does not say what is tried; add probe: tcp, http or https
          {probe: htps}                          | did you mean 'https'?
          {probe: tcp}                           | does not say which port is tried
          {probe: tcp, port: 1, path: /}         | 'path' means nothing to probe: tcp
          {probe: http, port: 70000}             | port is 1 to 65535
          {probe: http, path: up}                | path begins with '/'
          {probe: http, path: "/a b"}            | path begins with '/'
          {probe: http, path: "/a\\r\\nX: y"}    | path begins with '/'
          {probe: http, host: "not a name"}      | is no domain name
          {probe: http, status: 600}             | a status is 100 to 599
          {probe: http, status: []}              | the list of statuses is empty
          {probe: http, interval: 100 ms}        | interval is 1 s to 1 h
          {probe: http, timeout: 5}              | timeout needs a unit
          {probe: http, down: 0}                 | down is 1 to 100
          {probe: http, ups: 2}                  | unknown key 'ups', did you mean 'up'?
          on                                     | health must be a mapping
          """)
  void mistakesAreExplained(String health, String problem) {
    assertThatThrownBy(
            () -> read("regions: {eu: {addresses: 192.0.2.1}}\nhealth: " + health + "\n"))
        .isInstanceOf(SiteException.class)
        .hasMessageContaining(problem);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          [{probe: 10.0.0.1}]                                | 'address' is missing
          [{address: 192.0.2.1, probe: host:80}]             | is no address to probe
          [{address: 192.0.2.1, probe: "10.0.0.1:0"}]        | is no address to probe
          [{address: 192.0.2.1, probe: "[10.0.0.1]:80"}]     | is no address to probe
          [192.0.2.1, {address: 192.0.2.1}]                  | stands twice
          """)
  void mistakesInAddressesAreExplained(String addresses, String problem) {
    assertThatThrownBy(
            () ->
                read(
                    "regions: {eu: {addresses: "
                        + addresses
                        + "}}\nhealth: {probe: tcp, port: 80}\n"))
        .isInstanceOf(SiteException.class)
        .hasMessageContaining(problem);
  }

  @Test
  void healthOfNothingIsAMistake() {
    assertThatThrownBy(() -> read("health: {probe: http}\n"))
        .isInstanceOf(SiteException.class)
        .hasMessageContaining("no regions whose health could be checked");
  }
}
