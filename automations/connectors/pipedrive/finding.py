"""Finding the one record that an action works on and never creates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import links, matching
from automations.connectors.pipedrive.match import Match, match_for
from automations.connectors.pipedrive.matching import IfMany
from automations.engine.contracts import JsonObject

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

PRESUMED = 0
"""The id that a record is presumed to have where nothing may be looked up; no record has it."""


def match_of(client: PipedriveClient, entity: str, mapped: Mapping[str, Any], prefix: str = "") -> Match:
    """Return what `<prefix>match_field`, by default the connection's, and `<prefix>match_value` ask for."""
    name = mapped.get(f"{prefix}match_field") or links.default_field(client, entity)
    return match_for(client, entity, name, mapped[f"{prefix}match_value"])


def find_one(client: PipedriveClient, match: Match, if_many: IfMany = "stop") -> JsonObject | None:
    """Return the record, None where there is none; in a test-run without look-ups it is presumed to be there.

    Raises AmbiguousMatchError, and what the look-up raises.
    """
    record = matching.choose(client, match, matching.find(client, match), if_many).record
    if record is None and client.blind:
        return {"id": PRESUMED, "title" if match.entity in ("deal", "lead") else "name": match.value}
    return record
