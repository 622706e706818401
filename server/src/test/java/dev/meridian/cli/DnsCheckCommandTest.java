package dev.meridian.cli;

import static dev.meridian.cli.Ran.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.node.Node;
import dev.meridian.node.NodeOptions;
import dev.meridian.site.Listeners;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The check of a running site whose name is made up, as on a laptop. */
@Timeout(180)
class DnsCheckCommandTest {
  /** Nobody answers there, so the check must do without a resolver. */
  private static final String NO_RESOLVER = "127.0.0.1:1";

  @TempDir Path folder;

  private Node up(String records) throws Exception {
    Files.createDirectories(folder.resolve("site"));
    Files.writeString(
        folder.resolve("site/site.yaml"),
        """
        domains: [made.test, www.made.test]
        names:
          dnssec: true
          records:
            www: {CNAME: "@"}
        """
            + records);
    InetSocketAddress any = new InetSocketAddress("127.0.0.1", 0);
    return Node.start(
        new NodeOptions(
            folder.resolve("site"),
            folder.resolve("data"),
            _ -> new Listeners(Optional.of(any), Optional.empty(), Optional.of(any), any, any),
            true,
            "test"));
  }

  private Ran check(Node node, String... more) {
    String[] args = new String[4 + more.length];
    System.arraycopy(new String[] {"dns", "check", "--resolver", NO_RESOLVER}, 0, args, 0, 4);
    System.arraycopy(more, 0, args, 4, more.length);
    return Ran.at(node, folder.resolve("data"), args);
  }

  @Test
  void aMadeUpNameIsCheckedAtItsOwnListener() throws Exception {
    try (Node node = up("")) {
      int web = node.listeners().http().orElseThrow().getPort();
      Ran ran = check(node).ok();
      assertThat(ran.err()).isEmpty();
      assertThat(ran.out())
          .startsWith("made.test  all right, ")
          .containsPattern("note +parent +not delegated: the name is for tests")
          .containsPattern("ok +server +listener 127.0.0.1:[0-9]+: answers over UDP and TCP")
          .containsPattern("ok +signatures +SOA, DNSKEY and a name that does not exist verify")
          .containsPattern(
              "note +name +www.made.test: 127.0.0.1 takes connections on port (80, )?(443, )?"
                  + web);

      JsonNode json = JsonText.MAPPER.readTree(check(node, "made.test", "--json").ok().out());
      JsonNode zone = json.path("zones").get(0);
      assertThat(zone.path("zone").asString()).isEqualTo("made.test");
      assertThat(zone.path("errors").asInt()).isZero();
      assertThat(zone.path("findings").get(0).path("level").asString()).isEqualTo("note");
      assertThat(zone.path("findings").get(0).path("check").asString()).isEqualTo("parent");
    }
  }

  @Test
  void errorsAreToldByTheExitCodeAndHowToMendThem() throws Exception {
    try (Node node = up("    mx: {TXT: no address}\n")) {
      assertThat(check(node).code()).isEqualTo(ExitCode.OK);
    }
    try (Node node = up("    mx: {TXT: no address}\n    \"@\": {MX: 10 mx}\n")) {
      Ran ran = check(node);
      assertThat(ran.code()).isEqualTo(ExitCode.FAILED);
      assertThat(ran.out())
          .startsWith("made.test  1 error, ")
          .containsPattern("error +mail +mx.made.test: mail is sent to it, but it has no address")
          .containsPattern("\n +→ give it A and AAAA records");
    }
  }

  @Test
  void aServerCanBeCheckedWithoutItsOperator() throws Exception {
    try (Node node = up("")) {
      String server = "127.0.0.1:" + node.listeners().dns().orElseThrow().getPort();
      Ran ran = run("", "dns", "check", "made.test", "--server", server, "--resolver", NO_RESOLVER);
      assertThat(ran.out())
          .containsPattern("ok +server +" + server + ": answers over UDP and TCP")
          .doesNotContain("delegated");
      // It does not have such a zone.
      Ran other =
          run("", "dns", "check", "other.test", "--server", server, "--resolver", NO_RESOLVER);
      assertThat(other.code()).isEqualTo(ExitCode.FAILED);
      assertThat(other.out())
          .startsWith("other.test  2 errors")
          .containsPattern("error +server +" + server + ": is lame: it answers REFUSED\n +→ ");
    }
  }

  @Test
  void wrongUseIsToldInOneLine() {
    String nobody = "http://127.0.0.1:1";
    run("", "dns", "check", "--admin", nobody).failed(ExitCode.UNREACHABLE);
    run("", "dns", "check", "a..b", "--server", "127.0.0.1:1").failed(ExitCode.USAGE);
    run("", "dns", "check", "a.test", "--server", "ns1.a.test").failed(ExitCode.USAGE);
    run("", "dns", "check", "a.test", "--server", "*:53").failed(ExitCode.USAGE);
    run("", "dns", "check", "a.test", "--resolver", "127.0.0.1:0").failed(ExitCode.USAGE);
  }
}
