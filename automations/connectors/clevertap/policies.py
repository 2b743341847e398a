"""What a step does with values that CleverTap cannot take as they are: its author chooses, once for the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from automations.engine.contracts import field
from automations.made_often import made_often

Nested = Literal["json", "flatten", "drop", "refuse"]
IfInvalid = Literal["park", "drop"]
IfNull = Literal["unset", "skip"]

_NESTED: Final = ("json", "flatten", "drop", "refuse")


@made_often
@dataclass(frozen=True)
class Policies:
    """nested: for objects and lists where CleverTap takes single values. if_invalid: for keys that it reads itself.
    if_null: for null in a profile.
    """

    nested: Nested = "json"
    if_invalid: IfInvalid = "park"
    if_null: IfNull = "unset"


DEFAULT: Final = Policies()


def nested_field() -> Any:
    return field(
        "Nested values",
        "`json`: as JSON text. `flatten`: each part under a name of its own, such as `address_city`. `drop`: leave "
        "the property out. `refuse`: park.",
        default="json",
        choices=_NESTED,
        advanced=True,
    )


def if_invalid_field() -> Any:
    return field(
        "When a key is invalid",
        "For the keys that CleverTap reads itself, such as Phone. `park`: send nothing and wait for a person. "
        "`drop`: send the rest without that key.",
        default="park",
        choices=("park", "drop"),
        advanced=True,
    )


def if_null_field() -> Any:
    return field(
        "When a value is null",
        "`unset`: remove the property from the profile. `skip`: leave it as it is.",
        default="unset",
        choices=("unset", "skip"),
        advanced=True,
    )
