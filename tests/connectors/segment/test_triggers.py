"""When a message starts a recipe, and when it does not."""

from __future__ import annotations

from typing import Any

import pytest

from automations.connectors.segment.messages import TYPES
from automations.connectors.segment.samples import example_request, sample
from automations.connectors.segment.triggers.page import PageViewed
from automations.connectors.segment.triggers.track import Tracked
from automations.engine.contracts import DirectoryLike, Trigger
from automations.engine.registry import Registry
from tests.conformance.conftest import Remembered

NO_LISTS: DirectoryLike = Remembered()  # type: ignore[assignment]


def reason(trigger: Trigger, **fields: Any) -> Any:
    return trigger.narrow(trigger.Fields.model_validate(fields), trigger.sample, NO_LISTS)


def test_every_message_type_has_its_trigger() -> None:
    found = Registry.discover(entry_points=False).triggers
    assert {key for key in found if key.startswith("segment.")} == {f"segment.{name}" for name in TYPES}
    for name in TYPES:
        assert found[f"segment.{name}"].sample == sample(name)


def test_event_name_is_compared_exactly() -> None:
    assert reason(Tracked(), event="Demo Requested") is None
    assert reason(Tracked(), event=["Order Completed", "Demo Requested"]) is None
    assert reason(Tracked(), event=[]) is None
    assert reason(Tracked(), event="demo requested") == "event is Demo Requested, wanted demo requested"
    assert reason(Tracked(), event=["A", "B"]) == "event is Demo Requested, wanted A or B"


def test_page_is_narrowed_by_its_name() -> None:
    assert reason(PageViewed(), name="Pricing") is None
    assert reason(PageViewed(), name="Home") == "name is Pricing, wanted Home"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"properties.seats": 12}, None),
        ({"properties.seats": "12"}, None),
        ({"properties.seats": [1, 12]}, None),
        ({"properties.currency": "EUR", "context.locale": "de-DE"}, None),
        ({"properties.gone": None}, None),
        ({"properties.seats": 13}, "properties.seats is 12, wanted 13"),
        ({"properties.seats": True}, "properties.seats is 12, wanted true"),
        ({"properties.gone": "x"}, "properties.gone is empty, wanted x"),
        ({"event.name": "x"}, "event.name is empty, wanted x"),
    ],
)
def test_paths_narrow_further(where: dict[str, Any], expected: str | None) -> None:
    assert reason(Tracked(), where=where) == expected


def test_example_is_never_the_same_twice() -> None:
    assert example_request().body != example_request().body
