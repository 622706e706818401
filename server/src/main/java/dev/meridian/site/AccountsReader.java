package dev.meridian.site;

import dev.meridian.site.AccountSettings.AttemptLimit;
import dev.meridian.site.AccountSettings.HashCost;
import dev.meridian.site.YamlReader.Field;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;

/** Reads {@code accounts}. */
final class AccountsReader {
  static final List<String> KEYS =
      List.of("signUp", "passwordLength", "argon2", "rateLimit", "oidc");
  static final List<String> ARGON2_KEYS = List.of("memory", "iterations", "parallelism");
  static final List<String> LIMIT_KEYS = List.of("attempts", "signUps", "exempt");
  static final List<String> PROVIDER_KEYS =
      List.of("issuer", "clientId", "clientSecretFile", "scopes");

  private static final int MOST_PASSWORD_LENGTH = 64;
  private static final long LEAST_MEMORY = 7 << 20;
  private static final long MOST_MEMORY = 256 << 20;
  private static final int MOST_ITERATIONS = 20;
  private static final int MOST_LANES = 16;
  private static final int MOST_ATTEMPTS = 1_000;
  private static final int MOST_SIGN_UPS = 10_000;
  private static final int MOST_PROVIDERS = 20;
  private static final int MOST_SCOPES = 20;
  private static final String PROVIDER = "[a-z][a-z0-9-]{0,29}";

  /** RFC 6749, section 3.3. */
  private static final String SCOPE = "[!#-\\[\\]-~]{1,100}";

  /** RFC 6749, appendix A.1. */
  private static final String CLIENT_ID = "[ -~]{1,200}";

  private static final Set<String> LOOPBACK = Set.of("127.0.0.1", "[::1]", "localhost");

  private final YamlReader yaml;
  private final FilesReader files;

  AccountsReader(YamlReader yaml, FilesReader files) {
    this.yaml = yaml;
    this.files = files;
  }

  /**
   * {@code on}, or the settings, of which those that are not there are the defaults; empty where
   * they are {@code off} or not spoken of.
   *
   * @param sessions whether the site has sessions, which accounts need
   */
  Optional<AccountSettings> accounts(@Nullable Field field, boolean sessions) {
    if (field == null) {
      return Optional.empty();
    }
    AccountSettings settings = AccountSettings.DEFAULT;
    if (field.value() instanceof ScalarNode scalar) {
      if (!scalar.getValue().equals("on")) {
        if (!scalar.getValue().equals("off")) {
          yaml.problem(
              scalar, "accounts is on, or off, or says how they are, such as {signUp: off}.");
        }
        return Optional.empty();
      }
    } else {
      settings = settings(yaml.fields(field, "accounts", KEYS));
    }
    if (!sessions) {
      yaml.problem(
          field.key(), "accounts need sessions, which hold who signed in; add 'sessions: on'.");
    }
    return Optional.of(settings);
  }

  private AccountSettings settings(Map<String, Field> fields) {
    AccountSettings defaults = AccountSettings.DEFAULT;
    boolean signUp = defaults.signUp();
    Field signUpField = fields.get("signUp");
    if (signUpField != null) {
      String text = signUpField.value() instanceof ScalarNode scalar ? scalar.getValue() : "";
      if (!text.equals("on") && !text.equals("off")) {
        yaml.problem(signUpField.value(), "signUp is on or off.");
      }
      signUp = text.equals("on");
    }
    return new AccountSettings(
        signUp,
        number(
            fields,
            "passwordLength",
            AccountSettings.LEAST_PASSWORD,
            MOST_PASSWORD_LENGTH,
            defaults.passwordLength()),
        cost(fields.get("argon2"), defaults.hashCost()),
        rateLimit(fields.get("rateLimit"), defaults.rateLimit()),
        providers(fields.get("oidc")));
  }

  private HashCost cost(@Nullable Field field, HashCost otherwise) {
    Map<String, Field> fields = yaml.fields(field, "argon2", ARGON2_KEYS);
    Field memory = fields.get("memory");
    Long bytes =
        memory == null
            ? null
            : Quantities.size(yaml, memory.value(), "memory", LEAST_MEMORY, MOST_MEMORY);
    HashCost cost =
        new HashCost(
            bytes == null ? otherwise.memoryKiB() : (int) (bytes >> 10),
            number(fields, "iterations", 1, MOST_ITERATIONS, otherwise.iterations()),
            number(fields, "parallelism", 1, MOST_LANES, otherwise.parallelism()));
    // What OWASP counts as enough: 46 MiB once, 19 twice, 12 three times, 9 four times, 7 five.
    if (field != null && (long) cost.memoryKiB() * cost.iterations() < (35L << 10)) {
      yaml.problem(
          field.value(),
          "this hash is too cheap to try passwords with; memory times iterations is at least 35"
              + " MiB, such as {memory: 19 MiB, iterations: 2}.");
    }
    return cost;
  }

