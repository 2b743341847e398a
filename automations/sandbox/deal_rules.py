"""The rules of a deal: a stage implies its pipeline, a status carries its times, an archived deal rests."""

from __future__ import annotations

from typing import Any

from .errors import bad_request
from .rules import CURRENCY_CODES, Write, check_labels
from .state import Account, Actor, Record

_ONLY_WITH = {
    "lost_reason": ("lost",),
    "lost_time": ("lost",),
    "won_time": ("won",),
    "close_time": ("won", "lost"),
}


def deal(write: Write) -> Record:
    check_labels(write.account, "deal", write.values)
    if write.values.get("currency", "EUR") not in CURRENCY_CODES:
        raise bad_request(f"currency: {write.values['currency']} is not a currency of this account")
    if (
        write.before is not None
        and write.before["is_archived"]
        and write.values.get("is_archived") is not False
    ):
        raise bad_request("An archived deal cannot be edited; set is_archived to false first")
    row = {
        **(write.before or _new(write.account, write.actor, write.at)),
        **write.values,
        "update_time": write.at,
    }
    row["pipeline_id"], row["stage_id"] = _place(write.account, write.values, write.before)
    if write.before is not None and row["stage_id"] != write.before["stage_id"]:
        row["stage_change_time"] = write.at
    if write.values.get("expected_close_date") == "":
        row["expected_close_date"] = "0000-00-00"
    _close(row, write.values, write.before, write.at)
    _archive(row, write.values, write.before, write.at)
    return row


def _new(account: Account, actor: Actor, at: str) -> Record:
    return {
        "title": None,
        "creator_user_id": actor.user_id,
        "owner_id": actor.user_id,
        "value": 0,
        "person_id": None,
        "org_id": None,
        "stage_id": None,
        "pipeline_id": None,
        "currency": account.default_currency,
        "archive_time": None,
        "add_time": at,
        "update_time": at,
        "stage_change_time": None,
        "status": "open",
        "is_archived": False,
        "is_deleted": False,
        **dict.fromkeys(("probability", "lost_reason")),
        "visible_to": 3,
        **dict.fromkeys(("close_time", "won_time", "first_won_time", "lost_time", "expected_close_date")),
        "label_ids": [],
        "origin": "API" if actor.source == "api" else "ManuallyCreated",
        **dict.fromkeys(("origin_id", "channel", "channel_id", "source_lead_id", "arr", "mrr", "acv")),
    }


def _place(account: Account, values: dict[str, Any], before: Record | None) -> tuple[Any, Any]:
    """Pipeline and stage. A stage implies its pipeline; a pipeline alone means its first stage."""
    stage_id, pipeline_id = values.get("stage_id"), values.get("pipeline_id")
    if stage_id is not None:
        home = account.tables["stage"][stage_id]["pipeline_id"]
        if pipeline_id not in (None, home):
            raise bad_request(f"stage_id: stage {stage_id} is not in pipeline {pipeline_id}")
        return home, stage_id
    if before is not None and pipeline_id in (None, before["pipeline_id"]):
        return before["pipeline_id"], before["stage_id"]
    if pipeline_id is None:
        pipeline_id = next(account.live("pipeline"))["id"]
    stages = account.stages_of(pipeline_id)
    if not stages:
        raise bad_request(f"pipeline_id: pipeline {pipeline_id} has no stage")
    return pipeline_id, stages[0]["id"]


def _close(row: Record, values: dict[str, Any], before: Record | None, at: str) -> None:
    for key, statuses in _ONLY_WITH.items():
        if values.get(key) is not None and row["status"] not in statuses:
            raise bad_request(f"{key} can only be set when the status is {' or '.join(statuses)}")
    was = before["status"] if before is not None else "open"
    if row["status"] == was:
        return
    row.update(dict.fromkeys(("close_time", "won_time", "lost_time")))
    if row["status"] != "lost":
        row["lost_reason"] = None
    if row["status"] == "won":
        row["won_time"] = values.get("won_time", at)
        row["close_time"] = values.get("close_time", row["won_time"])
        row["first_won_time"] = row["first_won_time"] or row["won_time"]
    elif row["status"] == "lost":
        row["lost_time"] = values.get("lost_time", at)
        row["close_time"] = values.get("close_time", row["lost_time"])


def _archive(row: Record, values: dict[str, Any], before: Record | None, at: str) -> None:
    if row["is_archived"] and not (before or {}).get("is_archived"):
        given = values.get("archive_time")
        row["archive_time"] = given.replace(" ", "T") + "Z" if given else at
    elif not row["is_archived"]:
        row["archive_time"] = None
