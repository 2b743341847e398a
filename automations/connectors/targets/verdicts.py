"""What a reply says of each record: one result a record, whatever way the service has of telling it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from automations.connectors.targets.calls import Line
from automations.connectors.targets.shapes import at
from automations.connectors.targets.target import Failures, Target
from automations.engine.contracts import JsonObject
from automations.engine.templating import MISSING, Template, render
from automations.errors import (
    CredentialsError,
    DeliveryError,
    MappingError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)

Say = Callable[[Any], str]
"""Returns the service's own words for a message: masked and cut."""


@dataclass(frozen=True)
class Verdict:
    """errors: for each line None where it was taken. entries: for each line what the reply lists of it.

    again: places of lines that were not taken only because others were refused. halve: the service could not read
    the call as a whole and took nothing of it.
    """

    errors: Sequence[DeliveryError | None]
    entries: Sequence[Any]
    halve: bool = False
    again: Sequence[int] = ()


def needs_body(target: Target) -> bool:
    """Tell whether the status alone leaves open what was taken."""
    return bool(target.ok_if or target.failures or target.refused_if)


def accepted_statuses(target: Target) -> frozenset[int]:
    """Return the statuses beside 2xx whose replies are read here and not by the door."""
    answer = target.part.answer
    listed = {status for rule in answer.failures for status in rule.statuses}
    own = {*answer.halve, *answer.retry, *answer.ok, *answer.refused, *listed}
    return frozenset(own | ({429} if target.part.throttle.wait else set()))


def judge(target: Target, lines: Sequence[Line], status: int, body: Any, say: Say) -> Verdict:
    """Return what became of each line of a call that was answered.

    body: the JSON of the reply, None where it is none. Raises CredentialsError, UnavailableError and
    OutcomeUnknownError where that holds for the whole call.
    """
    answer = target.part.answer
    if status in answer.refused or _holds(target.refused_if, status, body):
        raise CredentialsError(
            f"{target.title} refused the credentials{_reason(body, say)}. Renew those of this connection."
        )
    rules = [rule for rule in target.failures if _is_for(rule, status, target)]
    entries = [(rule, entry) for rule in rules for entry in _listed(rule, body)]
    if entries:
        return _placed(target, lines, entries, say)
    if status in answer.retry:
        raise UnavailableError(
            f"{target.title} answered {status}{_reason(body, say)}. Nothing was done; it is tried again."
        )
    if status in answer.halve and not _is_ok(target, status):
        return _refused(target, lines, status, body, say, halve=len(lines) > 1)
    if not _is_ok(target, status):
        return _refused(target, lines, status, body, say)
    if needs_body(target) and not isinstance(body, dict):
        raise OutcomeUnknownError(
            f"What came back is not an answer of {target.title}, so it is not known what it took. "
            "Look there before sending again."
        )
    if target.ok_if is not None and not _holds(target.ok_if, status, body):
        return _refused(target, lines, status, body, say)
    return Verdict([None] * len(lines), [None] * len(lines))


def own_reply(target: Target, body: Any, entry: Any) -> Any:
    """Return a reply as one record may keep it: of every list of refused records only its own entry."""
    if not isinstance(body, dict):
        return body
    shown: JsonObject = orjson.loads(orjson.dumps(body, default=str))
    for rule in target.failures:
        holder = at(shown, rule.where[:-1]) if rule.where else None
        if isinstance(holder, dict) and isinstance(holder.get(rule.where[-1]), list):
            own = entry is not None and entry in holder[rule.where[-1]]
            holder[rule.where[-1]] = [entry] if own else []
    return shown


def _is_ok(target: Target, status: int) -> bool:
    ok = target.part.answer.ok
    return status in ok if ok else 200 <= status < 300


def _is_for(rule: Failures, status: int, target: Target) -> bool:
    return status in rule.part.statuses if rule.part.statuses else _is_ok(target, status)


def _holds(rule: Template | None, status: int, body: Any) -> bool:
    if rule is None:
        return False
    try:
        found = render(rule, {"reply": body if body is not None else {}, "status": status})
    except MappingError:
        return False
    return found is not MISSING and bool(found)


def _listed(rule: Failures, body: Any) -> list[Any]:
    found = at(body, rule.where) if rule.where else body
    if rule.part.named and isinstance(found, dict):
        return [
            {"name": name, "entry": entry}
            for name, listed in found.items()
            if isinstance(listed, list)
            for entry in listed
        ]
    return found if isinstance(found, list) else []


