"""Merging two records: one goes away, the other stays and its values win.

Source: Pipedrive API v1, `PUT /persons/{id}/merge` and `PUT /organizations/{id}/merge`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import records
from automations.connectors.pipedrive.finding import PRESUMED, find_one, match_of
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.connectors.pipedrive.match import Match
from automations.engine.contracts import ActionFields, Call, JsonObject, Outcome, field
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_BY = "As the match field of an upsert; leave empty for the connection's."
ENDS = ("from", "into")


class MergeFields(ActionFields):
    """Which record goes away, and which one stays."""

    from_match_field: str | None = field("Find the one that goes by", _BY, default=None)
    from_match_value: str = field("The one that goes", "It is merged and then gone.")
    into_match_field: str | None = field("Find the one that stays by", _BY, default=None)
    into_match_value: str = field("The one that stays", "Its values win.")
    if_missing: Literal["stop", "skip"] = field(
        "When one is missing", "Stop parks the run.", default="stop", choices=("stop", "skip")
    )


class MergeAction(MatchingAction):
    """Base of the actions that merge two records of one entity."""

    merged_entity: ClassVar[str]
    Fields = MergeFields
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The id of the one that stays; null when nothing was merged",
        "record": "It, as Pipedrive then has it",
        "merged": "Whether a record was merged into it now",
        "gone_id": "The id of the one that went away; null when nothing was merged",
    }

    def match_fields(self, fields: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [(self.merged_entity, f"{end}_match_field") for end in ENDS]

    def perform(self, fields: Any, client: PipedriveClient, call: Call) -> Outcome:
        return Merge.of(client, self.merged_entity, fields.mapped()).perform()

    def settle(self, fields: Any, client: PipedriveClient, call: Call) -> Outcome | None:
        return Merge.of(client, self.merged_entity, fields.mapped()).settle()


@dataclass(frozen=True)
class Merge:
    """One merge that is wanted."""

    client: PipedriveClient
    goes: Match
    stays: Match
    if_missing: str

    @classmethod
    def of(cls, client: PipedriveClient, entity: str, mapped: Mapping[str, Any]) -> Merge:
        goes, stays = (match_of(client, entity, mapped, f"{end}_") for end in ENDS)
        return cls(client, goes, stays, mapped.get("if_missing") or "stop")

    def perform(self) -> Outcome:
        goes, stays = find_one(self.client, self.goes), find_one(self.client, self.stays)
        if goes is None or stays is None:
            return self._missing(self.goes if goes is None else self.stays)
        if goes["id"] == stays["id"] != PRESUMED:
            return self._outcome(stays, None, f"{self._label(stays)} is both already", nothing=True)
        self.client.merge(self.goes.entity, goes["id"], stays["id"])
        now = self.client.by_id(self.goes.entity, stays["id"]) or stays
        return self._outcome(now, goes["id"], f"Merged {self._label(goes)} into {self._label(now)}")

    def settle(self) -> Outcome | None:
        """Done when the one that was to go is gone, or is found as the one that stays."""
        goes, stays = find_one(self.client, self.goes), find_one(self.client, self.stays)
        if stays is None or (goes is not None and goes["id"] != stays["id"]):
            return None
        gone = int(self.goes.value) if self.goes.field == "id" else None
        return self._outcome(stays, gone, f"{self.goes.words} is merged into {self._label(stays)}")

    def _missing(self, match: Match) -> Outcome:
        words = f"No {match.entity} has {match.words}"
        if self.if_missing == "skip":
            return self._outcome({}, None, f"{words}: nothing merged", nothing=True)
        raise RejectedError(
            f"{words}, so nothing was merged. Correct the value, or choose in the step to skip what is missing.",
            code="missing",
        )

    def _label(self, record: JsonObject) -> str:
        return records.label_of(self.goes.entity, record)

    def _outcome(self, record: JsonObject, gone: Any, words: str, *, nothing: bool = False) -> Outcome:
        outputs = {"id": record.get("id"), "record": record, "merged": not nothing, "gone_id": gone}
        return Outcome(outputs, f"{words}.", nothing_to_do=nothing)
