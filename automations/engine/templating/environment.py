"""The guarded Jinja environment that every template of a recipe is compiled and rendered in.

Several layers, each an allow-list. The syntax tree is checked (`syntax.py`) and then rewritten here, so that
what Jinja would do natively goes through `operators.py`: comparisons, `~`, slices, calls and the start of a
loop. Nothing is folded while compiling: `finalize` wants the context, and operators are intercepted. At run
time an attribute is a key of an object and nothing else, and nothing can be called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, cast

from jinja2 import nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from automations.engine.templating.context import GuardedContext
from automations.engine.templating.encoding import ENCODE, encoded
from automations.engine.templating.filters import FILTERS
from automations.engine.templating.guarding import guarded_filter, guarded_test
from automations.engine.templating.is_tests import TESTS
from automations.engine.templating.limits import SYNTAX_NODES_PER_STEP
from automations.engine.templating.operators import (
    BINARY,
    UNARY,
    calculate,
    compare,
    concatenate,
    count_up,
    cut,
    negate,
    refuse_unknown,
)
from automations.engine.templating.string_methods import call_method
from automations.engine.templating.values import Unknown, as_text, listed, member
from automations.errors import MappingError


@pass_context
def _put_out(context: GuardedContext, value: Any) -> str:
    """Keep the value of a single expression, or write a part of a mixed text."""
    if context.keeps_value:
        context.value = value
        return ""
    text = value if type(value) is str else as_text(value)
    context.budget.put_out(len(text))
    return text


@pass_context
def _iterate(context: GuardedContext, value: Any, steps_each: int) -> list[Any]:
    """Return what a loop goes through, paid for in advance."""
    refuse_unknown(value)
    items = listed(value, "for") if value else []
    context.budget.spend(1 + len(items) * steps_each)
    return items


def _paying(operation: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def run(context: GuardedContext, *operands: Any) -> Any:
        return operation(context.budget, *operands)

    return run


def _called(budget: Any, text: Any, name: str, *arguments: Any) -> Any:
    return call_method(budget, text, name, *arguments)


_REWRITTEN: Final[Mapping[str, Callable[..., Any]]] = {
    "_compare": _paying(compare),
    "_concatenate": _paying(concatenate),
    "_cut": _paying(cut),
    "_range": _paying(count_up),
    "_method": _paying(_called),
    "_iterate": _iterate,
    ENCODE: encoded,
}
"""No source can name these: `syntax.py` knows public filters only, and `map` refuses a leading underscore."""


class GuardedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja with allow-lists only; one instance serves all templates and threads."""

    intercepted_binops = BINARY
    intercepted_unops = UNARY

    def __init__(self) -> None:
        super().__init__(
            undefined=Unknown,
            finalize=_put_out,
            optimized=False,
            autoescape=False,
            keep_trailing_newline=True,
            loader=None,
            cache_size=0,
        )
        self.globals.clear()
        self.policies.clear()
        self.filters = {name: guarded_filter(doc) for name, doc in FILTERS.items()} | dict(_REWRITTEN)
        self.tests = {name: guarded_test(doc) for name, doc in TESTS.items()}
        self.shared_eval_context = nodes.EvalContext(self, None)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return member(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return member(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        assert isinstance(context, GuardedContext)
        return calculate(context.budget, operator, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        assert isinstance(context, GuardedContext)
        return negate(context.budget, operator, arg)

    def call(*_everything: Any, **_named: Any) -> NoReturn:
        raise MappingError("Nothing can be called here. Use a filter instead.")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        return False


def guard(environment: GuardedEnvironment, tree: nodes.Template, *, is_expression: bool) -> nodes.Template:
    """Rewrite a checked tree in place so that every operation passes our own code; returns it."""
    guarded = _Rewriter(is_expression).visit(tree)
    assert isinstance(guarded, nodes.Template)
    guarded.set_environment(environment)
    return guarded


def _through(name: str, line: int, first: nodes.Expr, *others: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(first, name, list(others), [], None, None, lineno=line)


class _Rewriter(NodeTransformer):
    def __init__(self, is_expression: bool) -> None:
        self._is_expression = is_expression

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        """`{{ 'Dr. ' if x }}` writes nothing where it is part of a text; alone it is missing."""
        if not self._is_expression:
            for part in node.nodes:
                if isinstance(part, nodes.CondExpr) and part.expr2 is None:
                    part.expr2 = nodes.Const("", lineno=part.lineno)
        return self.generic_visit(node)

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        """As a constant, the text passes `_put_out` and is counted like all output."""
        return nodes.Const(node.data, lineno=node.lineno)

    def visit_CondExpr(self, node: nodes.CondExpr) -> nodes.Node:
        self.generic_visit(node)
        if node.expr2 is None:
            node.expr2 = nodes.Const(None, lineno=node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        tests: list[nodes.Expr] = []
        for operand in node.ops:
            tests += (nodes.Const(operand.op, lineno=node.lineno), operand.expr)
        return _through("_compare", node.lineno, node.expr, *tests)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _through("_concatenate", node.lineno, *node.nodes)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        given: list[nodes.Expr] = [
            nodes.Const(None, lineno=node.lineno) if bound is None else bound for bound in bounds
        ]
        return _through("_cut", node.lineno, node.node, *given)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr):
            name = nodes.Const(node.node.attr, lineno=node.lineno)
            return _through("_method", node.lineno, node.node.node, name, *node.args)
        bounds: list[nodes.Expr] = node.args or [nodes.Const(None, lineno=node.lineno)]
        return _through("_range", node.lineno, *bounds)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        weight = 1 + sum(1 for _ in node.find_all(nodes.Node)) // SYNTAX_NODES_PER_STEP
        self.generic_visit(node)
        node.iter = _through(
            "_iterate", node.lineno, cast("nodes.Expr", node.iter), nodes.Const(weight, lineno=node.lineno)
        )
        return node
