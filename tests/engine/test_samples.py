"""Samples: kept, pasted and captured; a bad one never takes the good ones with it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from automations.engine.contracts import Occurrence
from automations.engine.samples import KEPT_PER_TRIGGER, sample_text
from automations.errors import InputError, NotFoundError
from tests.engine.conftest import ToyHouse
from tests.engine.toy import ThingHappened, arrival

KEY = ThingHappened.key


def test_the_most_real_sample_comes_first(house: ToyHouse) -> None:
    samples, connection_id = house.assembly.samples, house.connection.id or 0
    house.thing(5, name="Rope")
    samples.paste(KEY, connection_id, '{"id": 9, "name": "Kite"}')
    choices = samples.choices(KEY, connection_id)
    assert [(c.ref, c.name) for c in choices] == [
        ("event:1", "Rope (5)"), ("sample:1", "Kite (9)"), ("built_in", "Ball (1) (built in)"),
    ]  # fmt: skip
    assert samples.get("event:1", KEY).record["name"] == "Rope"
    assert samples.get("sample:1", KEY).record["name"] == "Kite"
    assert samples.get("built_in", KEY) == ThingHappened.sample


def test_an_event_that_cannot_be_read_is_no_sample_and_hides_no_other(house: ToyHouse) -> None:
    house.send(arrival(1), arrival(2, poison=True))
    choices = house.assembly.samples.choices(KEY, house.connection.id)
    assert [choice.ref for choice in choices] == ["event:1", "built_in"]
    with pytest.raises(NotFoundError, match="cannot be read"):
        house.assembly.samples.get("event:2", KEY)
    with pytest.raises(NotFoundError, match="cannot be read"):
        house.assembly.samples.event(2)


@pytest.mark.parametrize(
    "ref", ["event:99", "sample:99", "event:" + "9" * 30, "event:²", "event:", "nonsense", "x:1"]
)
def test_a_sample_that_is_gone_is_told(house: ToyHouse, ref: str) -> None:
    with pytest.raises(NotFoundError):
        house.assembly.samples.get(ref, KEY)


def test_an_unknown_trigger_is_told_with_the_nearest_name(house: ToyHouse) -> None:
    with pytest.raises(NotFoundError, match=r"toy\.thing_happened"):
        house.assembly.samples.choices("toy.thing_hapened", None)


def test_what_is_pasted_may_be_a_record_a_webhook_or_an_occurrence(house: ToyHouse) -> None:
    parse = house.assembly.samples.parse
    assert parse(KEY, '{"name": "Kite"}').record == {"name": "Kite"}
    assert parse(KEY, '{"id": 3, "name": "Kite"}').record_key == "thing:3"
    given = Occurrence(
        "thing.happened", "thing", {"id": 4}, {"id": 3}, "thing:4", "four", related={"owner": {}}
    )
    assert parse(KEY, sample_text(given)) == given


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "5", "null", "{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 5_000,
        '{"record": {}, "previous": 5}', '{"record": {}, "related": []}', '{"record": {}, "facts": "x"}',
        '{"record": {}, "record_key": 5}', '{"record": {}, "label": {}}', '{"record": {}, "topic": 1}',
        '{"record": {}, "entity": null}', '{"record": {}, "occurred_at": 5}', '{"a": "' + "x" * 300_000 + '"}',
    ],
)  # fmt: skip
def test_what_cannot_be_a_sample_is_refused(house: ToyHouse, text: str) -> None:
    with pytest.raises(InputError):
        house.assembly.samples.paste(KEY, house.connection.id or 0, text)


def test_only_so_many_samples_are_kept(house: ToyHouse) -> None:
    samples, connection_id = house.assembly.samples, house.connection.id or 0
    for n in range(KEPT_PER_TRIGGER + 10):
        samples.paste(KEY, connection_id, orjson.dumps({"id": n}).decode(), name=f"sample {n}")
    kept = [c for c in samples.choices(KEY, connection_id) if c.ref.startswith("sample:")]
    assert len(kept) == KEPT_PER_TRIGGER
    assert kept[0].name == f"sample {KEPT_PER_TRIGGER + 9}"
    with house.assembly.database.connect_for_read() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM sample").scalar() == KEPT_PER_TRIGGER


def test_a_sample_of_the_same_name_replaces_the_earlier_one(house: ToyHouse) -> None:
    samples, connection_id = house.assembly.samples, house.connection.id or 0
    samples.paste(KEY, connection_id, '{"id": 1}', name="mine")
    samples.paste(KEY, connection_id, '{"id": 2}', name="mine")
    (kept,) = [c for c in samples.choices(KEY, connection_id) if c.ref.startswith("sample:")]
    assert samples.get(kept.ref, KEY).record["id"] == 2


def test_pulled_records_are_kept_newest_first_with_what_belongs_to_them(
    house: ToyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(self: Any, fields: Any, client: Any, limit: int) -> list[Occurrence]:
        return [
            Occurrence("thing.happened", "thing", {"id": n}, None, f"thing:{n}", f"n {n}") for n in (9, 8)
        ]

    monkeypatch.setattr(ThingHappened, "pull", pull)
    choices = house.assembly.samples.pull(KEY, house.connection.id or 0, {"color": "red"})
    assert [choice.name for choice in choices] == ["n 9", "n 8"]
