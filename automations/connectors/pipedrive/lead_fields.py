"""What a lead's fields become in a body of the API, which is v1 for leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import lead_shape, links, money
from automations.connectors.pipedrive.match import Match, match_for
from automations.connectors.pipedrive.upserting import Upsert, filled
from automations.engine.contracts import JsonObject
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_LINKS = {"person": "person_id", "organization": "organization_id"}


def match_of(client: PipedriveClient, mapped: Mapping[str, Any]) -> Match | None:
    """Return how the lead is found: by `lead_id`, else by the match pair; None when neither is mapped.

    Raises FieldsError for an empty value.
    """
    if mapped.get("lead_id") is not None:
        return match_for(client, "lead", "id", mapped["lead_id"])
    value, field = mapped.get("match_value"), mapped.get("match_field") or "id"
    if value is None and field.strip().lower() == "title":
        value = mapped.get("title")
    return None if value is None else match_for(client, "lead", field, value)


@dataclass
class LeadUpsert(Upsert):
    """One lead."""

    entity = "lead"

    def body(self, now: JsonObject) -> JsonObject:
        mapped = self.mapped
        body = {
            **filled(mapped, "title", "lead"),
            **money.lead_value(mapped, now),
            **money.close_day(mapped),
            **self.shared(self.comparable(now)),
        }
        if "visible_to" in body:
            body["visible_to"] = str(body["visible_to"])
        return {**body, **self.tied(_LINKS)}

    def comparable(self, record: JsonObject) -> JsonObject:
        if not self.mapped.get("custom_fields"):
            return record
        return {**record, "custom_fields": lead_shape.held(record, self.client.lists.fields("lead") or ())}

    def body_of_new(self) -> JsonObject:
        own = self.shared_of_new()
        if not any(links.is_mapped(entity, self.mapped) for entity in _LINKS):
            raise _no_link("no person and no organization is mapped")
        body = {key: value for key, value in self.body({}).items() if value is not None}
        if not any(key in body for key in _LINKS.values()):
            raise _no_link("; ".join(self.notes))
        return links.with_match(self.client, {**body, **own}, self.match) if self.match else {**body, **own}


def _no_link(why: str) -> RejectedError:
    return RejectedError(
        f"A new lead needs a person or an organization: {why}. Create one in Pipedrive, or choose in the step to "
        "create what is missing.",
        code="link_missing",
    )
