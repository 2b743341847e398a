"""An activity was marked as done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive.entity_triggers import EntityTrigger
from automations.connectors.pipedrive.listed import is_as_it_stands, was_is_unknown
from automations.connectors.pipedrive.samples import sample
from automations.engine.contracts import DirectoryLike, JsonObject, Occurrence

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class ActivityCompleted(EntityTrigger):
    """An activity was marked as done.

    Only a change from open to done counts, not an activity that is created as done.
    """

    key = "pipedrive.activity_completed"
    title = "Activity completed"
    sentence = "An activity is marked as done in Pipedrive"
    topics = ("activity.change",)
    entity = "activity"
    sample = sample("activity", "change", previous={"done": False}, now={"done": True})

    def occurred(self, occurrence: Occurrence) -> str | None:
        if was_is_unknown(occurrence) and not is_as_it_stands(occurrence):
            return "what it was before is not known, so neither is whether it was done already"
        if "done" not in occurrence.changed and not is_as_it_stands(occurrence):
            return "whether it is done did not change"
        return None if occurrence.record.get("done") else "it was opened again, wanted done"

    def filters(self, fields: Any, directory: DirectoryLike) -> dict[str, Any]:
        return {"done": "true"}

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        return {"done": False} if record.get("done") else None
