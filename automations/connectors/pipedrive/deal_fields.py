"""What a deal's fields become in a body of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import links, matching, money, places
from automations.connectors.pipedrive.account import wrong
from automations.connectors.pipedrive.match import Match, match_for
from automations.connectors.pipedrive.upserting import Upsert, filled
from automations.engine.contracts import JsonObject, Outcome
from automations.errors import FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_LINKS = {"person": "person_id", "organization": "org_id"}
_NO_DAY = (None, "", "0000-00-00")


def match_of(client: PipedriveClient, mapped: Mapping[str, Any]) -> Match | None:
    """Return how the deal is found; None when no value is mapped, so that every event makes a deal.

    By title, the mapped title serves when no value is mapped. Raises FieldsError for an empty value.
    """
    field = mapped.get("match_field") or links.default_field(client, "deal")
    value = mapped.get("match_value")
    if value is None and field.strip().lower() == "title":
        value = mapped.get("title")
    return None if value is None else match_for(client, "deal", field, value)


def check(mapped: Mapping[str, Any]) -> None:
    """Check what can be told without the account. Raises FieldsError."""
    filled(mapped, "title", "deal")
    if mapped.get("currency"):
        money.currency_code(mapped["currency"])
    money.close_day(mapped)
    chance = mapped.get("probability")
    if chance is not None and not 0 <= chance <= 100:
        raise wrong("probability", chance, "a percentage from 0 to 100")
    status = mapped.get("status")
    if mapped.get("lost_reason") and status not in (None, "lost"):
        raise _no_reason(mapped, status)


def _no_reason(mapped: Mapping[str, Any], status: Any) -> FieldsError:
    return FieldsError(
        f"lost_reason: only a lost deal has a reason, and this one is {status}. Map the status `lost`, too, or leave "
        "the reason out.",
        field="lost_reason",
        value=str(mapped["lost_reason"])[:200],
        wanted="the status lost beside it",
    )


@dataclass
class DealUpsert(Upsert):
    """One deal."""

    entity = "deal"

    def body(self, now: JsonObject) -> JsonObject:
        mapped = self.mapped
        check(mapped)
        body = {**filled(mapped, "title", "deal"), **self._money(now), **self._closing(now)}
        body.update(places.place(self.client, mapped, now))
        if "probability" in mapped:
            body["probability"] = mapped["probability"]
        return {**body, **self.shared(now), **self.tied(_LINKS)}

    def _money(self, now: JsonObject) -> JsonObject:
        mapped = self.mapped
        # A deal always has a value: cleared means 0.
        body: JsonObject = {"value": mapped["value"] or 0} if "value" in mapped else {}
        if mapped.get("currency"):
            code = body["currency"] = money.currency_code(mapped["currency"])
            if not body.get("value") and "value" not in body and now.get("value") and now["currency"] != code:
                self.notes.append(f"its value {now['value']:g} stays and is in {code} now")
        return body

    def _closing(self, now: JsonObject) -> JsonObject:
        mapped = self.mapped
        body = money.close_day(mapped)
        if "expected_close_date" in body and body["expected_close_date"] is None:
            del body["expected_close_date"]
            if now.get("expected_close_date") not in _NO_DAY:
                # Seen live in 2026 by a third party: null is refused, and an empty text stores 0000-00-00.
                raise wrong(
                    "expected_close_date", "", "a date; Pipedrive's API cannot empty it, only a person can"
                )
        if mapped.get("status"):
            body["status"] = mapped["status"]
        if "lost_reason" in mapped:
            status = mapped.get("status") or now.get("status") or "open"
            if mapped["lost_reason"] and status != "lost":
                raise _no_reason(mapped, status)
            if status == "lost":
                body["lost_reason"] = mapped["lost_reason"]
        return body

    def body_of_new(self) -> JsonObject:
        if not self.mapped.get("title") and (self.match is None or self.match.field != "title"):
            raise FieldsError(
                "There is no such deal, and a new one needs a title. Map the title.",
                field="title",
                wanted="a title",
            )
        own = self.shared_of_new()
        body = {key: value for key, value in self.body({}).items() if value is not None}
        return links.with_match(self.client, {**body, **own}, self.match) if self.match else {**body, **own}

    # -- the status `deleted`, which is no status to Pipedrive

    def perform(self) -> Outcome:
        return self._delete() if self.mapped.get("status") == "deleted" else super().perform()

    def settle(self) -> Outcome | None:
        if self.mapped.get("status") != "deleted":
            return super().settle()
        done = self.match is None or not matching.find(self.client, self.match)
        return self._nothing(None, "The deal is gone") if done else None

    def _delete(self) -> Outcome:
        if self.match is None:
            raise FieldsError(
                "match_value: a deal is deleted only when the step names it. Map its id.",
                field="match_value",
                wanted="a value",
            )
        found = matching.find(self.client, self.match)
        record = matching.choose(self.client, self.match, found, self.if_many).record
        if record is None or self.mode == "create_only":
            return self._nothing(record, "No deal was deleted: there is none, or this step only creates")
        self.client.delete("deal", record["id"])
        outcome = self._outcome(record, f"Deleted {self._label(record)}")
        return replace(outcome, outputs={**outcome.outputs, "changed": ["status"]})
