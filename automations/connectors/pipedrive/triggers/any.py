"""Anything happened in the account."""

from __future__ import annotations

from typing import Any, Literal

from automations.connectors.pipedrive.samples import sample
from automations.connectors.pipedrive.wide_triggers import ENTITIES, WideTrigger
from automations.engine.contracts import DirectoryLike, NotYet, Occurrence, TriggerFields, field

_ACTIONS = {"created": "create", "updated": "change", "deleted": "delete", "merged": "merge"}


class AnythingHappened(WideTrigger):
    """Any record was created, changed, merged or deleted.

    The record is `record`, of whatever kind. Narrow the recipe by kind of record and by what happened. Changes in which
    nothing differs do not count.
    """

    key = "pipedrive.any"
    title = "Anything happened"
    sentence = "Anything is created, changed or deleted in Pipedrive"
    topics = ("*",)
    sample = sample("deal", "create")
    newest_by = "add_time"
    pulled_as = "create"

    class Fields(TriggerFields):
        entity: str | None = field(
            "Kind of record", "Leave empty for every kind.", default=None, choices=ENTITIES
        )
        action: Literal["created", "updated", "deleted", "merged"] | None = field(
            "What happened", "Leave empty for anything.", default=None, choices=tuple(_ACTIONS)
        )

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        if fields.entity and occurrence.entity != fields.entity:
            return f"it is a {occurrence.entity}, wanted {fields.entity}"
        happened = occurrence.topic.rpartition(".")[2]
        if fields.action and happened != _ACTIONS[fields.action]:
            names = {action: name for name, action in _ACTIONS.items()}
            return f"it was {names.get(happened, happened)}, wanted {fields.action}"
        return None
