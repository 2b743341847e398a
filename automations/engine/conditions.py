"""The condition language: a tree of `all`, `any` and `not` over comparisons, or one expression.

Parsed once with the recipe, judged for every event. Every comparison is evaluated, so that people see the
whole picture; one that fails to render matters only where `all` and `any` would have reached it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from automations.engine.condition_syntax import Condition, Expression, Group, Leaf, Node, parse_condition
from automations.engine.operations import OPS, OpDoc, Operands
from automations.engine.templating import MISSING, Template, render
from automations.engine.templating.comparing import nothing
from automations.engine.templating.filters.numbers import read_boolean
from automations.engine.templating.values import member
from automations.errors import MappingError

__all__ = [
    "OPS",
    "Condition",
    "Expression",
    "Group",
    "Judgement",
    "Leaf",
    "OpDoc",
    "Reason",
    "judge",
    "parse_condition",
]

SHOWN_CHARACTERS: Final = 60


@dataclass(frozen=True)
class Reason:
    """What one comparison said.

    path: such as `all[1]`, empty for an only one. left, right: what was compared, None for what is missing.
    passed: whether it spoke for passing; inside a `not` that is when it does not hold.
    """

    path: str
    sentence: str
    left: Any
    op: str
    right: Any
    passed: bool


@dataclass(frozen=True)
class Judgement:
    """why: one reason for every comparison, in the order of the recipe."""

    passed: bool
    why: list[Reason]

    @property
    def failures(self) -> list[Reason]:
        """The comparisons that spoke against; empty when it passed."""
        return [] if self.passed else [reason for reason in self.why if not reason.passed]


def judge(
    condition: Condition, context: Mapping[str, Any], *, previous: Mapping[str, Any] | None
) -> Judgement:
    """Return whether the condition holds, and what every comparison said. Pure.

    previous: old values of the record's changed fields, by the record's own keys.

    Raises MappingError, with `field` the path inside the condition, where a template fails that decides.
    """
    if condition.root is None:
        return Judgement(True, [])
    bench = _Bench(context, previous or {})
    verdict = bench.hear(condition.root, wanted=True)
    if isinstance(verdict, MappingError):
        raise verdict
    return Judgement(verdict, bench.why)


class _Bench:
    """One judging: hears every comparison, and carries an error upwards as a value until it decides."""

    def __init__(self, context: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
        self._context = context
        self._previous = previous
        self.why: list[Reason] = []

    def hear(self, node: Node, *, wanted: bool) -> bool | MappingError:
        if isinstance(node, Group):
            return self._group(node, wanted)
        try:
            reason = self._expression(node) if isinstance(node, Expression) else self._leaf(node)
        except MappingError as error:
            error.field = error.path = node.path
            self._note(Reason(node.path, error.message, None, _op_of(node), None, not wanted), wanted)
            return error
        self._note(reason, wanted)
        return reason.passed

    def _group(self, group: Group, wanted: bool) -> bool | MappingError:
        if group.kind == "not":
            verdict = self.hear(group.members[0], wanted=not wanted)
            return verdict if isinstance(verdict, MappingError) else not verdict
        verdicts = [self.hear(inner, wanted=wanted) for inner in group.members]
        deciding = group.kind == "any"
        for verdict in verdicts:
            if isinstance(verdict, MappingError) or verdict is deciding:
                return verdict
        return not deciding

    def _note(self, reason: Reason, wanted: bool) -> None:
        if not wanted:
            sentence = f"not: {reason.sentence}"
            reason = Reason(reason.path, sentence, reason.left, reason.op, reason.right, not reason.passed)
        self.why.append(reason)

    def _expression(self, node: Expression) -> Reason:
        value = render(node.template, self._context)
        spelled = read_boolean(value) if isinstance(value, str) else None
        passed = bool(value) if spelled is None else spelled
        sentence = f"{node.template.words} is {_shown(value)}, wanted: true"
        return Reason(node.path, sentence, _plain(value), "expression", True, passed)

    def _leaf(self, leaf: Leaf) -> Reason:
        doc = OPS[leaf.op]
        left = render(leaf.left, self._context)
        right = render(leaf.right, self._context) if doc.takes_right else None
        old = self._old_value(leaf.left) if doc.about_change else MISSING
        passed = doc.holds(Operands(left, right, leaf.ignore_case, old))
        fact = f"{leaf.left.words} is {_shown(left)}"
        if doc.about_change:
            fact += " and did not change" if old is MISSING else f" and was {_shown(old)}"
        wanted = f"{doc.words} {_shown(right)}" if doc.takes_right else doc.words
        return Reason(leaf.path, f"{fact}, wanted: {wanted}", _plain(left), leaf.op, _plain(right), passed)

    def _old_value(self, left: Template) -> Any:
        """Return the old value of a path, its root being the record; `MISSING` where it did not change."""
        value: Any = self._previous
        for key in (left.plain_path or ())[1:]:
            if not isinstance(value, Mapping) or key not in value:
                return member(value, key) if type(key) is int else MISSING
            value = value[key]
        return value


def _op_of(node: Expression | Leaf) -> str:
    return node.op if isinstance(node, Leaf) else "expression"


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= SHOWN_CHARACTERS else f"'{value[:SHOWN_CHARACTERS]}…'"
    if nothing(value):
        return "missing"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(_shown, value[:5])) + (", …" if len(value) > 5 else "")
        return f"[{inside}]"
    if isinstance(value, Mapping):
        return "an object"
    return str(value).lower() if isinstance(value, bool) else str(value)
