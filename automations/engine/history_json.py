"""Runs as the JSON that commands and the API promise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from automations.engine.contracts import JsonObject
from automations.engine.history import DeliveryDetail, RunDetail, RunLine, WhyLine
from automations.model.history import Event


def run_as_json(line: RunLine, deliveries: Sequence[DeliveryDetail] = ()) -> JsonObject:
    """Return the contract's form of a run."""
    run = line.run
    return {
        "id": run.id,
        "recipe": line.recipe,
        "version": line.version,
        "event_id": run.event_id,
        "record": run.record_key,
        "status": str(run.status),
        "reason": run.reason,
        "started_at": _iso(run.started_at),
        "finished_at": _iso(run.finished_at),
        "steps": [
            {
                "name": d.delivery.step_name,
                "action": d.delivery.action,
                "status": str(d.delivery.status),
                "reason": d.delivery.reason,
                "attempts": d.delivery.attempts,
            }
            for d in deliveries
        ],
    }


def detail_as_json(detail: RunDetail) -> JsonObject:
    """Return a run with every delivery, attempt, request and reply; secrets were masked when stored."""
    line = RunLine(detail.run, detail.recipe.name, detail.version.number, detail.connection)
    answer = {**run_as_json(line, detail.deliveries), "replay_of": detail.run.replay_of}
    for step, d in zip(answer["steps"], detail.deliveries, strict=True):
        step |= {
            "fields": d.delivery.fields,
            "outputs": d.delivery.outputs,
            "idempotency_key": d.delivery.idempotency_key,
            "next_attempt_at": _iso(d.delivery.next_attempt_at),
            "tries": [
                {
                    "number": a.number,
                    "started_at": _iso(a.started_at),
                    "duration_ms": a.duration_ms,
                    "outcome": a.outcome,
                    "message": a.message,
                    "batch_size": a.batch_size,
                    "exchanges": a.exchanges,
                }
                for a in d.attempts
            ],
        }
    return answer


def event_as_json(event: Event, connection: str, why: Sequence[WhyLine]) -> JsonObject:
    """Return an event without its content, and what every recipe made of it."""
    return {
        "id": event.id,
        "connection": connection,
        "topic": event.topic,
        "record": event.record_key,
        "label": event.label,
        "origin": str(event.origin),
        "occurred_at": _iso(event.occurred_at),
        "received_at": _iso(event.received_at),
        "decided_at": _iso(event.decided_at),
        "recipes": [
            {"recipe": line.recipe, "answer": line.answer, "reason": line.reason, "run_id": line.run_id}
            for line in why
        ],
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
