package dev.meridian.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CacheControlTest {
  @TempDir Path folder;

  private CacheControl read(String yaml) throws IOException {
    Files.writeString(
        folder.resolve("site.yaml"),
        "domains: [a.test]\ncollections: {a: {cacheControl: " + yaml + "}}");
    return Objects.requireNonNull(SiteLoader.load(folder).collections().get("a")).cacheControl();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "{} # no-cache",
        "{max-age: 0 s} # no-cache",
        "{max-age: 1 min} # public, max-age=60",
        "{s-maxage: 10 min} # public, max-age=0, s-maxage=600",
        "{max-age: 1 min, s-maxage: 0 s} # public, max-age=60, s-maxage=0",
        "{max-age: 1 s, stale-while-revalidate: 30 s, stale-if-error: 1 h}"
            + " # public, max-age=1, stale-while-revalidate=30, stale-if-error=3600",
      })
  void theDirectivesAreWhatTheSiteSays(String yaml, String header) throws IOException {
    assertThat(read(yaml).value(Long.MAX_VALUE)).isEqualTo(header);
  }

  @Test
  void nothingIsUsedBeyondItsEnd() throws IOException {
    CacheControl hour = read("{max-age: 1 min, s-maxage: 1 h}");
    assertThat(hour.value(600)).isEqualTo("public, max-age=60, s-maxage=600");
    assertThat(hour.value(7)).isEqualTo("public, max-age=7, s-maxage=7");
    assertThat(hour.value(0)).isEqualTo("no-cache");
    CacheControl stale = read("{max-age: 1 min, stale-if-error: 1 d}");
    assertThat(stale.value(600)).isEqualTo("public, max-age=60");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "{maxAge: 1 s} # max-age",
        "{max-age: 60} # needs a unit",
        "{stale-if-error: 1 h} # needs max-age or s-maxage",
        "{max-age: 400 d} # 365 d",
        "{s-maxage: 1 h, stale-while-revalidate: 30 s} # max-age with them",
        "{max-age: 1 s, s-maxage: 1 h, stale-if-error: 1 h} # max-age with them",
        "public # must be a mapping",
      })
  void mistakesAreToldHowToMend(String yaml, String word) {
    assertThatThrownBy(() -> read(yaml)).hasMessageContaining(word);
  }
}
