"""What a backfill would do: counted, and tried on a few records; nothing is stored and nothing sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from automations.engine.backfill import PAGE, ExistingRecords, Wish
from automations.engine.compiled import CompiledRecipe
from automations.engine.contracts import Arrival, DoorMode, JsonObject
from automations.engine.testrun import TestRuns

SAMPLES = 10


@dataclass
class BackfillPreview:
    """listed: records there are. wanted: those that the trigger takes. left_out: how many for which reason.

    complete: everything was counted. samples: `{record_key, label, outcome, why, steps}` of test-runs.
    """

    listed: int = 0
    wanted: int = 0
    complete: bool = False
    left_out: dict[str, int] = field(default_factory=dict)
    samples: list[JsonObject] = field(default_factory=list)

    def as_json(self) -> JsonObject:
        return {
            "listed": self.listed,
            "wanted": self.wanted,
            "complete": self.complete,
            "left_out": [{"why": why, "records": count} for why, count in self.left_out.items()],
            "samples": self.samples,
        }


class BackfillPreviews:
    def __init__(self, records: ExistingRecords, tests: TestRuns) -> None:
        self._records = records
        self._tests = tests

    def preview(
        self,
        recipe_id: int,
        wish: Wish,
        *,
        pages: int | None = None,
        tell: Callable[[BackfillPreview], None] = lambda _: None,
    ) -> BackfillPreview:
        """Count, and try the first records offline.

        pages: look at no more than so many pages of 500; None: at all. tell: called after each page.
        Raises InputError, RecipeError as a backfill does; DeliveryError, CredentialsError when it cannot be listed.
        """
        recipe = self._records.recipe(recipe_id)
        found = BackfillPreview()
        cursor: Any = None
        looked_at = 0
        while pages is None or looked_at < pages:
            page = self._records.page(recipe, cursor, wish, PAGE)
            looked_at, cursor = looked_at + 1, page.cursor
            for arrival in page.arrivals:
                self._look(recipe, arrival, found)
                if wish.limit is not None and found.wanted >= wish.limit:
                    found.complete = True
                    return found
            tell(found)
            if cursor is None:
                found.complete = True
                break
        return found

    def _look(self, recipe: CompiledRecipe, arrival: Arrival, found: BackfillPreview) -> None:
        found.listed += 1
        because = self._records.why_not(recipe, arrival)
        if because:
            found.left_out[because] = found.left_out.get(because, 0) + 1
            return
        found.wanted += 1
        if len(found.samples) < SAMPLES:
            occurrence = recipe.kind.read(arrival.topic, arrival.payload)
            answer = self._tests.run(recipe, occurrence, DoorMode.OFFLINE)
            found.samples.append(
                {
                    "record_key": arrival.record_key,
                    "label": occurrence.label,
                    **{name: answer[name] for name in ("outcome", "why", "steps")},
                }
            )
