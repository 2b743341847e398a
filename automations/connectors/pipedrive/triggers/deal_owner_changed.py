"""A deal got another owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import narrowing
from automations.connectors.pipedrive.entity_triggers import DealFields, FieldOfDealChanged
from automations.connectors.pipedrive.samples import sample
from automations.engine.contracts import DirectoryLike, JsonObject, NotYet, Occurrence, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class DealOwnerChanged(FieldOfDealChanged):
    """A deal was given to another user.

    `previous.owner_id` is who had it before; `deal.owner` is who has it now.
    """

    key = "pipedrive.deal_owner_changed"
    title = "Deal owner changed"
    sentence = "A deal gets another owner in Pipedrive"
    watched = "owner_id"
    sample = sample("deal", "change", previous={"owner_id": 1187})

    class Fields(DealFields):
        to_owner: int | str | None = field(
            "New owner", "By name or id. Leave empty for anyone.", default=None, choices="users"
        )

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        owner = occurrence.record.get("owner_id")
        answer = narrowing.in_list("owner", fields.to_owner, owner, "users", directory)
        return answer if answer is not None else super().narrow(fields, occurrence, directory)

    def lists_for(self, fields: Any) -> list[str]:
        return super().lists_for(fields) + (["users"] if fields.to_owner else [])

    def filters(self, fields: Any, directory: DirectoryLike) -> dict[str, Any]:
        owner = narrowing.only_id(fields.to_owner, "users", directory)
        return {**super().filters(fields, directory), **({} if owner is None else {"owner_id": owner})}

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        others = (
            user["id"] for user in client.lists.get("users") or () if user["id"] != record.get("owner_id")
        )
        return {"owner_id": next(others, None)} if record.get("owner_id") else None
