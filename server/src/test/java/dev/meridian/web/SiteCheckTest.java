package dev.meridian.web;

import static org.assertj.core.api.Assertions.assertThat;

import dev.meridian.site.SiteLoader;
import dev.meridian.site.SiteStarter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Mistakes that are known before anybody asks for a page, each with its file and line. */
class SiteCheckTest {
  @TempDir Path folder;

  @BeforeEach
  void site() throws Exception {
    write(
        "site.yaml",
        "domains: [a.test]\ncollections:\n  cities: {indexes: [[country, -size], -size]}\n"
            + "  cities/*/notes: {}\n");
    write(
        "pages/_layout.html",
        "{% import \"_parts.html\" %}{{ card(1) }}{% block body %}{% endblock %}");
    write("pages/_parts.html", "{% macro card(x) %}{{ x }}{% endmacro %}");
    write("public/style.css", "p{}");
  }

  private void write(String name, String text) throws Exception {
    SiteServer.write(folder, name, text);
  }

  private List<String> problems() {
    return SiteCheck.check(SiteLoader.load(folder)).stream().map(Object::toString).toList();
  }

  private String onlyProblem(String page) throws Exception {
    write("pages/try.html", page.replace("\\n", "\n"));
    List<String> problems = problems();
    assertThat(problems).hasSize(1);
    return problems.getFirst();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "x\\n{% if %} # pages/try.html:2:1: ",
        "x\\n{% iff a %} # :2:1: Unexpected tag name \"iff\", did you mean 'if'?",
        "{% for a in b %} # looking for the \"endfor\" tag",
        "x\\n{% extends '_layuot.html' %} # :2:1: there is no template 'pages/_layuot.html', did you mean '_layout.html'?",
        "{% include './_none.html' %} # there is no template 'pages/_none.html'",
        "x\\n{{ 1 | nmber }} # :2:1: there is no filter 'nmber', did you mean 'number'?",
        "{% filter uper %}x{% endfilter %} # there is no filter 'uper', did you mean 'upper'?",
        "{{ 1 is od }} # there is no test 'od', did you mean 'odd'?",
        "{{ documnt('cities/a') }} # there is no function or macro 'documnt' here, did you mean 'document'?",
        "{{ card(1) }} # there is no function or macro 'card' here",
        "{{ document('citis/a') }} # declares no collection 'citis', did you mean 'cities'?",
        "{{ list('persons').items | length }} # add 'persons:' under collections",
        "{{ asset('styl.css') }} # there is no file 'public/styl.css', did you mean 'style.css'?",
        "---\\ntitel: x\\n---\\n # :2:1: unknown key 'titel', did you mean 'title'?",
        "---\\ndata:\\n  a: {document: 'citys/{id}'}\\n---\\n # :3:1: data.a: site.yaml declares no collection 'citys', did you mean 'cities'?",
        "---\\ndata:\\n  a: {list: cities, sort: name}\\n---\\n # :3:1: data.a: no index serves this query; add '- [name]' to the indexes of 'cities'",
        "---\\ndata:\\n  a: {list: cities, where: 'name == {query.q|fold}'}\\n---\\n # add '- [name]'",
        "---\\ndata:\\n  a: {list: 'cities/{id}/notes', sort: -at}\\n---\\n # to the indexes of 'cities/*/notes'",
        "---\\ndata:\\n  a: {list: cities, where: 'name ==='}\\n---\\n # :3:1: data.a: ",
        "---\\ndata:\\n  a: {document: cities}\\n---\\n # :3:1: data.a: ",
      })
  void aMistakeIsFoundWithItsPlaceAndASuggestion(String page, String expected) throws Exception {
    assertThat(onlyProblem(page)).startsWith("pages/try.html:").contains(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "{% extends '_layout.html' %}{% block body %}{{ card(1) }}{{ block('body') }}{% endblock %}",
        "{% import '_parts.html' as parts %}{{ parts.card(2) }}{% if (1 is not odd) %}{% endif %}",
        "{% set part = 'x' %}{% include '_' ~ part %}{{ perhaps(1) }}",
        "---\\ndata:\\n  a: {list: cities, where: 'country == {id}', sort: -size}\\n---\\n",
        "---\\ndata:\\n  a: {list: cities, where: 'size > {query.n}', sort: -size}\\n---\\n",
        "---\\ndata:\\n  a: {list: cities, sort: name, scan: 100}\\n---\\n{{ asset('/style.css') }}",
        "{% for i in range(1, 3) %}{{ max(i, 2) | escape }}{{ i | raw }}{% endfor %}",
      })
  void whatIsRightIsNotBlamed(String page) throws Exception {
    write("pages/try.html", page.replace("\\n", "\n"));
    assertThat(problems()).isEmpty();
  }

  @Test
  void allMistakesAreFoundAtOnceAndSharedOnesOnce() throws Exception {
    write("pages/_parts.html", "{% macro card(x) %}\n{{ x | nix }}{% endmacro %}");
    write(
        "pages/a.html", "{% extends '_layout.html' %}{% block body %}{{ 1 | nix }}{% endblock %}");
    write("pages/b.html", "{% extends '_layout.html' %}");
    write("pages/[id].html", "x");
    write("pages/[other].html", "x");
    assertThat(problems())
        .hasSize(4)
        .anyMatch(problem -> problem.startsWith("pages/_parts.html:2:1: "))
        .anyMatch(problem -> problem.startsWith("pages/a.html:1:1: "))
        .anyMatch(problem -> problem.contains("answer the same address"))
        .anyMatch(problem -> problem.startsWith("public/style.css:1:1: this file is never served"));
  }

  @Test
  void filesThatCannotBeServedAreNamed() throws Exception {
    write("secret.txt", "x");
    Files.createSymbolicLink(folder.resolve("public/link.txt"), folder.resolve("secret.txt"));
    write("pages/index.html", "x");
    write("public/index.html", "y");
    write("public/.hidden", "x");
    assertThat(problems())
        .hasSize(2)
        .anyMatch(problem -> problem.startsWith("public/link.txt:1:1: a symbolic link"))
        .anyMatch(problem -> problem.startsWith("public/index.html:1:1: this file is never"));
  }

  @Test
  void theStarterAndTheExampleAreRight() {
    Path starter = folder.resolve("starter");
    SiteStarter.create(starter);
    assertThat(SiteCheck.check(SiteLoader.load(starter))).isEmpty();
    Path cities = Path.of("../examples/cities");
    assertThat(SiteCheck.check(SiteLoader.load(cities))).isEmpty();
  }

  @Test
  void whatTheSessionsAddressesHideIsSaidWhereThereAreSessions() throws Exception {
    write("pages/session.html", "x");
    write("pages/session/cart.html", "x");
    write("pages/sessions.html", "x");
    write("public/session/a.txt", "x");
    assertThat(problems()).isEmpty();
    write("site.yaml", "domains: [a.test]\nsessions: on\n");
    assertThat(problems())
        .hasSize(3)
        .allMatch(problem -> problem.contains("never served, because /session"))
        .anyMatch(problem -> problem.startsWith("pages/session.html:"))
        .anyMatch(problem -> problem.startsWith("pages/session/cart.html:"))
        .anyMatch(problem -> problem.startsWith("public/session/a.txt:"));
  }

  @Test
  void pagesOfAccountFormsAreServedAndTheAccountItselfIsNot() throws Exception {
    write("pages/account/index.html", "x");
    write("pages/account/sign-in.html", "x");
    write("pages/account/sign-in/example.html", "x");
    write("pages/accounts.html", "x");
    write("public/account/style.css", "x");
    assertThat(problems()).isEmpty();
    write("site.yaml", "domains: [a.test]\nsessions: on\naccounts: on\n");
    assertThat(problems())
        .hasSize(2)
        .allMatch(problem -> problem.contains("never served, because Meridian itself answers"))
        .anyMatch(problem -> problem.startsWith("pages/account/index.html:"))
        .anyMatch(problem -> problem.startsWith("pages/account/sign-in/example.html:"));
  }
}
