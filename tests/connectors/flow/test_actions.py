from __future__ import annotations

import pytest

from automations.connectors.flow.actions.set_values import SetValues
from automations.connectors.flow.actions.stop import Stop
from automations.engine.contracts import Call
from automations.errors import FieldsError

CALL = Call("k")


def test_values_are_there_for_later_steps_as_they_were_mapped() -> None:
    values = {"full_name": "Ines Okafor", "score": 0, "tags": [], "gone": None}
    outcome = SetValues().perform(SetValues.Fields(values=values), None, CALL)
    assert outcome.outputs == values
    assert not outcome.stop


def test_a_value_cannot_hide_what_every_step_has() -> None:
    with pytest.raises(FieldsError) as caught:
        SetValues().check(SetValues.Fields(values={"status": "new"}))
    assert caught.value.field == "values.status"


def test_stop_ends_the_run_and_says_why() -> None:
    outcome = Stop().perform(Stop.Fields(reason="a test record"), None, CALL)
    assert outcome.stop
    assert outcome.outputs == {"reason": "a test record"}
    assert outcome.summary == "Stopped: a test record"


def test_stop_needs_no_reason() -> None:
    assert Stop().perform(Stop.Fields(), None, CALL).summary == "Stopped"
