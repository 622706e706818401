package dev.meridian.health;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Reports of load as servers of several makes write them. */
class LoadReportTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          TEXT rps_fractional=81.5 | 81.5
          TEXT cpu_utilization=0.3, rps_fractional = 1e2 , eps=1 | 100
          TEXT rps=7 | 7
          TEXT rps=7,rps_fractional=7.25 | 7.25
          JSON {"cpu_utilization": 0.3, "rps_fractional": 12.5} | 12.5
          JSON {"rpsFractional": 0} | 0
          """)
  void ratesAreRead(String value, double rate) {
    assertThat(LoadReport.requestsPerSecond(" " + value)).hasValue(rate);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "TEXT",
        "TEXT ",
        "TEXT named_metrics.rps_fractional=5",
        "TEXT rps_fractional=-1",
        "TEXT rps_fractional=NaN",
        "TEXT rps_fractional=Infinity",
        "TEXT rps_fractional=many",
        "rps_fractional=5",
        "JSON {\"rps_fractional\": \"5\"}",
        "JSON {\"rps_fractional\": ",
        "JSON [5]",
        "BIN abc"
      })
  void whatTellsNoRateIsNone(String value) {
    assertThat(LoadReport.requestsPerSecond(value)).isEqualTo(OptionalDouble.empty());
  }

  @Test
  void whatIsWrittenIsRead() {
    assertThat(LoadReport.of(1234.56)).isEqualTo("TEXT rps_fractional=1234.6");
    assertThat(LoadReport.requestsPerSecond(LoadReport.of(1234.56))).hasValue(1234.6);
  }
}
