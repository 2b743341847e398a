"""What an activity's fields become in a body of the API.

Source: Pipedrive API v2 "Activities", read 2026-11-22. `person_id` is read-only in practice although it is listed,
seen live in 2026 by a third party: the person is the primary participant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import activity_times, values
from automations.connectors.pipedrive.account import listed, wrong
from automations.connectors.pipedrive.match import Match, match_for
from automations.connectors.pipedrive.upserting import Upsert, filled
from automations.engine.contracts import JsonObject

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_LINKS = {"person": "participants", "organization": "org_id", "deal": "deal_id"}
_AS_THEY_ARE = {"description": "public_description", "note": "note", "done": "done"}


def match_of(client: PipedriveClient, mapped: Mapping[str, Any]) -> Match | None:
    """Return the activity that is to be changed; None when no id is mapped, so that every event makes one."""
    number = mapped.get("activity_id")
    return None if number is None else match_for(client, "activity", "id", number)


def check(mapped: Mapping[str, Any]) -> None:
    """Check what can be told without the account. Raises FieldsError."""
    filled(mapped, "subject", "activity")
    activity_times.due(mapped)
    activity_times.duration(mapped)
    _location(mapped)


def _location(mapped: Mapping[str, Any]) -> JsonObject:
    if "location" not in mapped:
        return {}
    wanted = mapped["location"]
    try:
        return {"location": None if wanted is None else values.as_address(wanted)}
    except ValueError as error:
        raise wrong("location", wanted, str(error)) from None


@dataclass
class ActivityUpsert(Upsert):
    """One activity."""

    entity = "activity"

    def body(self, now: JsonObject) -> JsonObject:
        mapped = self.mapped
        body = {**filled(mapped, "subject", "activity"), **self._type()}
        body.update({key: mapped[name] for name, key in _AS_THEY_ARE.items() if name in mapped})
        body.update(activity_times.due(mapped) | activity_times.duration(mapped) | _location(mapped))
        body.update(self._priority() | self.shared(now))
        if "lead_id" in mapped:
            body["lead_id"] = mapped["lead_id"] or None
        tied = self.tied(_LINKS)
        if "participants" in tied:
            tied["participants"] = _participants(tied["participants"], now.get("participants") or [])
        return {**body, **tied}

    def comparable(self, record: JsonObject) -> JsonObject:
        return activity_times.without_seconds(record)

    def _type(self) -> JsonObject:
        wanted = self.mapped.get("type")
        if wanted in (None, ""):
            return {}
        found = listed(self.client, "activity_types", wanted)
        if found is None:
            return {"type": wanted}
        usable = [one for one in found if one.get("active") is not False]
        if not usable:
            every = self.client.lists.get("activity_types") or []
            names = ", ".join(str(one["name"]) for one in every if one.get("active") is not False)
            raise wrong("type", wanted, f"a type of activity of the account ({names})")
        return {"type": usable[0]["id"]}

    def _priority(self) -> JsonObject:
        if "priority" not in self.mapped:
            return {}
        wanted = self.mapped["priority"]
        if wanted is None:
            return {"priority": None}
        definitions = self.client.lists.fields("activity")
        if definitions is None:
            return {"priority": wanted}
        options: list[JsonObject] = next(
            (one["options"] for one in definitions if one["id"] == "priority"), []
        )
        try:
            return {"priority": values.as_option(wanted, options)}
        except ValueError as error:
            raise wrong("priority", wanted, str(error)) from None

    def body_of_new(self) -> JsonObject:
        own = self.shared_of_new()
        body = {key: value for key, value in self.body({}).items() if value is not None}
        return {**body, **own}


def _participants(person: Any, now: list[JsonObject]) -> list[JsonObject]:
    """Return who takes part, the person first; the others stay. None takes the primary one away."""
    primary = next((one["person_id"] for one in now if one.get("primary")), None)
    gone = primary if person is None else person
    others = [{"person_id": one["person_id"], "primary": False} for one in now if one["person_id"] != gone]
    return others if person is None else [{"person_id": person, "primary": True}, *others]
