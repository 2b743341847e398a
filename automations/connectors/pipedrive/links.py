"""The records that a written record is tied to: a person's organization, a note's deal, and so on.

A link names a record by a match value, as an upsert names its own. What is not there is skipped, stops the
delivery, or is created; a record created on the way is named by the match value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from automations.connectors.pipedrive import matching
from automations.connectors.pipedrive.matching import Match
from automations.connectors.pipedrive.values import as_custom
from automations.engine.contracts import JsonObject
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

Missing = Literal["skip", "stop", "create"]

NOT_YET_MADE = 0
"""Stands for a record that is still to be created; no record has this id, so nothing equals it."""


@dataclass(frozen=True)
class Linked:
    """What a link came to. number: None where there is nothing to tie to. note: what to tell about it."""

    number: Any = None
    note: str = ""


def default_field(client: PipedriveClient, entity: str) -> str:
    """Return the connection's field for finding records of an entity."""
    return str(getattr(client.settings, f"{entity}_match_field"))


def is_mapped(entity: str, mapped: Mapping[str, Any]) -> bool:
    """Tell whether the author mapped this link with a value."""
    return mapped.get(f"{entity}_match_value") not in (None, "")


def link(
    client: PipedriveClient, entity: str, mapped: Mapping[str, Any], *, may_create: bool = True
) -> Linked | None:
    """Return the record that `<entity>_match_field`, `_match_value` and `_missing` name; None when not mapped.

    Raises RejectedError for a missing one that must be there, AmbiguousMatchError for several.
    """
    if not is_mapped(entity, mapped):
        return None
    field = mapped.get(f"{entity}_match_field") or default_field(client, entity)
    match = matching.match_for(client, entity, field, mapped[f"{entity}_match_value"])
    missing = mapped.get(f"{entity}_missing") or "skip"
    found = matching.find_or_create(
        client,
        match,
        mode="upsert" if missing == "create" and may_create and match.field != "id" else "update_only",
        if_many="stop",
        create=lambda: client.create(entity, with_match(client, {}, match)),
    )
    if found.record is not None:
        return Linked(found.record["id"], f"created {entity} {match.value}" if found.created else "")
    if missing == "create" and not may_create:
        return Linked(NOT_YET_MADE)
    if missing == "skip" or (missing == "create" and match.field == "id"):
        return Linked(note=f"no {entity} has {match.words}: left unlinked")
    raise RejectedError(
        f"No {entity} has {match.words}, and the step needs one to link to. Create it in Pipedrive, or choose in the "
        "step what to do when it is missing.",
        code="link_missing",
    )


def with_match(client: PipedriveClient, body: JsonObject, match: Match) -> JsonObject:
    """Return the body of a create with the match value stored, so that the next look-up finds the record."""
    stored = dict(body)
    title = "title" if match.entity == "deal" else "name"
    if match.field in ("email", "phone"):
        details = stored.get(f"{match.field}s") or []
        same = [one for one in details if matching.is_hit(match, {f"{match.field}s": [one]})]
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
            return as_custom(match.value, definition, before=None, user=lambda value: value)
    return match.value
