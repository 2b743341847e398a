"""What a person's fields become in a body of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import account, contact_details, links
from automations.connectors.pipedrive.match import Match, match_for
from automations.connectors.pipedrive.upserting import Upsert, filled
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_NAMES = ("name", "first_name", "last_name")


def match_of(client: PipedriveClient, mapped: Mapping[str, Any]) -> Match:
    """Return how the person is found: by the mapped pair, the value falling back to what is mapped for it.

    Raises FieldsError when there is nothing to look up by.
    """
    field = mapped.get("match_field") or links.default_field(client, "person")
    value = mapped.get("match_value")
    if value in (None, ""):
        value = _fallback(field, mapped)
    if value in (None, ""):
        raise FieldsError(
            f"Nothing to find the person by: no match value and no {field} is mapped, or both are empty. Map the "
            "match value, or narrow the recipe to events that have one.",
            field="match_value",
            wanted="a value",
        )
    return match_for(client, "person", field, value)


def _fallback(field: str, mapped: Mapping[str, Any]) -> Any:
    name = field.strip().lower()
    if name in ("email", "emails", "phone", "phones"):
        details = wanted_details(mapped, f"{name.rstrip('s')}s")
        primary = [detail for detail in details if detail.get("primary")]
        return next((detail["value"] for detail in primary or details), None)
    return mapped.get(name) if name == "name" else None


def wanted_details(mapped: Mapping[str, Any], name: str) -> list[JsonObject]:
    """Return the mapped `emails` or `phones`. Raises FieldsError."""
    try:
        return contact_details.wanted_details(mapped.get(name))
    except ValueError as error:
        raise account.wrong(name, mapped.get(name), f"{error}; give texts or objects with `value`") from None


@dataclass
class PersonUpsert(Upsert):
    """One person."""

    entity = "person"
    match: Match

    def body(self, now: JsonObject) -> JsonObject:
        mapped = self.mapped
        body = filled(mapped, "name", "person")
        body.update({name: mapped[name] for name in ("first_name", "last_name") if name in mapped})
        for name, key in (("emails", contact_details.email_key), ("phones", contact_details.phone_key)):
            if name in mapped:
                replace = mapped[name] is None or bool(mapped.get(f"replace_{name}"))
                wanted = wanted_details(mapped, name)
                body[name] = contact_details.merged(now.get(name), wanted, key, replace=replace)
        return {**body, **self.shared(now), **self.tied({"organization": "org_id"})}

    def body_of_new(self) -> JsonObject:
        self._check_name()
        own = self.shared_of_new()
        body = {key: value for key, value in self.body({}).items() if value is not None}
        if not body.get("name"):
            names = [str(body[part]) for part in ("first_name", "last_name") if body.get(part)]
            if names:
                body["name"] = " ".join(names)
        return links.with_match(self.client, {**body, **own}, self.match)

    def _check_name(self) -> None:
        if self.match.field == "name" or any(self.mapped.get(name) for name in _NAMES):
            return
        raise FieldsError(
            f"No person has {self.match.words}, and a new one needs a name. Map the name, or first and last name.",
            field="name",
            wanted="a name",
        )
