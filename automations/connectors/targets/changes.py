"""Changes to attributes that are there already: added up, appended, removed. Each target writes them its own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from automations.connectors.targets.attributes import Fitter, misfit
from automations.connectors.targets.parts import OPERATORS
from automations.connectors.targets.target import Operator, Target
from automations.engine.contracts import JsonObject
from automations.engine.templating import MISSING
from automations.errors import FieldsError

Change = JsonObject | list[str]


def unsupported(target: Target, operators: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, message) for each change that the target does not know."""
    for name in operators:
        if name not in OPERATORS:
            yield f"operators.{name}", f"There is no operator {name!r}. Use {', '.join(OPERATORS)}."
        elif name not in target.operators:
            known = ", ".join(target.operators) or "none"
            yield f"operators.{name}", f"{target.title} does not know {name!r}. It knows: {known}."


class Changes:
    """What the changes of one record come to. groups: what templates read as `operators`.

    apart: changes that are records of their own, in order.
    """

    def __init__(self, target: Target, fitter: Fitter, context: Mapping[str, Any]) -> None:
        self.groups: dict[str, Change] = {}
        self.apart: list[tuple[Operator, Change]] = []
        self._target = target
        self._fitter = fitter
        self._context = context

    def take(self, operators: Mapping[str, Any], to_unset: Sequence[str]) -> None:
        """Take what an author mapped. to_unset: names that a null removes. Raises FieldsError."""
        for where, message in unsupported(self._target, operators):
            raise FieldsError(message, field=where, wanted="an operator that the service knows")
        for name in OPERATORS:
            given = operators.get(name)
            operands = list(_operands(name, given)) if given is not None else []
            if name == "unset":
                operands += [(key, True) for key in to_unset]
            if operands:
                self._take_one(name, self._target.operators[name], operands)

    def _take_one(self, name: str, operator: Operator, operands: Sequence[tuple[str, Any]]) -> None:
        listed: list[str] = []
        by_name: JsonObject = {}
        rename = self._fitter.part.rename
        for key, value in operands:
            where = f"operators.{name}.{key}"
            fit = _fit(name, value, where, as_list=operator.part.as_list)
            clean = self._fitter.key(rename.get(key, key), where)
            listed.append(clean)
            by_name[clean] = fit
        change: Change = listed if operator.part.form == "names" else by_name
        if operator.record is not None:
            self.apart.append((operator, change))
        elif operator.part.group:
            self._group(operator, change)
        else:
            for key, value in by_name.items():
                self._in_place(operator, key, value)

    def _group(self, operator: Operator, change: Change) -> None:
        group = self.groups.setdefault(operator.part.group, [] if isinstance(change, list) else {})
        if isinstance(group, list) and isinstance(change, list):
            group += change
        elif isinstance(group, dict) and isinstance(change, dict):
            for key, value in change.items():
                group[key] = self._written(operator, key, value) if operator.value else value

    def _in_place(self, operator: Operator, key: str, value: Any) -> None:
        where = f"operators.{key}"
        written = self._written(operator, key, value)
        if key in self._fitter.found.data:
            raise misfit(
                where, key, "changed once: it stands under Properties, or under another operator, too"
            )
        self._fitter.found.data[key] = None if operator.part.clear or written is MISSING else written

    def _written(self, operator: Operator, key: str, value: Any) -> Any:
        shape = operator.value
        if operator.negative is not None and isinstance(value, int | float) and value < 0:
            shape, value = operator.negative, -value
        if shape is None:
            return value
        return shape.fill({**self._context, "value": value, "key": key})


def _operands(name: str, given: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and what to do with them; `unset` also takes a name or a list of names."""
    if name == "unset" and not isinstance(given, dict):
        names = given if isinstance(given, list) else [given]
        if not all(isinstance(entry, str) for entry in names):
            raise misfit("operators.unset", given, "a name, or a list of names")
        yield from ((entry, True) for entry in names)
        return
    if not isinstance(given, dict):
        raise misfit(f"operators.{name}", given, "a set of names and values")
    for key, value in given.items():
        if value is not None and not (name == "unset" and value is False):
            yield key, value


def _fit(name: str, value: Any, where: str, *, as_list: bool) -> Any:
    if name == "increment" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise misfit(where, value, "a number")
    if name in ("append", "remove"):
        entries = value if isinstance(value, list) else [value]
        if any(isinstance(entry, dict | list) for entry in entries):
            raise misfit(where, value, "a single value, or a list of them")
        if as_list:
            return entries
        if len(entries) != 1:
            raise misfit(where, value, "one value: the service takes one at a time")
        return entries[0]
    return value
