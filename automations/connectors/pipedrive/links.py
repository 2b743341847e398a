"""The records that a written record is tied to: a person's organization, a deal's person, and so on.

A link names a record by a match value, as an upsert names its own. What is not there is skipped, stops the
delivery, or is created; a record created on the way is named by the match value. Nothing is created before
every link of a step was looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from automations.connectors.pipedrive import matching
from automations.connectors.pipedrive.account import wrong
from automations.connectors.pipedrive.match import Match, is_hit, match_for
from automations.connectors.pipedrive.values import as_custom
from automations.engine.contracts import JsonObject
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

Missing = Literal["skip", "stop", "create"]

NOT_YET_MADE = 0
"""Stands for a record that is still to be created; no record has this id, so nothing equals it."""

_TITLED = frozenset({"deal", "lead"})


@dataclass(frozen=True)
class Linked:
    """What a link came to. number: None where there is nothing to tie to. note: what to tell about it."""

    number: Any = None
    note: str = ""


def default_field(client: PipedriveClient, entity: str) -> str:
    """Return the connection's field for finding records of an entity; the id where it has none."""
    return str(getattr(client.settings, f"{entity}_match_field", "") or "id")


def is_mapped(entity: str, mapped: Mapping[str, Any]) -> bool:
    """Tell whether the author mapped this link with a value."""
    return mapped.get(f"{entity}_match_value") not in (None, "")


def is_cleared(entity: str, mapped: Mapping[str, Any]) -> bool:
    """Tell whether the author mapped null: the link is to be taken away."""
    return mapped.get(f"{entity}_match_value", "") is None


def link_all(
    client: PipedriveClient,
    entities: Iterable[str],
    mapped: Mapping[str, Any],
    *,
    may_create: bool = True,
    in_doubt: bool = False,
) -> dict[str, Linked]:
    """Return the records that `<entity>_match_field`, `_match_value` and `_missing` name; only mapped ones.

    in_doubt: an earlier attempt may have created one a moment ago.
    Raises RejectedError for a missing one that must be there, AmbiguousMatchError for several.
    """
    look = matching.find_after_doubt if in_doubt else matching.find
    asked = [_Asked.of(client, entity, mapped) for entity in entities if is_mapped(entity, mapped)]
    makers = [one for one in asked if one.creates and may_create]
    found: dict[str, Linked] = {}
    with ExitStack() as holds:
        # Always in the same order, so that two deliveries never wait for each other.
        for one in sorted(makers, key=lambda one: one.match.entity):
            holds.enter_context(matching.alone(client, one.match))
        missing = []
        for one in asked:
            record = matching.choose(client, one.match, look(client, one.match), "stop").record
            if record is not None:
                found[one.entity] = Linked(record["id"])
            elif one in makers:
                missing.append(one)
            else:
                found[one.entity] = one.without(may_create)
        for one in missing:
            found[one.entity] = one.make(client)
    return found


@dataclass(frozen=True)
class _Asked:
    """One mapped link."""

    entity: str
    match: Match
    missing: Missing

    @classmethod
    def of(cls, client: PipedriveClient, entity: str, mapped: Mapping[str, Any]) -> _Asked:
        field = mapped.get(f"{entity}_match_field") or default_field(client, entity)
        match = match_for(client, entity, field, mapped[f"{entity}_match_value"])
        return cls(entity, match, mapped.get(f"{entity}_missing") or "skip")

    @property
    def creates(self) -> bool:
        return self.missing == "create" and self.match.field != "id"

    def without(self, may_create: bool) -> Linked:
        if self.creates and not may_create:
            return Linked(NOT_YET_MADE)
        if self.missing != "stop":
            return Linked(note=f"no {self.entity} has {self.match.words}: left unlinked")
        raise RejectedError(
            f"No {self.entity} has {self.match.words}, and the step needs one to link to. Create it in Pipedrive, or "
            "choose in the step what to do when it is missing.",
            code="link_missing",
        )

    def make(self, client: PipedriveClient) -> Linked:
        body = with_match(client, {}, self.match)
        made = matching.made(client, self.match, lambda: client.create(self.entity, body))
        return Linked((made.record or {}).get("id"), f"created {self.entity} {self.match.value}")


def with_match(client: PipedriveClient, body: JsonObject, match: Match) -> JsonObject:
    """Return the body of a create with the match value stored, so that the next look-up finds the record."""
    stored = dict(body)
    title = "title" if match.entity in _TITLED else "name"
    if match.field in ("email", "phone"):
        details = stored.get(f"{match.field}s") or []
        same = [one for one in details if is_hit(match, {f"{match.field}s": [one]})]
        if not same:
            entry = {"value": match.value, "label": "work", "primary": not details}
            stored[f"{match.field}s"] = [*details, entry]
    elif match.field != title:
        customs = stored.get("custom_fields") or {}
        stored["custom_fields"] = {match.field: _as_field(client, match), **customs}
    stored.setdefault(title, match.value)
    return stored


def _as_field(client: PipedriveClient, match: Match) -> Any:
    """Return the match value in its custom field's type."""
    for definition in client.lists.fields(match.entity) or ():
        if definition["id"] == match.field:
            try:
                return as_custom(match.value, definition, before=None, user=lambda value: value)
            except ValueError as error:
                raise wrong(f"match value for {match.shown}", match.value, str(error)) from None
    return match.value