  private int number(Map<String, Field> fields, String name, int least, int most, int otherwise) {
    Field field = fields.get(name);
    Integer value = field == null ? null : yaml.integer(field.value(), name, least, most);
    return value == null ? otherwise : value;
  }

  private Optional<AttemptLimit> rateLimit(
      @Nullable Field field, Optional<AttemptLimit> otherwise) {
    if (field == null) {
      return otherwise;
    }
    if (field.value() instanceof ScalarNode scalar && scalar.getValue().equals("off")) {
      return Optional.empty();
    }
    Map<String, Field> fields = yaml.fields(field, "rateLimit", LIMIT_KEYS);
    return Optional.of(
        new AttemptLimit(
            number(fields, "attempts", 1, MOST_ATTEMPTS, AttemptLimit.DEFAULT.attempts()),
            number(fields, "signUps", 1, MOST_SIGN_UPS, AttemptLimit.DEFAULT.signUps()),
            NamesReader.exempt(yaml, fields.get("exempt"), AttemptLimit.DEFAULT.exempt())));
  }

  private Map<String, OidcProvider> providers(@Nullable Field field) {
    Map<String, OidcProvider> providers = new LinkedHashMap<>();
    Map<String, Field> fields = yaml.fields(field, "oidc", null);
    if (field != null && fields.size() > MOST_PROVIDERS) {
      yaml.problem(field.value(), "there are at most " + MOST_PROVIDERS + " providers.");
    }
    fields.forEach(
        (name, one) -> {
          if (!name.matches(PROVIDER)) {
            yaml.problem(
                one.key(),
                "a provider's name has 1 to 30 letters a-z, digits and '-', and begins with a"
                    + " letter.");
          }
          OidcProvider provider = provider(name, one);
          if (provider != null) {
            providers.put(name, provider);
          }
        });
    return providers;
  }

  private @Nullable OidcProvider provider(String name, Field field) {
    Map<String, Field> fields = yaml.fields(field, "a provider", PROVIDER_KEYS);
    Field issuerField = fields.get("issuer");
    Field clientField = fields.get("clientId");
    if (issuerField == null || clientField == null) {
      yaml.problem(
          field.value(),
          "a provider has an issuer and a clientId, such as {issuer: 'https://id.example.com',"
              + " clientId: my-site, clientSecretFile: /etc/my-site/secret}.");
      return null;
    }
    URI issuer = issuer(issuerField.value());
    String clientId = yaml.string(clientField.value(), "clientId");
    if (clientId != null && !clientId.matches(CLIENT_ID)) {
      yaml.problem(clientField.value(), "clientId has 1 to 200 characters of ASCII.");
    }
    Field secretField = fields.get("clientSecretFile");
    Path secret =
        secretField == null ? null : files.file(secretField.value(), "clientSecretFile", true);
    if (secretField != null && secret != null && files.isPublished(secret)) {
      yaml.problem(
          secretField.value(), "this file lies in public/, where everybody may fetch it; move it.");
    }
    List<String> scopes = scopes(fields.get("scopes"));
    return issuer == null || clientId == null
        ? null
        : new OidcProvider(name, issuer, clientId, Optional.ofNullable(secret), scopes);
  }

  private @Nullable URI issuer(Node node) {
    String text = yaml.string(node, "issuer");
    if (text == null) {
      return null;
    }
    try {
      URI issuer = new URI(text);
      String host = String.valueOf(issuer.getHost());
      boolean secure = "https".equals(issuer.getScheme());
      boolean local = "http".equals(issuer.getScheme()) && LOOPBACK.contains(host);
      if (text.length() <= 500
          && issuer.getHost() != null
          && issuer.getRawUserInfo() == null
          && issuer.getRawQuery() == null
          && issuer.getRawFragment() == null
          && (secure || local)) {
        return issuer;
      }
    } catch (URISyntaxException e) {
      // Said below.
    }
    yaml.problem(
        node,
        "issuer is the provider's https address without query, as it says it itself, such as"
            + " https://id.example.com; http is for loopback alone.");
    return null;
  }

  private List<String> scopes(@Nullable Field field) {
    List<Node> items = field == null ? null : yaml.oneOrMore(field.value(), "scopes");
    if (field == null || items == null) {
      return OidcProvider.SCOPES;
    }
    List<String> scopes = new ArrayList<>();
    for (Node item : items) {
      String scope = yaml.string(item, "a scope");
      if (scope != null && !scope.matches(SCOPE)) {
        yaml.problem(item, "a scope is a word of ASCII, such as email.");
      } else if (scope != null && !scopes.contains(scope)) {
        scopes.add(scope);
      }
    }
    if (items.size() > MOST_SCOPES) {
      yaml.problem(field.value(), "there are at most " + MOST_SCOPES + " scopes.");
    }
    if (!scopes.contains("openid")) {
      scopes.addFirst("openid");
    }
    return scopes;
  }
}
