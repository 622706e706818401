package dev.meridian.web;

import io.pebbletemplates.pebble.lexer.Token;
import io.pebbletemplates.pebble.lexer.TokenStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a template names outside itself, with the lines it does so in. Names that are worked out
 * when the page is rendered are not among them.
 *
 * @param templates what it extends, includes and imports
 * @param open where it names a template by an expression, so that it may lead anywhere
 * @param functions functions and macros that it calls
 * @param filters filters that it uses
 * @param tests what stands after {@code is}
 * @param macros the macros that it declares
 * @param assets files in {@code public/}
 * @param collections what it reads documents of: the first segments of their paths
 */
record TemplateWords(
    List<Word> templates,
    List<Word> open,
    List<Word> functions,
    List<Word> filters,
    List<Word> tests,
    Set<String> macros,
    List<Word> assets,
    List<Word> collections) {
  /*
   * Read from Pebble's tokens and not from its trees, whose parts are not all to be got at: the
   * variables of an include are not.
   */
  private static final Set<String> LINKS = Set.of("extends", "include", "import");

  /** Pebble's own functions, and words that a parenthesis may follow. */
  private static final Set<String> NO_FUNCTIONS =
      Set.of("block", "parent", "in", "with", "as", "if", "elseif");

  /** How many tokens after a name tell what it is. */
  private static final int AHEAD = 3;

  /** A word and its line, from 1. */
  record Word(String text, int line) {}

  static TemplateWords read(TokenStream stream) {
    TemplateWords words =
        new TemplateWords(
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new HashSet<>(),
            new ArrayList<>(),
            new ArrayList<>());
    List<Token> tokens = new ArrayList<>(stream.getTokens());
    tokens.addAll(Collections.nCopies(AHEAD, new Token(Token.Type.EOF, "", 0)));
    for (int i = 1; i < tokens.size() - AHEAD; i++) {
      words.take(tokens.get(i - 1), tokens.get(i), tokens.subList(i + 1, i + 1 + AHEAD));
    }
    return words;
  }

  private void take(Token before, Token token, List<Token> after) {
    if (token.getType() != Token.Type.NAME) {
      return;
    }
    Token next = after.getFirst();
    Word word = new Word(token.getValue(), token.getLineNumber());
    if (before.getType() == Token.Type.EXECUTE_START) {
      tag(word.text, after);
    } else if (before.test(Token.Type.OPERATOR, "|")) {
      filters.add(word);
    } else if (before.test(Token.Type.OPERATOR, "is", "is not")) {
      tests.add(word);
    } else if (next.test(Token.Type.PUNCTUATION, "(")
        && !before.test(Token.Type.PUNCTUATION, ".")
        && !before.test(Token.Type.NAME, "macro")
        && !NO_FUNCTIONS.contains(word.text)) {
      functions.add(word);
      call(word.text, after);
    }
  }

  private void tag(String tag, List<Token> after) {
    Token next = after.getFirst();
    Token then = after.get(1);
    if (LINKS.contains(tag)) {
      boolean literal =
          next.getType() == Token.Type.STRING
              && (then.getType() == Token.Type.EXECUTE_END || then.getType() == Token.Type.NAME);
      (literal ? templates : open).add(new Word(next.getValue(), next.getLineNumber()));
    } else if (tag.equals("macro")) {
      macros.add(next.getValue());
    } else if (tag.equals("filter")) {
      filters.add(new Word(next.getValue(), next.getLineNumber()));
    }
  }

  private void call(String function, List<Token> after) {
    Token argument = after.get(1);
    if (argument.getType() != Token.Type.STRING
        || !after.get(2).test(Token.Type.PUNCTUATION, ",", ")")) {
      return;
    }
    String text = argument.getValue();
    switch (function) {
      case "asset" -> assets.add(new Word(text, argument.getLineNumber()));
      case "document", "list" ->
          collections.add(
              new Word(text.substring(0, (text + "/").indexOf('/')), argument.getLineNumber()));
      default -> {}
    }
  }
}