def _refused(
    target: Target, lines: Sequence[Line], status: int, body: Any, say: Say, *, halve: bool = False
) -> Verdict:
    error = RejectedError(
        f"{target.title} answered {status} and did not take this{_reason(body, say)}. "
        "Correct the step's fields, then send again.",
        code=str(status),
    )
    return Verdict([error] * len(lines), [None] * len(lines), halve)


def _reason(body: Any, say: Say) -> str:
    said = say(body) if body not in (None, {}, []) else ""
    return f": {said}" if said else ""


def _placed(
    target: Target, lines: Sequence[Line], listed: Sequence[tuple[Failures, Any]], say: Say
) -> Verdict:
    """Give each listed failure to the records it speaks of; what cannot be told is in doubt."""
    errors: list[DeliveryError | None] = [None] * len(lines)
    entries: list[Any] = [None] * len(lines)
    finder = _Finder(lines)
    unplaced = 0
    for rule, entry in listed:
        places = list(finder.places(rule, entry))
        unplaced += not places
        for place in places:
            errors[place] = _error(target, rule, entry, say)
            entries[place] = entry
    if unplaced:
        doubt = OutcomeUnknownError(
            f"{target.title} did not take every record of this call, and its reply does not say which. "
            "Look there before sending again."
        )
        return Verdict([error or doubt for error in errors], entries)
    untaken = any(rule.part.rest == "again" for rule, _ in listed)
    again = [place for place, error in enumerate(errors) if error is None] if untaken else []
    return Verdict(errors, entries, again=again)


class _Finder:
    """Finds the lines that a listed failure speaks of."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._by_echo: dict[bytes, list[int]] | None = None

    def places(self, rule: Failures, entry: Any) -> Iterator[int]:
        told = at(entry, rule.at) if rule.at else entry
        if rule.part.by == "id":
            yield from self._with_id(rule, told)
        elif rule.part.by == "echo":
            yield from self._echoed(told)
        else:
            yield from self._counted(rule, entry, told)

    def _with_id(self, rule: Failures, told: Any) -> Iterator[int]:
        if told is None:
            return
        for place, line in enumerate(self._lines):
            if str(at(line.record, rule.record_at)) == str(told):
                yield place

    def _echoed(self, told: Any) -> Iterator[int]:
        if self._by_echo is None:
            self._by_echo = {}
            for place, line in reversed(list(enumerate(self._lines))):
                self._by_echo.setdefault(_fingerprint(line.record), []).append(place)
        same = self._by_echo.get(_fingerprint(told))
        if same:
            # Records that are alike to the last key meet the same fate; the first stands first.
            yield same.pop()

    def _counted(self, rule: Failures, entry: Any, told: Any) -> Iterator[int]:
        if isinstance(told, bool) or not isinstance(told, int | str) or not str(told).isdigit():
            return
        counted = list(range(len(self._lines)))
        named = at(entry, rule.array) if rule.array else None
        if named is not None:
            counted = [
                place for place in counted if (self._lines[place].operation.into or ("",))[-1] == named
            ]
        if int(told) < len(counted):
            yield counted[int(told)]


def _fingerprint(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)


def _error(target: Target, rule: Failures, entry: Any, say: Say) -> DeliveryError:
    code = at(entry, rule.code) if rule.code else None
    reason = say(at(entry, rule.reason)) if rule.reason else ""
    said = rule.part.meaning or reason or "no reason given"
    said += f" (code {code})" if code is not None else ""
    if str(code) in rule.retry_codes:
        return UnavailableError(f"{target.title} could not take this record now: {said}. It is tried again.")
    return RejectedError(
        f"{target.title} did not take this record: {said}. Correct the step's fields, then send again.",
        code=str(code) if code is not None else "",
    )


def wait_s(target: Target, headers: Mapping[str, str], now_s: float) -> float | None:
    """Return how long the description's own header asks to wait; None where it says nothing that can be read."""
    part = target.part.throttle.wait
    try:
        told = float(headers.get(part.header, "")) if part else -1.0
    except ValueError:
        return None
    if part is not None and part.holds != "seconds":
        told = (told / 1000 if part.holds == "epoch_ms" else told) - now_s
    return min(told, 86_400.0) if told >= 0 else None
