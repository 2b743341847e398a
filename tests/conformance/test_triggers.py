"""What every trigger promises, whoever wrote it."""

from __future__ import annotations

import json

from automations.engine.contracts import Occurrence, Trigger, topic_fits


def test_its_page_says_when_it_starts_a_recipe(trigger: type[Trigger]) -> None:
    assert (trigger.__doc__ or "").strip()
    assert trigger.title
    assert trigger.sentence


def test_it_looks_at_its_own_kind_of_arrival(trigger: type[Trigger]) -> None:
    assert trigger.topics
    assert trigger.connection.receives
    assert topic_fits(trigger.sample.topic, trigger.topics)


def test_its_sample_is_what_it_waits_for(trigger: type[Trigger]) -> None:
    assert trigger().occurred(trigger.sample) is None
    assert trigger.sample.entity
    assert trigger.sample.record
    assert trigger.sample.label


def test_its_sample_is_plain_json(trigger: type[Trigger]) -> None:
    shown = json.loads(json.dumps(trigger.sample.as_json(), allow_nan=False))
    assert Occurrence.from_json(shown) == trigger.sample


def test_nothing_narrows_it_unless_asked(trigger: type[Trigger]) -> None:
    class NothingFetched:
        def get(self, name: str) -> None:
            return None

        def put(self, name: str, entries: object) -> None:
            raise AssertionError(f"{name} was fetched")

    fields = trigger.Fields.model_validate({})
    assert trigger().narrow(fields, trigger.sample, NothingFetched()) is None


def test_its_form_can_be_drawn(trigger: type[Trigger]) -> None:
    for name, part in trigger.Fields.model_json_schema()["properties"].items():
        assert part.get("title"), f"{name} has no title"
