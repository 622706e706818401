package dev.meridian.document;

import com.google.common.collect.ImmutableList;
import dev.cel.common.ast.CelExpr;
import dev.cel.common.ast.CelExpr.ExprKind.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Walks over CEL syntax trees. */
final class CelTrees {
  private CelTrees() {}

  static void checkDepth(CelExpr expression, int left) {
    if (left == 0) {
      throw new InvalidInputException("The expression is nested too deep; simplify it.");
    }
    children(expression).forEach(child -> checkDepth(child, left - 1));
  }

  /** The conditions that {@code &&} joins. */
  static List<CelExpr> conjuncts(CelExpr expression) {
    List<CelExpr> conjuncts = new ArrayList<>();
    addConjuncts(expression, conjuncts);
    return conjuncts;
  }

  private static void addConjuncts(CelExpr expression, List<CelExpr> conjuncts) {
    if (expression.getKind() == Kind.CALL && expression.call().function().equals("_&&_")) {
      expression.call().args().forEach(side -> addConjuncts(side, conjuncts));
    } else {
      conjuncts.add(expression);
    }
  }

  /** Joins conditions, at least one, as {@code &&} does; {@code id} is above all ids in them. */
  static CelExpr and(List<CelExpr> conditions, long id) {
    CelExpr all = conditions.getFirst();
    for (CelExpr next : conditions.subList(1, conditions.size())) {
      all = CelExpr.ofCall(id++, Optional.empty(), "_&&_", ImmutableList.of(all, next));
    }
    return all;
  }

  /** The greatest id of a node. */
  static long maxId(CelExpr expression) {
    return Math.max(
        expression.id(), children(expression).stream().mapToLong(CelTrees::maxId).max().orElse(0));
  }

  /** The names from a free identifier through its selections, or null when it is no such chain. */
  static @Nullable List<String> chain(CelExpr expression) {
    if (expression.getKind() == Kind.IDENT) {
      List<String> names = new ArrayList<>();
      names.add(expression.ident().name());
      return names;
    }
    if (expression.getKind() == Kind.SELECT && !expression.select().testOnly()) {
      List<String> names = chain(expression.select().operand());
      if (names != null) {
        names.add(expression.select().field());
      }
      return names;
    }
    return null;
  }

  /** Whether the function is called anywhere. */
  static boolean calls(CelExpr expression, String function) {
    return (expression.getKind() == Kind.CALL && expression.call().function().equals(function))
        || children(expression).stream().anyMatch(child -> calls(child, function));
  }

  /** Gives every identifier that no loop binds to {@code found}. */
  static void freeIdentifiers(CelExpr expression, Consumer<String> found) {
    freeIdentifiers(expression, Set.of(), found);
  }

  private static void freeIdentifiers(CelExpr e, Set<String> bound, Consumer<String> found) {
    switch (e.getKind()) {
      case IDENT -> {
        if (!bound.contains(e.ident().name())) {
          found.accept(e.ident().name());
        }
      }
      case COMPREHENSION -> {
        CelExpr.CelComprehension loop = e.comprehension();
        freeIdentifiers(loop.iterRange(), bound, found);
        freeIdentifiers(loop.accuInit(), bound, found);
        Set<String> accumulator = plus(bound, loop.accuVar());
        Set<String> all = plus(plus(accumulator, loop.iterVar()), loop.iterVar2());
        freeIdentifiers(loop.loopCondition(), all, found);
        freeIdentifiers(loop.loopStep(), all, found);
        freeIdentifiers(loop.result(), accumulator, found);
      }
      default -> children(e).forEach(child -> freeIdentifiers(child, bound, found));
    }
  }

  /** Turns {@code has(a.b)} of fields into something else. */
  interface Presence {
    /**
     * What stands for it.
     *
     * @param names the chain that is tested, from a free identifier
     */
    CelExpr of(long id, List<String> names);
  }

  /** The tree with every {@code has} of a chain from a free identifier replaced. */
  static CelExpr replacePresence(CelExpr expression, Presence presence) {
    return replacePresence(expression, Set.of(), presence);
  }

  private static CelExpr replacePresence(CelExpr e, Set<String> bound, Presence presence) {
    return switch (e.getKind()) {
      case SELECT -> {
        CelExpr.CelSelect select = e.select();
        List<String> names = select.testOnly() ? chain(select.operand()) : null;
        if (names != null && !bound.contains(names.getFirst())) {
          names.add(select.field());
          yield presence.of(e.id(), names);
        }
        yield CelExpr.ofSelect(
            e.id(),
            replacePresence(select.operand(), bound, presence),
            select.field(),
            select.testOnly());
      }
      case CALL ->
          CelExpr.ofCall(
              e.id(),
              e.call().target().map(target -> replacePresence(target, bound, presence)),
              e.call().function(),
              replaceAll(e.call().args(), bound, presence));
      case LIST ->
          CelExpr.ofList(
              e.id(), replaceAll(e.list().elements(), bound, presence), e.list().optionalIndices());
      case MAP ->
          CelExpr.ofMap(
              e.id(),
              e.map().entries().stream()
                  .map(
                      entry ->
                          CelExpr.ofMapEntry(
                              entry.id(),
                              replacePresence(entry.key(), bound, presence),
                              replacePresence(entry.value(), bound, presence),
                              entry.optionalEntry()))
                  .collect(ImmutableList.toImmutableList()));
      case COMPREHENSION -> {
        CelExpr.CelComprehension loop = e.comprehension();
        Set<String> accumulator = plus(bound, loop.accuVar());
        Set<String> all = plus(plus(accumulator, loop.iterVar()), loop.iterVar2());
        yield CelExpr.ofComprehension(
            e.id(),
            loop.iterVar(),
            loop.iterVar2(),
            replacePresence(loop.iterRange(), bound, presence),
            loop.accuVar(),
            replacePresence(loop.accuInit(), bound, presence),
            replacePresence(loop.loopCondition(), all, presence),
            replacePresence(loop.loopStep(), all, presence),
            replacePresence(loop.result(), accumulator, presence));
      }
      default -> e;
    };
  }

  private static ImmutableList<CelExpr> replaceAll(
      List<CelExpr> expressions, Set<String> bound, Presence presence) {
    return expressions.stream()
        .map(child -> replacePresence(child, bound, presence))
        .collect(ImmutableList.toImmutableList());
  }

  private static Set<String> plus(Set<String> names, String name) {
    Set<String> more = new HashSet<>(names);
    more.add(name);
    return more;
  }

  private static List<CelExpr> children(CelExpr e) {
    List<CelExpr> children = new ArrayList<>();
    switch (e.getKind()) {
      case SELECT -> children.add(e.select().operand());
      case CALL -> {
        e.call().target().ifPresent(children::add);
        children.addAll(e.call().args());
      }
      case LIST -> children.addAll(e.list().elements());
      case STRUCT -> e.struct().entries().forEach(entry -> children.add(entry.value()));
      case MAP ->
          e.map()
              .entries()
              .forEach(
                  entry -> {
                    children.add(entry.key());
                    children.add(entry.value());
                  });
      case COMPREHENSION -> {
        CelExpr.CelComprehension loop = e.comprehension();
        children.add(loop.iterRange());
        children.add(loop.accuInit());
        children.add(loop.loopCondition());
        children.add(loop.loopStep());
        children.add(loop.result());
      }
      default -> {}
    }
    return children;
  }
}
