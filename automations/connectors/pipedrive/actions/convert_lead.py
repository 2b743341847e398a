"""Turn a lead into a deal in Pipedrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import forms, places, records
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.conversions import Job, deal_of
from automations.connectors.pipedrive.finding import find_one, match_of
from automations.connectors.pipedrive.mapping_checks import MatchingAction
from automations.connectors.pipedrive.match import Match
from automations.engine.contracts import ActionFields, Call, JsonObject, Outcome, field
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class ConvertLead(MatchingAction):
    """Turn a lead into a deal; the lead is gone afterwards.

    Its notes and activities move to the deal. Pipedrive does this in its own time: the step asks for up to twenty
    seconds, and then again at the next attempt. A lead that became a deal already is nothing to do.

    Not repeatable: after a doubtful outcome the deal that came of the lead is looked for instead.

    Source: Pipedrive API v2, "Leads" (convert to deal, conversion status), read 2026-11-22.
    """

    key = "pipedrive.convert_lead"
    title = "Convert a lead into a deal"
    sentence = "Turn a lead into a deal in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    entity = "lead"
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The deal's id; null when there is no lead",
        "record": "The deal as Pipedrive then has it",
        "lead_id": "The lead's id",
        "converted": "Whether the lead became a deal now",
    }
    examples = (
        {"match_field": "title", "match_value": "Timber for a boat", "stage": "Contact made"},
        {"match_value": "adf21080-0e10-11eb-879b-05d71fb426ec", "if_missing": "skip"},
    )
    pauses_s: ClassVar[Sequence[float]] = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 4.0, 4.0)

    class Fields(ActionFields):
        match_field: str | None = forms.find_by("lead")
        match_value: str = field("Lead", "Its id, or what to find it by.", suggest="{{ lead.id }}")
        stage: int | str | None = field("Stage of the deal", "By name or id.", default=None, choices="stages")
        pipeline: int | str | None = field(
            "Pipeline of the deal", "By name or id.", default=None, choices="pipelines"
        )
        if_missing: Literal["stop", "skip"] = field(
            "When there is no such lead", "Stop parks the run.", default="stop", choices=("stop", "skip")
        )

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        job = Job.remembered(client, call.idempotency_key)
        if job is None:
            place = places.place(client, fields.mapped(), {})
            if "stage_id" in place:
                # Either of the two is taken, not both; the stage implies its pipeline.
                place.pop("pipeline_id", None)
            match = match_of(client, "lead", fields.mapped())
            lead = find_one(client, match)
            if lead is None:
                return _without_lead(fields, client, match)
            job = Job.start(client, call.idempotency_key, str(lead["id"]), place)
        number = job.deal_id(self.pauses_s)
        deal = client.by_id("deal", number) or {"id": number}
        words = f"Lead {job.lead_id} is {records.label_of('deal', deal)} now"
        return _outcome(deal, job.lead_id, words, converted=True)

    def settle(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome | None:
        """Tell whether the lead is gone and a deal came of it; a job that was begun is asked about by `perform`."""
        match = match_of(client, "lead", fields.mapped())
        lead = find_one(client, match)
        deal = deal_of(client, match.value) if lead is None and match.field == "id" else None
        if deal is None:
            return None
        return _outcome(deal, match.value, f"Lead {match.value} became a deal", converted=True)


def _without_lead(fields: ConvertLead.Fields, client: PipedriveClient, match: Match) -> Outcome:
    deal = deal_of(client, match.value) if match.field == "id" else None
    if deal is not None:
        return _outcome(deal, match.value, f"It became {records.label_of('deal', deal)} already")
    if fields.if_missing == "skip":
        return _outcome({}, None, f"No lead has {match.words}: nothing converted")
    raise RejectedError(
        f"No lead has {match.words}. Correct the value, or choose in the step to skip what is missing.",
        code="missing",
    )


def _outcome(deal: JsonObject, lead_id: Any, words: str, *, converted: bool = False) -> Outcome:
    outputs = {"id": deal.get("id"), "record": deal, "lead_id": lead_id, "converted": converted}
    return Outcome(outputs, f"{words}.", nothing_to_do=not converted)
