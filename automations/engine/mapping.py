"""From a step's templates to typed field values: render, apply the missing-value policy, convert, validate.

A value that is missing (an absent key in a known object, or null) follows the field's policy: `fail`, `skip`,
`null` or `{default: …}`; without one, a required field fails and an optional one is left out. Nothing here
opens a socket or knows a product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from automations.engine.contracts import Action, ActionFields
from automations.engine.conversion import convert, type_words
from automations.engine.templating import MISSING, Template, compile_address, compile_value, render
from automations.errors import FieldsError, MappingError
from automations.made_often import made_often

Policy = str | dict[str, Any]
_CUT = 200
_LEFT_OUT = object()
_BRACES = re.compile(r"^\s*\{\{(.*)\}\}\s*$", re.DOTALL)


@dataclass(frozen=True)
class Leaf:
    """One template or constant at its place, such as ("properties", "Phone")."""

    path: tuple[str | int, ...]
    template: Template

    @cached_property
    def name(self) -> str:
        return ".".join(str(part) for part in self.path)


@made_often
@dataclass(frozen=True)
class LeafValue:
    """What a leaf came to. state: `value`, `left_out`, `null`, `default` or `error`."""

    name: str
    state: str
    value: Any = None
    error: MappingError | FieldsError | None = None


@made_often
@dataclass(frozen=True)
class RenderedFields:
    """typed: the action's `Fields`. left_out: names of the leaves that were missing and not sent."""

    typed: ActionFields
    left_out: tuple[str, ...]


class FieldMapping:
    """A step's `fields`, compiled once and rendered for every event."""

    def __init__(
        self, action: Action, fields: Mapping[str, Any], missing: Mapping[str, Policy], *, step: str
    ) -> None:
        self.action = action
        self.step = step
        self.missing = dict(missing)
        self._tree = compile_value(_prepared(action, fields))
        self.leaves = tuple(Leaf(path, template) for path, template in walk_leaves(self._tree))
        # What is asked of the action for every event is asked once: pydantic's tables of fields are slow to read.
        self._types = {name: info.annotation for name, info in action.Fields.model_fields.items()}
        self._alternatives = tuple(alternatives(action).values())

    @property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """Every context path that the templates read."""
        return frozenset(path for leaf in self.leaves for path in leaf.template.paths)

    def policy(self, leaf: Leaf) -> Policy:
        return policy_for(self.action, self.missing, leaf.path)

    def render(self, context: Mapping[str, Any]) -> RenderedFields:
        """Return typed values. Raises MappingError, FieldsError naming step and field."""
        left_out: list[str] = []
        values: list[Any] = []
        for leaf in self.leaves:
            result = self._leaf(leaf, context)
            if result.error is not None:
                raise result.error
            if result.state == "left_out":
                left_out.append(result.name)
            values.append(_LEFT_OUT if result.state == "left_out" else result.value)
        return RenderedFields(self.typed(_rebuilt(self._tree, iter(values))), tuple(left_out))

    def render_leaves(self, context: Mapping[str, Any]) -> list[LeafValue]:
        """Return what every leaf comes to, mistakes included, for a preview."""
        return [self._leaf(leaf, context) for leaf in self.leaves]

    def _leaf(self, leaf: Leaf, context: Mapping[str, Any]) -> LeafValue:
        try:
            value = render(leaf.template, context)
        except MappingError as error:
            return LeafValue(leaf.name, "error", error=self._named(error, leaf))
        if value is MISSING or (value is None and not leaf.template.is_constant):
            return self._missing(leaf)
        state = "null" if value is None else "value"
        try:
            return LeafValue(leaf.name, state, self._converted(leaf, value))
        except FieldsError as error:
            return LeafValue(leaf.name, "error", value=value, error=error)

    def _missing(self, leaf: Leaf) -> LeafValue:
        policy = self.policy(leaf)
        if isinstance(policy, dict):
            try:
                return LeafValue(leaf.name, "default", self._converted(leaf, policy["default"]))
            except FieldsError as error:
                return LeafValue(leaf.name, "error", value=policy["default"], error=error)
        if policy == "null":
            return LeafValue(leaf.name, "null", None)
        if policy == "skip":
            return LeafValue(leaf.name, "left_out")
        return LeafValue(
            leaf.name,
            "error",
            error=FieldsError(
                f"Step {self.step!r}, field {leaf.name!r}: {leaf.template.source!s} is empty in this record, and the "
                "field is required. Choose a field that has a value, or give a default for when it is missing.",
                step=self.step,
                field=leaf.name,
                wanted="a value",
            ),
        )

    def _converted(self, leaf: Leaf, value: Any) -> Any:
        if len(leaf.path) > 1 or value is None or leaf.path[0] not in self._types:
            return value
        try:
            return convert(value, self._types[str(leaf.path[0])])
        except ValueError as error:
            raise self._misfit(leaf.name, value, str(error)) from error

    def _misfit(self, name: str, value: Any, wanted: str) -> FieldsError:
        shown = str(value)[:_CUT]
        return FieldsError(
            f"Step {self.step!r}, field {name!r}: the value {shown!r} is not {wanted}. Change the field's template, "
            "or add a filter that converts it.",
            step=self.step,
            field=name,
            value=shown,
            wanted=wanted,
        )

    def _named(self, error: MappingError, leaf: Leaf) -> MappingError:
        return MappingError(
            f"Step {self.step!r}, field {leaf.name!r}: {error.message}",
            step=self.step,
            field=leaf.name,
            template=str(leaf.template.source),
        )

    def typed(self, tree: Mapping[str, Any]) -> ActionFields:
        """Return `tree` as the action's fields, checked. Raises FieldsError."""
        try:
            fields = self.action.Fields.model_validate(tree)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            top = self.action.Fields.model_fields.get(str(first["loc"][0]) if first["loc"] else "")
            if first["type"] == "missing":
                raise FieldsError(
                    f"Step {self.step!r}, field {name!r} is required and has no value. Map it.",
                    step=self.step,
                    field=name,
                    wanted="a value",
                ) from error
            wanted = type_words(top.annotation) if top is not None else str(first["msg"])
            raise self._misfit(name, first.get("input"), wanted) from error
        self._require_alternatives(fields)
        try:
            self.action.check(fields)
        except FieldsError as error:
            if not error.step:
                raise FieldsError(
                    f"Step {self.step!r}, field {error.field!r}: {error.message}",
                    step=self.step,
                    field=error.field,
                    value=error.value,
                    wanted=error.wanted,
                ) from error
            raise
        return fields

    def _require_alternatives(self, fields: ActionFields) -> None:
        for names in self._alternatives:
            if all(getattr(fields, name) in (None, "") for name in names):
                listed = " or ".join(repr(name) for name in names)
                raise FieldsError(
                    f"Step {self.step!r}: {listed} must have a value, and none has. Map one of them.",
                    step=self.step,
                    field=names[0],
                    wanted="a value in one of them",
                )


