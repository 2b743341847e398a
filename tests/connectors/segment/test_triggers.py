"""When a message starts a recipe, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from automations.assembly import Assembly
from automations.connectors.segment.messages import TYPES
from automations.connectors.segment.samples import example_request, sample
from automations.connectors.segment.triggers.page import PageViewed
from automations.connectors.segment.triggers.track import Tracked
from automations.engine.contracts import DirectoryLike, InboundRequest, Occurrence, Trigger
from automations.engine.definition import parse_definition
from automations.engine.registry import Registry
from automations.settings import Settings
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


def consenting(preferences: Any) -> Occurrence:
    record = {**Tracked().sample.record, "context": {"consent": {"categoryPreferences": preferences}}}
    return replace(Tracked().sample, record=record)


@pytest.mark.parametrize(
    ("wanted", "preferences", "expected"),
    [
        ("Advertising", {"Advertising": True}, None),
        (["Advertising", "Analytics"], {"Advertising": True, "Analytics": True}, None),
        ([], {}, None),
        ("Advertising", {"Advertising": False}, "consent to Advertising is refused, wanted true"),
        ("Advertising", {"Advertising": "true"}, "consent to Advertising is not given, wanted true"),
        ("Advertising", {"Analytics": True}, "consent to Advertising is not given, wanted true"),
        (["Analytics", "Ads"], {"Analytics": True}, "consent to Ads is not given, wanted true"),
        ("Advertising", None, "consent to Advertising is not given, wanted true"),
        ("Advertising", "all", "consent to Advertising is not given, wanted true"),
    ],
)
def test_only_messages_with_consent_start_a_recipe_that_wants_it(
    wanted: Any, preferences: Any, expected: str | None
) -> None:
    fields = Tracked.Fields.model_validate({"consent": wanted})
    assert Tracked().narrow(fields, consenting(preferences), NO_LISTS) == expected


def test_every_message_type_may_want_consent() -> None:
    for trigger in Registry.discover(entry_points=False).triggers.values():
        if trigger.key.startswith("segment."):
            assert reason(trigger(), consent="Ads") == "consent to Ads is not given, wanted true"


def test_a_message_without_consent_says_why_it_was_passed_over(tmp_path: Path) -> None:
    assembly = Assembly.make(Settings(instance=tmp_path))
    try:
        app = assembly.connections.save("segment", "app", {})
        step = {"name": "words", "action": "engine.set", "fields": {"values": {"a": 1}}}
        trigger = {"key": "segment.track", "connection": "app", "fields": {"consent": "Advertising"}}
        assembly.recipes.apply([("", parse_definition({"name": "ads", "trigger": trigger, "steps": [step]}))])
        kind = assembly.registry.kinds["segment"]
        for said in ({"Advertising": True}, {"Advertising": False}):
            context = {"consent": {"categoryPreferences": said}}
            body = {"type": "track", "event": "x", "userId": "7", "messageId": str(said), "context": context}
            request = InboundRequest(orjson.dumps(body), "application/json", {}, None, "/v1/track")
            assembly.intake.accept(app.id or 0, kind.receive(request))
        runner = assembly.runner("test/1/a")
        runner.work_until_idle()
        runner.drain(5.0)
        answers = [assembly.history.why(event_id)[0] for event_id in (1, 2)]
    finally:
        assembly.close()
    assert [(one.answer, one.reason) for one in answers][1] == (
        "filtered",
        "consent to Advertising is refused, wanted true",
    )
    assert answers[0].answer != "filtered"


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
