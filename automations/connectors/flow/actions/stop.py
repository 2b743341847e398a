"""End the run here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from automations.engine.contracts import Action, ActionFields, Call, Outcome, field


class Stop(Action):
    """End the run here, as a success: later steps are not run. Give the step a condition of its own.

    Nothing leaves the machine.
    """

    key = "engine.stop"
    title = "Stop here"
    sentence = "stop here"
    connection = None
    repeatable = True
    outputs: ClassVar[Mapping[str, str]] = {"reason": "Why, as the step says it"}
    examples = ({"reason": "{{ record.name }} is a test record"},)

    class Fields(ActionFields):
        reason: str | None = field("Reason", "Shown with the run.", default=None)

    def perform(self, fields: Fields, client: None, call: Call) -> Outcome:
        reason = fields.reason or ""
        return Outcome({"reason": reason}, f"Stopped: {reason}" if reason else "Stopped", stop=True)
