"""How a described service answers: yes, or no to some of the records in its own odd way."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Tree = dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """A record that was not taken. place: in the call, from 0. into: the last key of the list it came in."""

    place: int
    place_in_list: int
    into: str
    record: Any
    code: Any
    reason: str


class Answers:
    """Answers of one description."""

    def __init__(self, description: Tree) -> None:
        self._answer: Tree = description.get("answer") or {}
        self._rules: list[Tree] = self._answer.get("failures") or []

    @property
    def all_or_nothing(self) -> bool:
        """Whether one bad record keeps the whole call out."""
        if self._rules:
            return bool(self._rules[0].get("rest") == "again")
        return not self._answer.get("silent")

    def success(self) -> tuple[Any, int]:
        """Return the body and status of a call of which everything was taken."""
        return copy.deepcopy(self._answer.get("success") or {}), (self._answer.get("ok") or [200])[0]

    def to(self, refused: list[Refused]) -> tuple[Any, int]:
        """Return the body and status of a call of which these were not taken."""
        body, ok = self.success()
        if not refused or self._answer.get("silent"):
            return body, ok
        if not self._rules:
            return {"message": refused[0].reason, "error": refused[0].reason}, 400
        lists: dict[str, tuple[Tree, list[Any]]] = {}
        for one in refused:
            rule = next(rule for rule in self._rules if _can_tell(rule, one.record))
            lists.setdefault(str(rule["list"]), (rule, []))[1].append(_entry(rule, one))
        for rule, entries in lists.values():
            _put(body, _keys(rule["list"]), {"properties": entries} if rule.get("named") else entries)
        return body, (self._rules[0].get("statuses") or [ok])[0]


def _can_tell(rule: Tree, record: Any) -> bool:
    return rule["by"] != "id" or _at(record, _keys(rule["record_at"])) is not None


def _entry(rule: Tree, refused: Refused) -> Any:
    told: Any = refused.record
    if rule["by"] == "id":
        told = _at(refused.record, _keys(rule["record_at"]))
    elif rule["by"] == "index":
        told = refused.place_in_list if rule.get("array") else refused.place
    if not rule.get("at") or rule.get("named"):
        return told
    entry: Tree = {}
    _put(entry, _keys(rule["at"]), told)
    if rule.get("code"):
        _put(entry, _keys(rule["code"]), refused.code if refused.code is not None else 422)
    if rule.get("reason"):
        _put(entry, _keys(rule["reason"]), refused.reason)
    if rule.get("array"):
        _put(entry, _keys(rule["array"]), refused.into)
    return entry


def _keys(keys: str | list[str]) -> list[str]:
    return keys.split(".") if isinstance(keys, str) else list(keys)


def _at(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _put(body: Tree, keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        body = body.setdefault(key, {})
    body[keys[-1]] = value
