"""The checks when a recipe is saved: all that is wrong, instead of the first thing only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from jinja2 import nodes

from automations.engine.templating.naming import unknown_among
from automations.engine.templating.paths import paths_read
from automations.engine.templating.syntax import TemplateProblem, UnreadableError, problems_in, read
from automations.engine.templating.template import ENVIRONMENT, MARKUP, compile_value
from automations.errors import MappingError


def check(source: Any, *, known_names: Collection[str] = ()) -> list[TemplateProblem]:
    """Return what is wrong with a template, or with every template of a tree; never raises.

    known_names: the top-level names there will be, dotted ones too (`deal.person`); empty: names are not
    checked. A problem's `path` says where in the tree.
    """
    try:
        return list(_problems(source, known_names, "", 0))
    except Exception:  # noqa: BLE001  # a checker that fails on a stranger's text must still answer
        return [TemplateProblem("The template cannot be read. Simplify it.")]


def _problems(value: Any, known_names: Collection[str], path: str, depth: int) -> Iterator[TemplateProblem]:
    if depth <= 64 and isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _problems(entry, known_names, f"{path}.{key}" if path else str(key), depth + 1)
    elif depth <= 64 and isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from _problems(entry, known_names, f"{path}[{index}]", depth + 1)
    else:
        for problem in _leaf_problems(value, known_names):
            yield replace(problem, path=path)


def _leaf_problems(value: Any, known_names: Collection[str]) -> Iterator[TemplateProblem]:
    if isinstance(value, str) and any(sign in value for sign in MARKUP):
        try:
            tree = read(ENVIRONMENT, value)
        except UnreadableError as error:
            yield error.problem
            return
        found = problems_in(tree)
        if known_names and not found:
            found = list(_unknown_names(tree, known_names))
        if found:
            yield from found
            return
    try:
        compile_value(value)
    except MappingError as error:
        yield TemplateProblem(str(error))


def _unknown_names(tree: nodes.Template, known_names: Collection[str]) -> Iterator[TemplateProblem]:
    roots = {known.partition(".")[0] for known in known_names}
    asked = {id(test.node) for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined")}
    lines: dict[str, int] = {}
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and id(node) not in asked:
            lines.setdefault(node.name, node.lineno)
    for name in sorted({path[0] for path in paths_read(tree)} & lines.keys() - roots):
        yield TemplateProblem(unknown_among(name, known_names), lines[name], name)
