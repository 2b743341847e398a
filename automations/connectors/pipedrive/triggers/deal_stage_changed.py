"""A deal moved to another stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from automations.connectors.pipedrive import narrowing, stage_moves
from automations.connectors.pipedrive.entity_triggers import DealFields, FieldOfDealChanged
from automations.connectors.pipedrive.samples import STAGES, sample
from automations.engine.contracts import NOT_YET, DirectoryLike, JsonObject, NotYet, Occurrence, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


class DealStageChanged(FieldOfDealChanged):
    """A deal moved to another stage, in its pipeline or into another one.

    `deal.stage` is where it is now, `previous.stage_id` where it was, and `deal.previous_stage.name` that
    stage's name. `deal.move.direction` is `forward`, `backward` or `pipeline`, and `deal.move.skipped` lists the
    stages that it passed over, each with `id` and `name`. Other edits of a deal do not count.
    """

    key = "pipedrive.deal_stage_changed"
    title = "Deal stage changed"
    sentence = "A deal moves to another stage in Pipedrive"
    watched = "stage_id"
    sample = sample(
        "deal",
        "change",
        previous={"stage_id": STAGES[0]["id"]},
        related={
            "previous_stage": STAGES[0],
            "move": {"direction": "forward", "skipped": []},
        },
    )

    class Fields(DealFields):
        from_stage: int | str | None = field(
            "From stage", "By name or id. Leave empty for any.", default=None, choices="stages"
        )
        to_stage: int | str | None = field(
            "To stage", "By name or id. Leave empty for any.", default=None, choices="stages"
        )
        direction: Literal["any", "forward", "backward"] = field(
            "Direction",
            "Forward is towards the end of the pipeline; a move to another pipeline is neither.",
            default="any",
            choices=("any", "forward", "backward"),
        )

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        before = (occurrence.previous or {}).get("stage_id")
        now = occurrence.record.get("stage_id")
        for what, wanted, seen in (
            ("stage", fields.to_stage, now),
            ("earlier stage", fields.from_stage, before),
        ):
            answer = narrowing.in_list(what, wanted, seen, "stages", directory)
            if answer is not None:
                return answer
        answer = _direction(fields.direction, before, now, directory.get("stages"))
        return answer if answer is not None else super().narrow(fields, occurrence, directory)

    def lists_for(self, fields: Any) -> list[str]:
        needed = fields.from_stage or fields.to_stage or fields.direction != "any"
        return super().lists_for(fields) + (["stages"] if needed else [])

    def cannot_list(self, fields: Any) -> str | None:
        if fields.from_stage or fields.direction != "any":
            return (
                "A deal tells its present stage, not the one before. Take away *From stage* and *Direction*, or "
                "choose the trigger *Deal created*."
            )
        return super().cannot_list(fields)

    def filters(self, fields: Any, directory: DirectoryLike) -> dict[str, Any]:
        stage = narrowing.only_id(fields.to_stage, "stages", directory)
        return {**super().filters(fields, directory), **({} if stage is None else {"stage_id": stage})}

    def plausible_previous(
        self, fields: Any, record: JsonObject, client: PipedriveClient
    ) -> JsonObject | None:
        """The stage that `from_stage` wants, else the one before, else the one after, of the same pipeline."""
        stages = sorted(
            (
                stage
                for stage in client.lists.get("stages") or ()
                if stage.get("id") != record.get("stage_id")
            ),
            key=lambda stage: (stage.get("order_nr") or 0, stage["id"]),
        )
        now = _known(record.get("stage_id"), client.directory.get("stages"))
        near = [stage for stage in stages if stage.get("pipeline_id") == record.get("pipeline_id")]
        wanted = fields.from_stage
        if wanted is not None:
            number = narrowing.whole_number(wanted)
            meant = [s for s in stages if s["id"] == number or narrowing.same_name(s.get("name"), wanted)]
            chosen = next((stage for stage in meant if stage in near), next(iter(meant), None))
        else:
            place = (now or {}).get("order_nr") or 0
            lower = [stage for stage in near if (stage.get("order_nr") or 0) < place]
            higher = [stage for stage in near if stage not in lower]
            downwards = fields.direction == "backward" or not (lower or fields.direction == "forward")
            chosen = next(iter(higher), None) if downwards else (lower[-1] if lower else None)
        return {"stage_id": chosen["id"]} if chosen else None


def _known(stage_id: Any, stages: Any) -> JsonObject | None:
    return next((stage for stage in stages or () if stage.get("id") == stage_id), None)


def _direction(wanted: str, before: Any, now: Any, stages: Any) -> str | NotYet | None:
    if wanted == "any":
        return None
    left, right = _known(before, stages), _known(now, stages)
    if left is None or right is None:
        return NOT_YET
    went = stage_moves.direction(left, right)
    if went == stage_moves.ELSEWHERE:
        return f"it moved to another pipeline, wanted {wanted}"
    if went == wanted:
        return None
    return f"it moved {went}, from {left.get('name')} to {right.get('name')}, wanted {wanted}"
