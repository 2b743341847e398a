"""The test-run: a recipe on one sample, walked as a real run is, with a door that decides what may leave.

`offline` opens no socket; `lookups` lets reads out; `live` sends for real. Nothing is written to the ledger.
"""

from __future__ import annotations

import secrets
from typing import Any

import structlog

from automations.clock import Clock
from automations.engine.compiled import CompiledRecipe, CompiledStep
from automations.engine.conditions import judge
from automations.engine.connections import Connections
from automations.engine.context import Envelope
from automations.engine.contracts import DoorMode, JsonObject, Occurrence, Outcome, error_as_json
from automations.engine.decide import Ruling, Verdict, decide
from automations.engine.doorstep import Doorstep
from automations.engine.stepping import Close, LookUp, Send, WaitUntil, Walk
from automations.errors import AutomationError, RecipeError
from automations.model.states import DeliveryStatus, RunStatus

MOVES_MAX = 1_000
_log = structlog.get_logger("testrun")


class TestRuns:
    """Runs recipes on samples. Thread-safe."""

    __test__ = False  # not a test case, whatever its name begins with

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._doorstep = Doorstep(connections, clock)

    def run(
        self,
        recipe: CompiledRecipe,
        occurrence: Occurrence,
        mode: DoorMode = DoorMode.OFFLINE,
        *,
        validate: bool = False,
        only_step: str | None = None,
    ) -> JsonObject:
        """Return `{outcome, why, steps, look_ups}` as the contract of the test-run says.

        outcome: `ok`, `filtered` or `error`. validate: targets that can are asked to check and store nothing;
        what would be written elsewhere is shown and does not leave.
        only_step: stop after the step of this name.
        """
        return _OneTest(self, recipe, occurrence, mode, validate, only_step).run()


