"""What an organization's fields become in a body of the API, and the person that is tied to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import account, links, values
from automations.connectors.pipedrive.match import Match, match_for
from automations.connectors.pipedrive.upserting import Upsert, filled
from automations.engine.contracts import JsonObject, Outcome
from automations.errors import FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


def match_of(client: PipedriveClient, mapped: Mapping[str, Any]) -> Match:
    """Return how the organization is found; by name, the mapped name serves when no value is mapped.

    Raises FieldsError when there is nothing to look up by.
    """
    field = mapped.get("match_field") or links.default_field(client, "organization")
    value = mapped.get("match_value")
    if value in (None, "") and field.strip().lower() == "name":
        value = mapped.get("name")
    if value in (None, ""):
        raise FieldsError(
            f"Nothing to find the organization by: no match value is mapped for {field}, or it is empty. Map it, or "
            "narrow the recipe to events that have one.",
            field="match_value",
            wanted="a value",
        )
    return match_for(client, "organization", field, value)


@dataclass
class OrganizationUpsert(Upsert):
    """One organization, and the person that is to belong to it."""

    entity = "organization"
    match: Match

    def body(self, now: JsonObject) -> JsonObject:
        body = filled(self.mapped, "name", "organization")
        if "address" in self.mapped:
            body["address"] = self._address(now)
        return {**body, **self.shared(now)}

    def _address(self, now: JsonObject) -> Any:
        wanted = self.mapped["address"]
        if wanted is None:
            return None
        try:
            return values.as_address(wanted)
        except ValueError as error:
            raise account.wrong("address", wanted, str(error)) from None

    def body_of_new(self) -> JsonObject:
        if self.match.field != "name" and not self.mapped.get("name"):
            raise FieldsError(
                f"No organization has {self.match.words}, and a new one needs a name. Map the name.",
                field="name",
                wanted="a name",
            )
        body = {key: value for key, value in self.body({}).items() if value is not None}
        return links.with_match(self.client, {**body, **self.shared_of_new()}, self.match)

    def perform(self) -> Outcome:
        # The person is looked up before anything is written, and made only once there is what it belongs to.
        may_create, self.may_create_links = self.may_create_links, False
        person = self.linked("person")
        self.may_create_links = may_create
        outcome = super().perform()
        number = outcome.outputs["id"]
        if person is None or number is None:
            return outcome
        made = len(self.notes)
        person = person or self.linked("person")
        words = "".join(f"; {note}" for note in self.notes[made:])
        record = self.client.by_id("person", person) or {"id": person}
        if record.get("org_id") == number:
            return outcome
        self.client.update("person", person, {"org_id": number}, record)
        summary = f"{outcome.summary.removesuffix('.')}{words}; person {person} now belongs to it."
        return replace(outcome, summary=summary, nothing_to_do=False)

    def settle(self) -> Outcome | None:
        person = self.linked("person")
        outcome = super().settle()
        if person is None or outcome is None:
            return outcome
        record = self.client.by_id("person", person) if person else None
        return outcome if record and record.get("org_id") == outcome.outputs["id"] else None
