"""Turning a lead into a deal: a job at Pipedrive that is asked about until it ends.

Source: Pipedrive API v2 `POST /leads/{id}/convert/deal` and `GET /leads/{id}/convert/status/{conversion_id}`
(not_started, running, completed, failed, rejected; the lead is gone afterwards), read 2026-11-22.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive.client import address
from automations.engine.contracts import JsonObject
from automations.errors import RejectedError, UnavailableError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_REMEMBERED = "lead_conversions"
_JOBS_KEPT = 50
_LOOKED_BACK = 100
_ENDED = ("completed", "failed", "rejected")


@dataclass(frozen=True)
class Job:
    """A conversion that Pipedrive works on."""

    client: PipedriveClient
    key: str
    lead_id: str
    number: str

    @classmethod
    def remembered(cls, client: PipedriveClient, key: str) -> Job | None:
        """Return the job that an earlier attempt of this delivery started. key: the delivery's own."""
        found = _jobs(client).get(key)
        return cls(client, key, *found) if found else None

    @classmethod
    def start(cls, client: PipedriveClient, key: str, lead_id: str, place: JsonObject) -> Job:
        """Ask for the conversion and remember its job. place: `stage_id` or `pipeline_id`, or neither."""
        answer = client.write(
            "POST",
            f"{_path(lead_id)}/deal",
            place,
            what=f"convert lead {lead_id}",
            presumed={"conversion_id": "presumed"},
        )
        job = cls(client, key, lead_id, str(answer.record.get("conversion_id")))
        if not answer.held:
            kept = list(_jobs(client).items())[-_JOBS_KEPT + 1 :]
            client.directory.put(_REMEMBERED, {**dict(kept), key: [lead_id, job.number]})
        return job

    def deal_id(self, pauses_s: Sequence[float]) -> Any:
        """Ask until the job ends and return the deal's id. pauses_s: waits between questions, in seconds.

        Raises UnavailableError when it takes longer, RejectedError when the job ends badly.
        """
        for pause_s in (*pauses_s, None):
            answer = self.client.get(
                f"{_path(self.lead_id)}/status/{self.number}",
                what=f"ask about the conversion of lead {self.lead_id}",
                presumed={"status": "completed", "deal_id": 0},
                absent_ok=True,
            )
            status = answer.record.get("status")
            if answer.data is None or status in _ENDED:
                self._forget()
            if status == "completed":
                return answer.record.get("deal_id")
            if status in _ENDED:
                raise RejectedError(
                    f"Pipedrive could not convert lead {self.lead_id}: the job ended as {status}. Look at the lead in "
                    "Pipedrive, then send again.",
                    code=str(status),
                )
            if answer.data is None:
                break
            if pause_s is not None:
                time.sleep(pause_s)
        raise UnavailableError(
            f"Pipedrive is still converting lead {self.lead_id}. It is asked again.", retry_after_s=15.0
        )

    def _forget(self) -> None:
        jobs = _jobs(self.client)
        if jobs.pop(self.key, None) is not None:
            self.client.directory.put(_REMEMBERED, jobs)


def _path(lead_id: str) -> str:
    return address("lead", lead_id, "/convert").replace("/v1/", "/v2/")


def _jobs(client: PipedriveClient) -> dict[str, list[str]]:
    return dict(client.directory.get(_REMEMBERED) or {})


def deal_of(client: PipedriveClient, lead_id: str) -> JsonObject | None:
    """Return the deal that a lead became, None when there is none among the newest."""
    filters = {"include_fields": "source_lead_id"}
    for deal in client.newest("deal", "id", most=_LOOKED_BACK, filters=filters):
        if deal.get("source_lead_id") == lead_id:
            return deal
    return None