class _OneTest:
    def __init__(
        self,
        tests: TestRuns,
        recipe: CompiledRecipe,
        occurrence: Occurrence,
        mode: DoorMode,
        validate: bool,
        only_step: str | None,
    ) -> None:
        self.connections = tests._connections
        self.clock = tests._clock
        self.doorstep = tests._doorstep
        self.recipe = recipe
        self.mode = mode
        self.validate = validate
        self.only_step = only_step
        self.answer: JsonObject = {"outcome": "ok", "why": [], "steps": [], "look_ups": []}
        envelope = Envelope(
            trigger=recipe.trigger.key,
            connection=recipe.connection.name,
            occurred_at=occurrence.occurred_at,
            received_at=self.clock.now().isoformat().replace("+00:00", "Z"),
        )
        self.walk = Walk(recipe, occurrence, envelope, memory={})
        self.walk.must_look_up = bool(recipe.needs)
        self.key = f"test-{secrets.token_hex(6)}"

    def run(self) -> JsonObject:
        if not (self._looks_up() and self._is_wanted()):
            return self.answer
        for _ in range(MOVES_MAX):
            move = self.walk.next_move(self.clock.now())
            if isinstance(move, Send):
                if not self._send(move):
                    break
            elif isinstance(move, Close):
                if not self._close(move):
                    break
            elif isinstance(move, WaitUntil):
                self.walk.waited()
                self.answer["why"].append(f"{move.reason} (a test does not wait)")
            elif isinstance(move, LookUp):
                break
            else:
                if move.status == RunStatus.PARKED:
                    self.answer["outcome"] = "error"
                break
        else:
            self.answer["why"].append(f"a test stops after {MOVES_MAX:,} deliveries; a real run goes on")
        return self.answer

    def _looks_up(self) -> bool:
        """Fetch related records where the sample does not bring them and the mode lets reads out."""
        recipe, occurrence = self.recipe, self.walk.occurrence
        if not recipe.needs or (self.mode == DoorMode.OFFLINE and occurrence.related):
            self.walk.looked_up({})
            return True

        def prepare(client: Any) -> None:
            if self.mode != DoorMode.OFFLINE:
                recipe.trigger.prepare(recipe.trigger_fields, client)

        related, error, exchanges = self.doorstep.look_up(
            recipe.kind, recipe.connection.id, [occurrence], recipe.needs, prepare, self.mode
        )
        self.answer["look_ups"] = exchanges
        if error is not None and self.mode != DoorMode.OFFLINE:
            self.answer["outcome"] = "error"
            self.answer["why"].append(f"look-up before the steps: {error.message}")
            return False
        self.walk.looked_up(related[0] if related else {})
        return True

    def _is_wanted(self) -> bool:
        recipe, walk = self.recipe, self.walk
        directory = self.connections.directory(recipe.connection.id)
        if recipe.condition is not None:
            try:
                judgement = judge(recipe.condition, walk.context, previous=walk.context["previous"])
                self.answer["why"] += [
                    f"{'passes' if reason.passed else 'fails'}: {reason.sentence}" for reason in judgement.why
                ]
            except AutomationError as error:
                self.answer["why"].append(error.message)
        try:
            verdict = decide(recipe, walk.occurrence, walk.context, directory, looked_up=True)
        except Exception as error:  # noqa: BLE001 - a connector's bug is this test's result
            _log.exception("testrun.failed", recipe=recipe.name)
            verdict = Verdict(Ruling.BROKEN, f"the trigger failed unexpectedly with {type(error).__name__}")
        if verdict.ruling is Ruling.PASSED:
            return True
        if (
            verdict.ruling is Ruling.BROKEN
            and self.mode == DoorMode.OFFLINE
            and recipe.trigger_fields.model_fields_set
        ):
            self.answer["why"].append(
                f"{verdict.reason}; offline, the account cannot be asked, so the test goes on"
            )
            return True
        self.answer["outcome"] = "error" if verdict.ruling is Ruling.BROKEN else "filtered"
        self.answer["why"].insert(0, verdict.reason)
        return False

    def _send(self, move: Send) -> bool:
        key = f"{self.key}-{move.step.name}-{move.item_index}"
        action = move.step.action
        is_held = self.validate and self.mode is DoorMode.LIVE and not action.validates
        mode = DoorMode.LOOKUPS if is_held else self.mode
        result = self.doorstep.deliver(move, key, mode=mode, validate=self.validate)
        all_left = bool(result.exchanges) and all(exchange.get("sent") for exchange in result.exchanges)
        if is_held and action.connection is not None and not all_left:
            self.answer["why"].append(
                f"{move.step.name} cannot be checked without doing it, so it was not sent"
            )
        fields = move.fields.model_dump(mode="json", exclude_unset=True)
        entry = self._entry(move.step, fields, result.exchanges)
        entry["left_out"] = list(move.left_out)
        if isinstance(result.outcome, Outcome):
            skipped = result.outcome.nothing_to_do
            status = DeliveryStatus.SKIPPED if skipped else DeliveryStatus.SUCCEEDED
            entry["status"], entry["outputs"] = str(status), result.outcome.outputs
            entry["reason"] = result.outcome.summary
            self.answer["steps"].append(entry)
            self.walk.done(status, result.outcome.outputs, result.outcome.summary)
            return not result.outcome.stop and move.step.name != self.only_step
        entry["status"], entry["error"] = str(DeliveryStatus.PARKED), self._error(move.step, result.outcome)
        return self._failed(move.step, entry)

    def _close(self, move: Close) -> bool:
        entry = self._entry(move.step, self._fields_as_far_as_they_go(move.step), [])
        entry["status"], entry["reason"] = str(move.status), move.reason
        if move.status == DeliveryStatus.SKIPPED:
            self.answer["steps"].append(entry)
            self.walk.done(move.status, None, move.reason)
            return move.step.name != self.only_step
        entry["error"] = self._error(move.step, move.error or RecipeError(move.reason))
        return self._failed(move.step, entry)

    def _failed(self, step: CompiledStep, entry: JsonObject) -> bool:
        self.answer["steps"].append(entry)
        self.walk.done(DeliveryStatus.PARKED, None, entry["error"]["message"])
        if step.part.on_error == "continue":
            return step.name != self.only_step
        self.answer["outcome"] = "error"
        return False

    def _fields_as_far_as_they_go(self, step: CompiledStep) -> JsonObject:
        leaves = step.mapping.render_leaves(self.walk.context)
        return {leaf.name: leaf.value for leaf in leaves if leaf.error is None and leaf.state != "left_out"}

    def _entry(self, step: CompiledStep, fields: JsonObject, exchanges: list[JsonObject]) -> JsonObject:
        return {
            "name": step.name,
            "action": step.part.action,
            "status": "",
            "reason": "",
            "fields": fields,
            "requests": exchanges,
            "outputs": {},
            "error": None,
        }

    def _error(self, step: CompiledStep, error: AutomationError) -> JsonObject:
        return {**error_as_json(error), "step": getattr(error, "step", "") or step.name}
