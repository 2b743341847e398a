"""What a replay would do, in words a person can judge before it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from automations.engine.compiled import CompiledStep
from automations.engine.decide import Ruling
from automations.engine.replay_plan import Plan, Refusal
from automations.engine.replay_writing import Replay
from automations.model.history import Run


class StepFate(StrEnum):
    """What becomes of a step."""

    KEPT = "kept"
    DONE = "done"
    DOUBT = "doubt"
    RUNS = "runs"


@dataclass(frozen=True)
class StepPreview:
    """fate: in one word; words: for a person."""

    name: str
    action: str
    fate: StepFate
    words: str


@dataclass(frozen=True)
class RunPreview:
    """refusal: why it is not replayed; else empty. verdict: why its conditions say no; else empty."""

    run: Run
    version: int = 0
    refusal: str = ""
    verdict: str = ""
    steps: Sequence[StepPreview] = ()

    @property
    def nothing_left(self) -> bool:
        """Every step was done by earlier runs, so that the new one would only say so."""
        return all(step.fate in (StepFate.DONE, StepFate.KEPT) for step in self.steps)

    @property
    def sentence(self) -> str:
        if self.refusal:
            return self.refusal
        if self.verdict:
            return f"Nothing would be sent: {self.verdict}"
        by_fate = {fate: sum(step.fate is fate for step in self.steps) for fate in StepFate}
        said = [
            f"{by_fate[StepFate.RUNS]} go through" if by_fate[StepFate.RUNS] else "",
            f"{by_fate[StepFate.DONE]} done already" if by_fate[StepFate.DONE] else "",
            f"{by_fate[StepFate.DOUBT]} in doubt" if by_fate[StepFate.DOUBT] else "",
            f"{by_fate[StepFate.KEPT]} kept" if by_fate[StepFate.KEPT] else "",
        ]
        return "Steps: " + (", ".join(part for part in said if part) or "none")

    def as_json(self) -> dict[str, Any]:
        return {
            "run": self.run.id,
            "record": self.run.record_key,
            "status": str(self.run.status),
            "version": self.version,
            "refused": self.refusal,
            "conditions": self.verdict,
            "steps": [
                {"name": s.name, "action": s.action, "would": str(s.fate), "why": s.words} for s in self.steps
            ],
        }


def preview_of(run: Run, replays: Sequence[Replay], refused: Mapping[int, Refusal]) -> RunPreview:
    """Return one run's part of what looking found."""
    replay = next((found for found in replays if found.plan.old.id == run.id), None)
    if replay is None:
        refusal = refused.get(run.id or 0)
        return RunPreview(run, refusal=refusal.reason if refusal is not None else "It has been replayed.")
    verdict, plan = replay.verdict, replay.plan
    says_no = verdict is not None and verdict.ruling not in (Ruling.PASSED, Ruling.UNDETERMINED)
    return RunPreview(
        run,
        version=plan.recipe.version,
        verdict=verdict.reason if verdict is not None and says_no else "",
        steps=[_step(plan, step) for step in plan.recipe.steps],
    )


def _step(plan: Plan, step: CompiledStep) -> StepPreview:
    effects = [effect for effect in plan.carried if effect.step_name == step.name]
    closed = [effect for effect in effects if effect.closed]
    fate, words = StepFate.RUNS, "its condition and its fields are worked out anew, then it is sent"
    if step.index < plan.begin:
        fate, words = StepFate.KEPT, f"keeps its result of run {plan.old.id}"
    elif len(closed) < len(effects):
        fate = StepFate.DOUBT
        words = f"{effects[-1].reason}: what became of it is found out before anything is sent"
    elif closed and step.for_each is not None:
        items = f"{len(closed)} of its items are" if len(closed) > 1 else "1 of its items is"
        fate, words = StepFate.DONE, f"{items} {closed[0].reason} and passed by; others go through"
    elif closed:
        fate, words = StepFate.DONE, f"{closed[0].reason}, passed by"
    return StepPreview(step.name, step.part.action, fate, words)
