"""Reading a template's source, and everything that is refused before it is ever compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from automations.engine.templating.filters import FILTERS
from automations.engine.templating.is_tests import TESTS
from automations.engine.templating.limits import (
    INTEGER_BOUND,
    MAX_LOOP_DEPTH,
    MAX_SOURCE_BYTES,
    MAX_SYNTAX_DEPTH,
    MAX_SYNTAX_NODES,
    MAX_SYNTAX_TOKENS,
)
from automations.engine.templating.spelling import did_you_mean
from automations.engine.templating.string_methods import STRING_METHODS

_PLAIN: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple,
    nodes.Dict, nodes.Pair, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul,
    nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos, nodes.Concat, nodes.CondExpr,
    nodes.Call, nodes.Keyword, nodes.For, nodes.If, nodes.Assign, nodes.AssignBlock, nodes.With,
)  # fmt: skip
_ALLOWED: Final = frozenset(_PLAIN)
_WORDS: Final = {
    "Extends": "extends", "Block": "block", "Include": "include", "Import": "import", "FromImport": "import",
    "Macro": "macro", "CallBlock": "call", "FilterBlock": "filter", "ScopedEvalContextModifier": "autoescape",
    "NSRef": "set with a dot",
}  # fmt: skip
_RESERVED: Final = frozenset({"self", "super", "caller", "varargs", "kwargs"})
_BY_NAME: Final = {
    "map": FILTERS, "select": TESTS, "reject": TESTS, "selectattr": TESTS, "rejectattr": TESTS,
}  # fmt: skip
_MISUSED: Final = {
    "items": "Write '| items' instead of '.items()'.",
    "keys": "Write '| list' for the keys of an object.",
    "values": "Write '| items' for the keys and values of an object.",
    "get": "Write the key after a dot or in brackets, and '| default(…)' for a fallback.",
}


@dataclass(frozen=True)
class TemplateProblem:
    """One thing that is wrong with a template as it is written.

    message: a sentence for people. line: from 1; 0 where there is none. construct: the name or sign it is
    about, such as `macro` or `persn`. path: where in a tree of templates, such as `emails[0]`.
    """

    message: str
    line: int = 0
    construct: str = ""
    path: str = ""


class UnreadableError(Exception):
    """The source cannot be read; `problem` says why. Never leaves this package."""

    def __init__(self, problem: TemplateProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read(environment: Environment, source: str) -> nodes.Template:
    """Return the syntax tree; raises UnreadableError for what cannot even be parsed safely."""
    try:
        size = len(source.encode("utf-8", "surrogatepass"))
        if size > MAX_SOURCE_BYTES:
            limit = MAX_SOURCE_BYTES // 1024
            raise UnreadableError(TemplateProblem(f"The template is longer than {limit} KB. Shorten it."))
        _check_tokens(environment, source)
        return Parser(environment, source).parse()
    except TemplateSyntaxError as error:
        raise UnreadableError(_syntax_problem(error)) from None
    except RecursionError:
        raise UnreadableError(_too_deep(0)) from None
    except (ValueError, OverflowError, MemoryError, SyntaxError, TypeError):
        raise UnreadableError(
            TemplateProblem("The template holds a number or text that cannot be read. Write it more simply.")
        ) from None


def _check_tokens(environment: Environment, source: str) -> None:
    depth = 0
    for count, (line, kind, value) in enumerate(environment.lexer.tokeniter(source, None)):
        if count > MAX_SYNTAX_TOKENS:
            raise UnreadableError(_too_many(line))
        if kind == "operator":
            depth += (value in ("(", "[", "{")) - (value in (")", "]", "}"))
            if depth > MAX_SYNTAX_DEPTH:
                raise UnreadableError(_too_deep(line))


def _too_many(line: int) -> TemplateProblem:
    return TemplateProblem(f"The template has more than {MAX_SYNTAX_NODES} parts. Simplify it.", line)


def _too_deep(line: int) -> TemplateProblem:
    return TemplateProblem(f"The template is nested more than {MAX_SYNTAX_DEPTH} deep. Simplify it.", line)


def _syntax_problem(error: TemplateSyntaxError) -> TemplateProblem:
    fact = (error.message or "it cannot be read").strip()
    return TemplateProblem(f"The template cannot be read: {fact[:1].lower()}{fact[1:300]}", error.lineno)


def problems_in(tree: nodes.Template) -> list[TemplateProblem]:
    """Return what is not allowed in a parsed template, in the order of the source; empty when all is well."""
    found = _size_problem(tree)
    if found is not None:
        return [found]
    return [problem for node, loops in _walk(tree) for problem in _problems_of(node, loops)]


def _size_problem(tree: nodes.Template) -> TemplateProblem | None:
    count = 0
    level: list[nodes.Node] = [tree]
    depth = 0
    while level:
        count += len(level)
        depth += 1
        if count > MAX_SYNTAX_NODES:
            return _too_many(level[0].lineno)
        if depth > MAX_SYNTAX_DEPTH:
            return _too_deep(level[0].lineno)
        level = [child for node in level for child in node.iter_child_nodes()]
    return None


def _walk(node: nodes.Node, loops: int = 0) -> Iterator[tuple[nodes.Node, int]]:
    yield node, loops
    inside = loops + isinstance(node, nodes.For)
    for child in node.iter_child_nodes():
        yield from _walk(child, inside)


def _problems_of(node: nodes.Node, loops: int) -> Iterator[TemplateProblem]:
    if type(node) not in _ALLOWED:
        word = _WORDS.get(type(node).__name__, type(node).__name__.lower())
        yield TemplateProblem(
            f"'{word}' is not allowed in a template. Use if, for and set only.", node.lineno, word
        )
    elif isinstance(node, nodes.Name):
        yield from _name_problems(node)
    elif isinstance(node, nodes.Const):
        yield from _constant_problems(node)
    elif isinstance(node, (nodes.Filter, nodes.Test)):
        yield from _filter_problems(node)
    elif isinstance(node, nodes.Call):
        yield from _call_problems(node)
    elif isinstance(node, nodes.Getattr) and node.attr.startswith("__"):
        yield TemplateProblem(
            f"'.{node.attr}' is not allowed. Write [\"{node.attr}\"] if the data has such a key.",
            node.lineno, node.attr,
        )  # fmt: skip
    elif isinstance(node, nodes.For):
        yield from _loop_problems(node, loops)
    elif isinstance(node, nodes.AssignBlock) and node.filter is not None:
        yield TemplateProblem(
            "'set' with a filter is not allowed. Filter where it is used.", node.lineno, "set"
        )


def _name_problems(node: nodes.Name) -> Iterator[TemplateProblem]:
    if node.name.startswith("_") or node.name in _RESERVED or not node.name.isidentifier():
        yield TemplateProblem(f"The name '{node.name}' is not allowed.", node.lineno, node.name)
    elif node.ctx != "load" and node.name in ("loop", "range"):
        yield TemplateProblem(f"The name '{node.name}' is taken. Choose another.", node.lineno, node.name)


def _constant_problems(node: nodes.Const) -> Iterator[TemplateProblem]:
    value = node.value
    too_large = isinstance(value, int) and not -INTEGER_BOUND < value < INTEGER_BOUND
    if too_large or (isinstance(value, float) and value - value != 0):
        yield TemplateProblem("A number has more than 30 digits. Write it as text.", node.lineno)
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield TemplateProblem("A text holds half a character (\\ud800 to \\udfff).", node.lineno)


def _filter_problems(node: nodes.Filter | nodes.Test) -> Iterator[TemplateProblem]:
    word, known = ("filter", FILTERS) if isinstance(node, nodes.Filter) else ("test", TESTS)
    if node.name not in known:
        near = did_you_mean(node.name, known, otherwise=f"The reference lists every {word}.")
        yield TemplateProblem(f"There is no {word} '{node.name}'.{near}", node.lineno, node.name)
        return
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        yield TemplateProblem("'*' and '**' in arguments are not allowed.", node.lineno, node.name)
        return
    doc = known[node.name]
    if not doc.accepts(len(node.args), [str(keyword.key) for keyword in node.kwargs]):
        yield TemplateProblem(f"'{node.name}' is written {doc.signature}.", node.lineno, node.name)
        return
    table = _BY_NAME.get(node.name) if isinstance(node, nodes.Filter) else None
    place = 1 if node.name in ("selectattr", "rejectattr") else 0
    named = node.args[place] if table and len(node.args) > place else None
    if isinstance(named, nodes.Const) and isinstance(named.value, str) and table and named.value not in table:
        near = did_you_mean(named.value, table)
        yield TemplateProblem(f"'{node.name}' does not know '{named.value}'.{near}", node.lineno, named.value)


def _call_problems(node: nodes.Call) -> Iterator[TemplateProblem]:
    called = node.node
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        yield TemplateProblem("Named, '*' and '**' arguments are not allowed in a call.", node.lineno, "call")
    elif isinstance(called, nodes.Name):
        if called.name == "range":
            if not 1 <= len(node.args) <= 3:
                yield TemplateProblem(
                    "'range' is written range(stop) or range(start, stop).", node.lineno, "range"
                )
        else:
            hint = f"'{called.name}' is a filter: write {{{{ value | {called.name} }}}}."
            otherwise = "Only range(…) and a text's own methods can be called."
            yield TemplateProblem(
                f"'{called.name}' cannot be called. {hint if called.name in FILTERS else otherwise}",
                node.lineno, called.name,
            )  # fmt: skip
    elif not (isinstance(called, nodes.Getattr) and called.attr in STRING_METHODS):
        name = called.attr if isinstance(called, nodes.Getattr) else "this"
        hint = _MISUSED.get(name, "Use a filter instead.")
        yield TemplateProblem(f"'{name}' cannot be called. {hint}", node.lineno, name)


def _loop_problems(node: nodes.For, loops: int) -> Iterator[TemplateProblem]:
    if node.recursive:
        yield TemplateProblem("'recursive' is not allowed in a loop.", node.lineno, "for")
    if loops >= MAX_LOOP_DEPTH:
        yield TemplateProblem(f"Loops may be nested {MAX_LOOP_DEPTH} deep at most.", node.lineno, "for")


def bound_names(tree: Any) -> frozenset[str]:
    """Return the names that the template itself binds, by `set`, `for` or `with`."""
    stored = (name.name for name in tree.find_all(nodes.Name) if name.ctx != "load")
    return frozenset(stored)
