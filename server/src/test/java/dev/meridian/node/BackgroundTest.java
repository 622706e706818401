package dev.meridian.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Work that yields to those who answer clients. */
class BackgroundTest {
  /** Field 19 of {@code /proc/thread-self/stat}. */
  private static int nice() {
    try {
      String stat = Files.readString(Path.of("/proc/thread-self/stat"));
      return Integer.parseInt(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[16]);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void workIsNiceAndItsCallerStaysAsItWas() {
    int before = nice();
    assertThat(Background.run("nice", BackgroundTest::nice)).isEqualTo(Math.max(before, 10));
    assertThat(nice()).isEqualTo(before);
  }

  @Test
  void whatTheWorkThrowsIsThrown() {
    IllegalStateException failure = new IllegalStateException("no");
    assertThatThrownBy(
            () ->
                Background.run(
                    "fails",
                    () -> {
                      throw failure;
                    }))
        .isSameAs(failure);
  }
}
