"""Whether a recipe wants an event, and if not, why. Pure: values in, a verdict out.

The same function is asked twice where a condition reads what must first be looked up: when the event is
decided (`UNDETERMINED`), and again when the run has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from automations.engine.compiled import CompiledRecipe
from automations.engine.conditions import judge
from automations.engine.contracts import DirectoryLike, NotYet, Occurrence
from automations.errors import AutomationError
from automations.made_often import made_often


class Ruling(Enum):
    PASSED = "passed"  #: runs
    FILTERED = "filtered"  #: it happened, but the author narrowed it away
    NOT_TRIGGERED = "not_triggered"  #: it is not what the trigger waits for
    UNDETERMINED = "undetermined"  #: can be told only after a look-up
    CIRCLE = "loop"  #: it would be one run too many of a circle
    BROKEN = "broken"  #: the condition itself failed; a person must edit the recipe


@made_often
@dataclass(frozen=True)
class Verdict:
    """reason: why not, in words, with the value seen and the one wanted; empty when it passed."""

    ruling: Ruling
    reason: str = ""


def decide(
    recipe: CompiledRecipe,
    occurrence: Occurrence,
    context: Mapping[str, Any],
    directory: DirectoryLike,
    *,
    looked_up: bool,
    own: str = "",
) -> Verdict:
    """Return the verdict of one recipe on one occurrence.

    looked_up: related records are in `context` and the directory is as full as it gets. own: says that it is a
    change of our own, and who made it; empty for every other.
    """
    because = recipe.trigger.occurred(occurrence)
    if because is not None:
        return Verdict(Ruling.NOT_TRIGGERED, because)
    if own and recipe.definition.trigger.own_changes == "ignore":
        return Verdict(Ruling.NOT_TRIGGERED, own)
    narrowed = recipe.trigger.narrow(recipe.trigger_fields, occurrence, directory)
    if isinstance(narrowed, NotYet):
        if not looked_up:
            return Verdict(Ruling.UNDETERMINED)
        return Verdict(
            Ruling.BROKEN,
            "the account does not have what the trigger's fields name; open the recipe and choose again",
        )
    if narrowed is not None:
        return Verdict(Ruling.FILTERED, narrowed)
    if recipe.condition is None:
        return Verdict(Ruling.PASSED)
    if recipe.condition_needs and not looked_up:
        return Verdict(Ruling.UNDETERMINED)
    return judge_condition(recipe, context)


def judge_condition(recipe: CompiledRecipe, context: Mapping[str, Any]) -> Verdict:
    """Return what the recipe's `only_if` says about a full context."""
    assert recipe.condition is not None
    try:
        judgement = judge(recipe.condition, context, previous=context.get("previous"))
    except AutomationError as error:
        return Verdict(Ruling.BROKEN, f"only_if: {error.message}")
    if judgement.passed:
        return Verdict(Ruling.PASSED)
    first = next(
        (reason.sentence for reason in judgement.why if not reason.passed), "the conditions are not met"
    )
    return Verdict(Ruling.FILTERED, first)
