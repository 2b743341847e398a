"""Keep values for later steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from automations.engine.contracts import Action, ActionFields, Call, Outcome, field
from automations.errors import FieldsError

# What every step has by these names would hide the value.
_TAKEN = ("status",)


class SetValues(Action):
    """Work out values once and read them in later steps, as `steps.<name of this step>.<key>`.

    Nothing leaves the machine.
    """

    key = "engine.set"
    title = "Set values"
    sentence = "set values for later steps"
    connection = None
    repeatable = True
    outputs: ClassVar[Mapping[str, str]] = {"<key>": "Each value by its own key"}
    examples = ({"values": {"full_name": "{{ record.name }}", "score": 7}},)

    class Fields(ActionFields):
        values: dict[str, Any] = field("Values", "Name and value of each.")

    def check(self, fields: Fields) -> None:
        for name in _TAKEN:
            if name in fields.values:
                raise FieldsError(
                    f"Every step already has a {name!r} of its own. Choose another name for the value.",
                    field=f"values.{name}",
                    value=name,
                    wanted="another name",
                )

    def perform(self, fields: Fields, client: None, call: Call) -> Outcome:
        names = ", ".join(fields.values) or "nothing"
        return Outcome(dict(fields.values), f"Set {names}"[:200])
