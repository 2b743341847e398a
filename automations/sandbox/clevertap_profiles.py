"""How an accepted profile record changes the stored profile: keys it does not name stay as they are."""

from __future__ import annotations

from typing import Any


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _operate(current: Any, operator: str, operand: Any) -> Any:
    """The new value of a property; None when it disappears."""
    if operator == "$set":
        return operand
    if operator == "$delete":
        return None
    if operator in ("$incr", "$decr"):
        start = current if isinstance(current, int | float) and not isinstance(current, bool) else 0
        return start + operand if operator == "$incr" else start - operand
    held = _as_list(current)
    if operator == "$add":
        held += [item for item in _as_list(operand) if item not in held]
        return held[-100:]
    gone = _as_list(operand)
    return [item for item in held if item not in gone] or None


def applied(profile: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The profile's properties after `changes`; both stay as they are."""
    after = dict(profile)
    for key, value in changes.items():
        if isinstance(value, dict):
            operator, operand = next(iter(value.items()))
            new = _operate(after.get(key), operator, operand)
        else:
            new = list(dict.fromkeys(value)) if isinstance(value, list) else value
        if new is None:
            after.pop(key, None)
        else:
            after[key] = new
    return after
