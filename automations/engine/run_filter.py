"""Which runs are meant: the same words for the history, for replays of many, in pages and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from automations.errors import InputError, NotFoundError
from automations.model.columns import micros, moment, storable, storable_key
from automations.model.history import Run
from automations.model.recipe import Recipe
from automations.model.states import RunStatus

ID_MAX = 2**63 - 1
_NEWEST = 2_000


@dataclass(frozen=True)
class RunFilter:
    """Everything given must hold; nothing given means every run.

    recipe: its name. statuses: any of them. record: `deal:5120`. search: a run's id, a record's number or key, or
    words of a label; a number is looked for among the kinds of record that the newest runs are about. since: made
    then or later. from_id, upto_id: no run with a lower or higher id.
    """

    recipe: str = ""
    statuses: tuple[str, ...] = ()
    record: str = ""
    search: str = ""
    since: datetime | None = None
    run_ids: tuple[int, ...] = ()
    upto_id: int | None = None
    from_id: int | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing is asked for, so that every run would be meant."""
        return replace(self, upto_id=None) == RunFilter()

    def clauses(self, session: Session) -> list[ColumnElement[bool]]:
        """Return what a query over runs must say.

        Raises InputError for a status that does not exist, NotFoundError for a recipe that does not.
        """
        found: list[ColumnElement[bool]] = []
        if self.recipe:
            found.append(col(Run.recipe_id) == self._recipe_id(session))
        for word in self.statuses:
            if word not in set(RunStatus):
                raise InputError(f"There is no run status {word!r}; use one of {', '.join(RunStatus)}.")
        if self.statuses:
            found.append(col(Run.status).in_(self.statuses))
        if self.record:
            found.append(col(Run.record_key) == storable_key(self.record))
        if self.search:
            found.append(_matches(self.search, session))
        if self.since is not None:
            found.append(col(Run.created_at) >= self.since)
        if self.run_ids:
            found.append(col(Run.id).in_(self.run_ids))
        if self.upto_id is not None:
            found.append(col(Run.id) <= self.upto_id)
        if self.from_id is not None:
            found.append(col(Run.id) >= self.from_id)
        return found

    def _recipe_id(self, session: Session) -> int:
        found = session.exec(select(Recipe.id).where(col(Recipe.name) == storable(self.recipe))).first()
        if found is None:
            raise NotFoundError(
                f"There is no recipe named {self.recipe!r}. `automations recipe list` shows them."
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what is given, as a job keeps it; times are microseconds since 1970."""
        values: dict[str, Any] = {
            "recipe": self.recipe,
            "statuses": list(self.statuses),
            "record": self.record,
            "search": self.search,
            "since": micros(self.since) if self.since else None,
            "run_ids": list(self.run_ids),
            "upto_id": self.upto_id,
        }
        return {name: value for name, value in values.items() if value not in ("", None, [])}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunFilter:
        """Read `as_json`'s shape."""
        return cls(
            recipe=str(values.get("recipe", "")),
            statuses=tuple(values.get("statuses", ())),
            record=str(values.get("record", "")),
            search=str(values.get("search", "")),
            since=moment(values["since"]) if values.get("since") is not None else None,
            run_ids=tuple(values.get("run_ids", ())),
            upto_id=values.get("upto_id"),
        )

    @property
    def sentence(self) -> str:
        """Say it for a person, such as `parked runs of New deal since 2026-11-22 10:00`."""
        words = [*self.statuses, "runs"]
        if self.recipe:
            words += ["of", self.recipe]
        if self.record:
            words += ["about", self.record]
        if self.search:
            words += ["that match", f"“{self.search}”"]
        if self.run_ids:
            words += [", ".join(str(run_id) for run_id in self.run_ids[:10])]
        if self.since is not None:
            words += ["since", f"{self.since:%Y-%m-%d %H:%M} UTC"]
        return " ".join(words)


def looks_for_words(search: str) -> bool:
    """Tell whether no index answers this search, so that every run has to be looked at."""
    text = search.strip()
    return bool(text) and not _is_number(text) and not _is_key(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_key(text: str) -> bool:
    return ":" in text and " " not in text


def _matches(search: str, session: Session) -> ColumnElement[bool]:
    text = storable(search.strip())
    if _is_number(text):
        same_record = col(Run.record_key).in_([f"{kind}:{text}" for kind in _kinds_of_record(session)])
        return (col(Run.id) == int(text)) | same_record if int(text) <= ID_MAX else same_record
    if _is_key(text):
        return col(Run.record_key) == text
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return func.lower(col(Run.label)).like(f"%{escaped.lower()}%", escape="\\")


def _kinds_of_record(session: Session) -> list[str]:
    newest = session.exec(select(Run.record_key).order_by(col(Run.id).desc()).limit(_NEWEST)).all()
    return sorted({key.partition(":")[0] for key in newest})