def alternatives(action: Action) -> dict[str, list[str]]:
    """Return the groups of fields of which at least one is needed, by their `one_of` word."""
    groups: dict[str, list[str]] = {}
    for name, info in action.Fields.model_fields.items():
        extra = info.json_schema_extra
        word = extra.get("one_of") if isinstance(extra, dict) else ""
        if isinstance(word, str) and word:
            groups.setdefault(word, []).append(name)
    return groups


def is_expression(action: Action, name: str) -> bool:
    """Tell whether a field's text is left to the action to evaluate."""
    return _is_declared(action, name, "expression")


def _is_declared(action: Action, name: str, word: str) -> bool:
    info = action.Fields.model_fields.get(name)
    extra = info.json_schema_extra if info is not None else None
    return bool(isinstance(extra, dict) and extra.get(word))


def _prepared(action: Action, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with what is no usual template made ready: bare expressions, and addresses."""
    prepared = dict(fields)
    for name, value in fields.items():
        if isinstance(value, str) and is_expression(action, name):
            prepared[name] = _BRACES.sub(r"\1", value)
        elif isinstance(value, str) and _is_declared(action, name, "address"):
            prepared[name] = compile_address(value)
    return prepared


def policy_for(action: Action, missing: Mapping[str, Policy], path: tuple[str | int, ...]) -> Policy:
    """Return the policy in force for a leaf: its own, its field's, or the default."""
    for name in (".".join(str(part) for part in path), str(path[0])):
        if name in missing:
            return missing[name]
    info = action.Fields.model_fields.get(str(path[0]))
    return "fail" if len(path) == 1 and info is not None and info.is_required() else "skip"


def walk_leaves(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value of a tree of fields with its path, in order."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from walk_leaves(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from walk_leaves(value, (*path, index))
    else:
        yield path, tree


def _rebuilt(tree: Any, values: Iterator[Any]) -> Any:
    """Return the shape of `tree` with its leaves replaced in order; what was left out leaves no gap."""
    if isinstance(tree, dict):
        pairs = [(key, _rebuilt(item, values)) for key, item in tree.items()]
        return {key: item for key, item in pairs if item is not _LEFT_OUT}
    if isinstance(tree, list):
        items = [_rebuilt(item, values) for item in tree]
        return [item for item in items if item is not _LEFT_OUT]
    return next(values)
