package dev.meridian.web;

import dev.meridian.web.TemplateExpressions.Bounded;
import dev.meridian.web.TemplateExpressions.Condition;
import dev.meridian.web.TemplateExpressions.Items;
import dev.meridian.web.TemplateExpressions.Placed;
import io.pebbletemplates.pebble.extension.NodeVisitor;
import io.pebbletemplates.pebble.lexer.Token;
import io.pebbletemplates.pebble.node.AbstractRenderableNode;
import io.pebbletemplates.pebble.node.BlockNode;
import io.pebbletemplates.pebble.node.BodyNode;
import io.pebbletemplates.pebble.node.ForNode;
import io.pebbletemplates.pebble.node.IfNode;
import io.pebbletemplates.pebble.node.MacroNode;
import io.pebbletemplates.pebble.node.Node;
import io.pebbletemplates.pebble.node.RenderableNode;
import io.pebbletemplates.pebble.node.SetNode;
import io.pebbletemplates.pebble.node.expression.Expression;
import io.pebbletemplates.pebble.parser.Parser;
import io.pebbletemplates.pebble.template.EvaluationContextImpl;
import io.pebbletemplates.pebble.template.PebbleTemplateImpl;
import io.pebbletemplates.pebble.template.ScopeChain;
import io.pebbletemplates.pebble.tokenParser.BlockTokenParser;
import io.pebbletemplates.pebble.tokenParser.ForTokenParser;
import io.pebbletemplates.pebble.tokenParser.IfTokenParser;
import io.pebbletemplates.pebble.tokenParser.IncludeTokenParser;
import io.pebbletemplates.pebble.tokenParser.MacroTokenParser;
import io.pebbletemplates.pebble.tokenParser.SetTokenParser;
import io.pebbletemplates.pebble.tokenParser.TokenParser;
import io.pebbletemplates.pebble.utils.Pair;
import java.io.IOException;
import java.io.Writer;
import java.util.ArrayList;
import java.util.List;

/**
 * Pebble's tags with what a server needs besides: whatever can be gone through more than once looks
 * at the page's time limit, conditions take any value, and mistakes have a line.
 */
final class TemplateTags {
  /*
   * Work without an end needs a loop or something that calls itself: for, macro, include and block
   * are all there is. So a look at the clock at the beginning of the bodies of these four bounds
   * every template, also one that neither prints nor reads. Pebble's own parsers do the parsing;
   * what they make is put together anew.
   */
  private TemplateTags() {}

  static List<TokenParser> all() {
    return List.of(new For(), new If(), new Set(), new Macro(), new Include(), new Block());
  }

  private static final class For extends ForTokenParser {
    @Override
    public RenderableNode parse(Token token, Parser parser) {
      ForNode node = (ForNode) super.parse(token, parser);
      int line = node.getLineNumber();
      return new ForNode(
          line,
          node.getIterationVariable(),
          new Items(new Placed(node.getIterable(), line)),
          timed(line, node.getBody()),
          node.getElseBody());
    }
  }

  private static final class If extends IfTokenParser {
    @Override
    public RenderableNode parse(Token token, Parser parser) {
      IfNode node = (IfNode) super.parse(token, parser);
      List<Pair<Expression<?>, BodyNode>> branches = new ArrayList<>();
      for (Pair<Expression<?>, BodyNode> branch : node.getConditionsWithBodies()) {
        Expression<?> condition = branch.getLeft();
        branches.add(
            new Pair<>(
                new Condition(new Placed(condition, line(condition, node.getLineNumber()))),
                branch.getRight()));
      }
      return new IfNode(node.getLineNumber(), branches, node.getElseBody());
    }

    private static int line(Expression<?> expression, int otherwise) {
      return expression.getLineNumber() > 0 ? expression.getLineNumber() : otherwise;
    }
  }

  private static final class Set extends SetTokenParser {
    @Override
    public RenderableNode parse(Token token, Parser parser) {
      SetNode node = (SetNode) super.parse(token, parser);
      int line = node.getLineNumber();
      // Of this very class: Pebble looks for it in templates that extend another.
      return new SetNode(line, node.getName(), new Bounded(new Placed(node.getValue(), line)));
    }
  }

  private static final class Macro extends MacroTokenParser {
    @Override
    public RenderableNode parse(Token token, Parser parser) {
      int line = token.getLineNumber();
      MacroNode node = (MacroNode) super.parse(token, parser);
      return new MacroNode(
          node.getName(),
          node.getArgs(),
          new BodyNode(line, List.of(new KnownNames(timed(line, node.getBody())))));
    }
  }

  private static final class Include extends IncludeTokenParser {
    @Override
    public RenderableNode parse(Token token, Parser parser) {
      int line = token.getLineNumber();
      return timed(line, new BodyNode(line, List.of(super.parse(token, parser))));
    }
  }

  private static final class Block extends BlockTokenParser {
    @Override
    public RenderableNode parse(Token token, Parser parser) {
      BlockNode node = (BlockNode) super.parse(token, parser);
      int line = node.getLineNumber();
      return new BlockNode(line, node.getName(), timed(line, node.getBody()));
    }
  }

  private static BodyNode timed(int line, BodyNode body) {
    List<RenderableNode> children = new ArrayList<>(body.getChildren().size() + 1);
    children.add(new Clock(line));
    children.addAll(body.getChildren());
    return new BodyNode(line, children);
  }

  /** Ends the page if its time is over. */
  private static final class Clock extends AbstractRenderableNode {
    Clock(int line) {
      super(line);
    }

    @Override
    public void render(PebbleTemplateImpl self, Writer writer, EvaluationContextImpl context) {
      Rendering.CURRENT.get().reads().checkTime(self.getName(), getLineNumber());
    }

    @Override
    public void accept(NodeVisitor visitor) {
      visitor.visit((Node) this);
    }
  }

  /** The body of a macro, which sees its own names alone: others are mistakes, as elsewhere. */
  private static final class KnownNames extends AbstractRenderableNode {
    private final BodyNode body;

    KnownNames(BodyNode body) {
      this.body = body;
    }

    @Override
    public void render(PebbleTemplateImpl self, Writer writer, EvaluationContextImpl context)
        throws IOException {
      ScopeChain scopes = context.getScopeChain();
      scopes.pushScope(TemplateNames.within(scopes));
      try {
        body.render(self, writer, context);
      } finally {
        scopes.popScope();
      }
    }

    @Override
    public void accept(NodeVisitor visitor) {
      body.accept(visitor);
    }
  }
}
