"""Custom field values: each type's right and wrong values, and its two other forms."""

from __future__ import annotations

from typing import Any

import pytest

from automations.sandbox import custom_values
from automations.sandbox.fields import FieldCatalogue, FieldDefinition

ADDRESS = {"value": "1 Quay Rd, Riga", "country": "Latvia"}
HOURS = {"value": "09:00", "until": "11:00:00", "timezone_name": "Europe/Riga"}


def definition(kind: str) -> FieldDefinition:
    return FieldCatalogue().add("deal", "Field", kind, ["One", "Two"] if kind in ("enum", "set") else None)


def problem(kind: str, value: Any) -> str | None:
    return custom_values.check(definition(kind), value, lambda _entity, number: number < 100)


def option_ids(kind: str) -> list[int]:
    return [option["id"] for option in definition(kind).options]


RIGHT: list[tuple[str, Any]] = [
    ("varchar", "abc"),
    ("text", ""),
    ("phone", "+37120000000"),
    ("double", 12.5),
    ("monetary", {"value": 900, "currency": "EUR"}),
    ("user", 5),
    ("date", "2026-12-15"),
    ("daterange", {"value": "2026-12-01", "until": "2026-12-15"}),
    ("time", {"value": "09:30:00", "timezone_name": "Europe/Riga"}),
    ("timerange", HOURS),
    ("address", ADDRESS),
    ("enum", option_ids("enum")[0]),
    ("set", option_ids("set")),
    ("set", None),
]
WRONG: list[tuple[str, Any]] = [
    ("varchar", 5),
    ("varchar", "x" * 256),
    ("double", "12.5"),
    ("double", True),
    ("monetary", 900),
    ("monetary", {"value": 900}),
    ("user", "5"),
    ("user", 500),
    ("date", "15.12.2026"),
    ("date", "2026-12-15T00:00:00Z"),
    ("daterange", {"from": "2026-12-01", "until": "2026-12-15"}),
    ("time", "09:30"),
    ("time", {"value": "25:00"}),
    ("address", "1 Quay Rd"),
    ("enum", "One"),
    ("enum", str(option_ids("enum")[0])),
    ("set", []),
    ("set", option_ids("set")[0]),
    ("set", ["One"]),
]


@pytest.mark.parametrize(("kind", "value"), RIGHT)
def test_a_right_value_is_taken(kind: str, value: Any) -> None:
    assert problem(kind, value) is None


@pytest.mark.parametrize(("kind", "value"), WRONG)
def test_a_wrong_value_is_refused(kind: str, value: Any) -> None:
    assert problem(kind, value) is not None


@pytest.mark.parametrize(("kind", "value"), RIGHT)
def test_v1_values_come_back_as_they_went(kind: str, value: Any) -> None:
    field = definition(kind)
    stored = custom_values.stored(field, value)
    back = custom_values.stored(field, custom_values.from_flat(field, custom_values.as_flat(field, stored)))
    lossy = kind in ("address", "time", "timerange") and value is not None
    assert (back["value"] if lossy else back) == (stored["value"] if lossy else stored)


def test_webhooks_name_ranges_from_and_until() -> None:
    field = definition("timerange")
    shown = custom_values.as_webhook(field, custom_values.stored(field, HOURS))
    assert shown is not None
    assert (shown["from"], shown["until"]) == ("09:00:00", "11:00:00")
    assert isinstance(shown["timezone_id"], int)


def test_only_searchable_types_are_indexed() -> None:
    assert custom_values.searchable_text(definition("double"), 12.0) == "12"
    assert custom_values.searchable_text(definition("monetary"), {"value": 9, "currency": "EUR"}) == "9"
    assert custom_values.searchable_text(definition("date"), "2026-12-15") is None


def test_a_field_type_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="url"):
        FieldCatalogue().add("deal", "Site", "url")


def test_built_in_fields_stay() -> None:
    catalogue = FieldCatalogue()
    with pytest.raises(ValueError, match="built in"):
        catalogue.remove("deal", "title")
    custom = catalogue.add("deal", "Extra", "text")
    catalogue.remove("deal", custom.code)
    assert list(catalogue.custom("deal")) == []
